"""Views by article and day from the tools that count pages: Plausible, Matomo, GA4. For sites that do not count views themselves.

Everything of `totals` is used again, with a day in the place of a reaction: entries are checked and wait on a stage, the stage
becomes a plan, and `apply` carries it out. A file states the days that it has: these are replaced, others stay. Pages that are no
article of the site are counted and left out; nothing is registered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from reactions.imports import record, sources, totals
from reactions.imports.sources import Fault, Source
from reactions.imports.tools import pages
from reactions.imports.tools.pages import Ga4Lines, Page, ViewsTool
from reactions.imports.totals import Amounts, Plan, Stage, Unusable
from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, MalformedKey, MalformedPeriod, UnreadableImport
from reactions.reports import periods
from reactions.storage.engines import plan_lists_anew, snapshot
from reactions.votes import imported_views
from reactions.votes.imported_views import day_of

TEMPLATES = (
    "{path}",
    "{bare_path}",
    "{url}",
    "{slug}",
)  # of keys, if the operator names none; the first of those that fit alike
_COMPARED = 2000  # entries whose keys are compared with the site's articles
_ZIP = b"PK\x03\x04"
_DAY = re.compile(r"(\d{4})(-?)(\d\d)\2(\d\d)")


@dataclass(frozen=True, slots=True)
class ViewsOptions:
    """What the operator says about a file of views. `day` (2026-03-01) is for a file without dates, `key` a template of keys."""

    site: Site
    now_ms: int
    day: str | None = None
    key: str | None = None


class Unknown(NamedTuple):
    """Pages that are no article of the site: how many, their views, and the most viewed."""

    pages: int
    views: int
    examples: Sequence[str]


class ViewsStage(Stage):
    """Views by key and day, then by article and day; beside them those of pages whose address cannot be a key."""

    def __init__(self) -> None:
        super().__init__()
        self._db.executescript("create table stray (page text primary key, n integer) without rowid")
        self.hours: dict[str, range] = {}  # of each day of the file, UTC hours
        self.unfinished = 0  # lines about today, which are left out

    def add_stray(self, page: str, n: int) -> None:
        """Take in the views of a page that cannot be an article."""
        self._db.execute("insert into stray values (?, ?) on conflict do update set n = n + excluded.n", (page[:200], n))

    def unknown(self) -> Unknown:
        """The pages that lead to no article, once keys have their places."""
        missed = (
            "select key, sum(n) as n from amount where n > 0 and key not in (select key from placed) group by 1 "
            "union all select page, n from stray"
        )
        pages, seen = self._one(f"select count(*), sum(n) from ({missed})")  # noqa: S608  a constant
        examples = self._db.execute(f"select key from ({missed}) order by n desc, key limit 10")  # noqa: S608  a constant
        return Unknown(pages, seen or 0, [page for (page,) in examples])


def gather(stage: ViewsStage, engine: Engine, tool: ViewsTool, source: Source, options: ViewsOptions) -> None:
    """Read a whole file onto the stage. Raises Faulty, UnreadableImport or ImportConflict."""
    site = options.site
    if site.count_views:
        raise ImportConflict(
            f"{site.key} counts views itself (count_views is {site.count_views}), and a site either counts or imports them. "
            f"`reactions site set {site.key} --count-views 0` ends the counting."
        )
    if source.start().startswith(_ZIP):
        raise UnreadableImport("This is a ZIP archive. Unpack it, and import the table of pages in it (imported_pages_….csv).")
    ga4 = Ga4Lines(source) if tool.name == "ga4" else None
    read = iter(pages.read_pages(tool, ga4 or source))
    first = list(islice(read, _COMPARED))
    template = options.key or likely_key(engine, site, first)
    day_of_file = _DayOfFile(options, ga4)
    totals.refuse_faults(chain(first, read), lambda page: _stage(stage, page, template, day_of_file))
    if not first:
        raise UnreadableImport(f"The file holds no page at all. {tool.advice}")


def likely_key(engine: Engine, site: Site, read: Iterable[Page | Fault]) -> str:
    """The template that finds most of the site's articles: the path of an address, with its slashes or not, all, or its end."""
    named = [page for page in read if isinstance(page, Page)]
    with engine.connect() as connection:
        plan_lists_anew(connection)
        found = {template: _registered(connection, site, _keys(named, template)) for template in TEMPLATES}
    return max(TEMPLATES, key=found.__getitem__)


def plan(engine: Engine, site: Site, source: str, stage: ViewsStage) -> Plan:
    """Compare the stage with what the source has brought for these days; changes nothing.

    Raises UnreadableImport if no page is an article, ImportConflict for days that have views from elsewhere.
    """
    with snapshot(engine) as connection:
        plan_lists_anew(connection)
        known = record.find(connection, site, source)
        if known is not None and not known.brings_views:
            has = record.already(connection, site, known)
            raise ImportConflict(f"{has}, and these are views. Give them a name of their own with --source.")
        _place(connection, site, stage)
        if not stage.figures()[0]:
            raise UnreadableImport(_nothing(site, stage))
        _refuse_other_views(connection, site, source, stage.hours)
        days = {day_of(day) for day in stage.hours}
        for amounts in imported_views.of_source(connection, site, source):
            stage.set_before([(article_id, imported_views.shown(day), n) for article_id, day, n in amounts if day in days])
    return Plan(site, known, stage, *stage.figures(), hours=stage.hours)


class _DayOfFile:
    """Which day a line is about: its own date, the day that the operator names, or the one day that GA4's comments name."""

    def __init__(self, options: ViewsOptions, ga4: Ga4Lines | None) -> None:
        self._site, self._now_ms, self._day, self._ga4 = options.site, options.now_ms, options.day, ga4
        self._known: dict[str, tuple[str, range, bool]] = {}

    def of(self, page: Page) -> tuple[str, range, bool]:
        """The day (2026-03-01), its UTC hours, and whether it is still running. Raises Unusable or UnreadableImport."""
        text = self._named() if page.day is None else page.day
        if page.day is not None and self._day is not None:
            raise UnreadableImport("The file has dates of its own. Leave --day out.")
        if text not in self._known:
            self._known[text] = self._read(text) if page.day is not None else self._read_named(text)
        found = self._known[text]
        if found[2] and page.day is None:
            raise UnreadableImport(f"{found[0]} is not over yet in {self._site.time_zone}. Import it tomorrow.")
        return found

    def _read_named(self, text: str) -> tuple[str, range, bool]:
        try:
            return self._read(text)
        except Unusable as unusable:
            raise UnreadableImport(f"The file's {unusable}") from None

    def _read(self, text: str) -> tuple[str, range, bool]:
        parts = _DAY.fullmatch(text)
        if not parts:
            raise Unusable(f"date is {text[:40]!r}, which is not a day such as 2026-03-01 or 20260301.")
        day = f"{parts[1]}-{parts[3]}-{parts[4]}"
        try:
            period = periods.read(zone=self._site.time_zone, now_ms=self._now_ms, first=day, last=day)
        except MalformedPeriod:
            raise Unusable(f"date is {text!r}, which is no day of the past in {self._site.time_zone}.") from None
        return day, period.hours, period.runs

    def _named(self) -> str:
        about = self._ga4.days if self._ga4 else set()
        if len(about) > 1:
            first, last = imported_views.shown(day_of(min(about))), imported_views.shown(day_of(max(about)))
            raise UnreadableImport(f"The file adds up {first} to {last}. Export one day at a time, or with the dimension Date.")
        if self._day is None and not about:
            raise UnreadableImport("The file has no dates. Say which day it is about: --day 2026-03-01, or export it by day.")
        day = self._day or min(about)
        if about and day.replace("-", "") not in about:
            raise UnreadableImport(f"The file is about {min(about)}, and --day is {day}.")
        return day


def _stage(stage: ViewsStage, page: Page, template: str, days: _DayOfFile) -> Fault | None:
    try:
        day, hours, runs = days.of(page)
        if runs:
            stage.unfinished += 1
            return None
        stage.hours[day] = hours
        key = totals.key_from(template, page.names)
    except Unusable as unusable:
        return Fault(page.place, str(unusable))
    except MalformedKey:  # a page with such an address can be no article
        stage.add_stray(page.page, page.views)
        return None
    return stage.add(Amounts(page.place, key, {day: page.views}), add_up=True)


def _keys(named: Iterable[Page], template: str) -> set[str]:
    keys = set()
    for page in named:
        try:
            keys.add(totals.key_from(template, page.names))
        except MalformedKey:
            continue
    return keys


def _registered(connection: Connection, site: Site, keys: Iterable[str]) -> int:
    return sum(len(_articles(connection, site, chunk)) for chunk in sources.chunks(keys, 500))


def _articles(connection: Connection, site: Site, keys: Sequence[str]) -> dict[str, int]:
    """The ids of registered articles by key."""
    ids = articles.ids_of(connection, site, keys)
    known = articles.ids_known(connection, set(ids.values()))
    return {key: article_id for key, article_id in ids.items() if article_id in known}


def _place(connection: Connection, site: Site, stage: ViewsStage) -> None:
    for keys in list(stage.article_keys()):
        ids = _articles(connection, site, keys)
        stage.place(ids, frozenset(ids.values()))
    stage.sum_up()


def _nothing(site: Site, stage: ViewsStage) -> str:
    unknown = stage.unknown()
    if not unknown.pages:
        return "The file holds no views of a day that is over."
    return (
        f"No page of the file is an article of {site.key}, for example {unknown.examples[0][:100]!r}. Try --key: the names are "
        "{path}, {bare_path}, {slug} and {url}."
    )


def _refuse_other_views(connection: Connection, site: Site, source: str, hours: Mapping[str, range]) -> None:
    """Views of two sources, or imported and counted ones, are never added up."""
    others, counted = imported_views.sources_by_day(connection, site), imported_views.counted_hours(connection, site)
    for day, span in sorted(hours.items()):
        if (other := others.get(day_of(day), source)) != source:
            raise ImportConflict(
                f"{day} has views from {other} already. `reactions import remove {site.key} {other}` removes those, and --source "
                f"{other} replaces them day by day."
            )
        if not counted.isdisjoint(span):
            raise ImportConflict(f"On {day} the widget counted views, and these are never added up. Leave that day out.")
