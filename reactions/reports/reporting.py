"""The entry to the reports: each gets a consistent reading of the database, and this process's memory.

What is usual is kept for ten minutes, a dashboard as a whole for five seconds: it costs the votes nothing when a whole newsroom
keeps it open. Sums over closed hours are kept for two hours: one that closes is added to them, one that leaves taken off. What
was asked for today is read again in the background when an hour has closed, so that no editor waits for that.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine

from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.refusals import Refusal
from reactions.reports import article, cursors, dashboard, figures, kept_sums, listings, periods, ranking
from reactions.reports.article import Life
from reactions.reports.dashboard import Dashboard, Series
from reactions.reports.listings import Listing, ListRequest
from reactions.reports.memory import Memory
from reactions.reports.periods import Period
from reactions.reports.query import Filters, Reading, ReportQuery, closed_before
from reactions.storage import engines, locks
from reactions.times import DAY_MS, HOUR_MS

CLOSED_HOURS_KEPT_S = 600
DASHBOARD_KEPT_S = 5
_MOST_SUMS = 400_000  # entries of closed hours, about 80 MB
_MOST_DASHBOARDS = 500
_KEPT_EVERY_HOURS = 3
_KEEPING_S = 600
_MOST_WARM = 32
_WARMING_S = 10.0
_PAUSE_S = 0.1  # between two reports that nobody waits for, for what somebody does
_Asked = tuple[int, ReportQuery, str | None]  # the site, and the order of a list; None for a dashboard


class Reports:
    """All reports, for all sites of one database.

    `clock` gives the time in UTC milliseconds, `complete_until` the same for what a connection reads, which may be a replica.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        cursor_key: bytes,
        older_cursor_keys: Sequence[bytes] = (),
        clock: Callable[[], int],
        complete_until: Callable[[Connection], int] | None = None,
        closed_hours_kept_s: float = CLOSED_HOURS_KEPT_S,
        dashboard_kept_s: float = DASHBOARD_KEPT_S,
    ) -> None:
        self._engine = engine
        self._cursor_key, self._cursor_keys = cursor_key, (cursor_key, *older_cursor_keys)
        self._clock = clock
        self._complete_until = complete_until or (lambda _: clock())
        self._closed_hours = Memory(keep_s=closed_hours_kept_s, items=_MOST_SUMS)
        self._dashboards = Memory(keep_s=dashboard_kept_s, items=_MOST_DASHBOARDS)
        self._noting = threading.Lock()
        self._asked: dict[_Asked, int] = {}  # and when; the last that was asked for stands last
        self._warm_for: int | None = None  # the hour that warming was done for

    def dashboard(self, site: Site, query: ReportQuery) -> Dashboard:
        """The dashboard, at most five seconds old. Raises MalformedPeriod or MalformedFilter."""
        read = self._dashboard(site, query)
        self._note(site, query, None)
        return read

    def _dashboard(self, site: Site, query: ReportQuery) -> Dashboard:
        now_ms = self._clock()
        period, chosen = self._read(site, query, now_ms)

        def read() -> Dashboard:
            with self._reading(site, now_ms) as reading:
                return dashboard.read(reading, period, chosen)

        # A period that runs ends at another moment each time, and periods of two zones can be equal.
        key = (site.id, period.name, period.start, period.hours, period.unit, period.time_zone, chosen)
        return self._dashboards.recall(key, read)

    def articles(self, site: Site, query: ReportQuery, *, sort: str = "", limit: int = 50, cursor: str = "") -> Listing:
        """A page of the list of articles.

        Raises MalformedPeriod, MalformedFilter, UnknownSort, or MalformedCursor for one that no page of this list gave.
        """
        read = self._articles(site, query, sort, limit, cursor)
        self._note(site, query, sort)
        return read

    def _articles(self, site: Site, query: ReportQuery, sort: str = "", limit: int = 50, cursor: str = "") -> Listing:
        sort, now_ms = sort or ("reaction" if query.reaction else ranking.DEFAULT_SORT), self._clock()
        bound_to = _bound_to(site, query, sort)
        opened = cursors.opened(cursor, self._cursor_keys, bound_to, now_ms=now_ms) if cursor else None
        period, chosen = self._read(site, query, opened.began_ms if opened else now_ms)
        with self._reading(site, now_ms) as reading:
            request = ListRequest(period, chosen, sort, limit, opened)
            return listings.read(reading, request, key=self._cursor_key, bound_to=bound_to)

    def article(self, site: Site, key: str, *, unit: str = "", time_zone: str = "") -> Life:
        """All about one article. Raises MalformedKey, UnknownArticle or MalformedPeriod."""
        zone = periods.zone_named(time_zone or site.time_zone)
        with self._reading(site, self._clock()) as reading:
            return article.read(reading, key, zone=zone, unit=unit)

    def series(self, site: Site, query: ReportQuery) -> Series:
        """The series of a period. Raises MalformedPeriod or MalformedFilter."""
        now_ms = self._clock()
        period, chosen = self._read(site, query, now_ms)
        with self._reading(site, now_ms) as reading:
            return dashboard.read_series(reading, period, chosen)

    def earlier(self, site: Site, query: ReportQuery) -> Series:
        """The series of the period before. Raises MalformedPeriod or MalformedFilter."""
        now_ms = self._clock()
        period, chosen = self._read(site, query, now_ms)
        with self._reading(site, now_ms) as reading:
            return dashboard.read_earlier(reading, period, chosen)

    def names(self, site: Site) -> Mapping[str, Sequence[str]]:
        """All sections, authors and tags of a site, to choose from; at most ten minutes old."""
        with self._reading(site, self._clock()) as reading:
            return self._closed_hours.recall(("names", site.id), lambda: figures.names(reading.connection, site))

    def keep_warm(self) -> None:
        """Read what was asked for in the last day, once in each hour; what is usually asked for in a process that starts."""
        hour = closed_before(self._clock())
        if hour == self._warm_for:
            return
        with engines.snapshot(self._engine) as connection:
            known = {site.id: site for site in sites.all_sites(connection)}
        deadline = time.monotonic() + _WARMING_S
        for site_id, query, sort in self._wanted(known):
            if time.monotonic() > deadline:
                break
            with suppress(Refusal):  # a reaction or a time zone that is no more
                self._articles(known[site_id], query, sort) if sort is not None else self._dashboard(known[site_id], query)
            time.sleep(_PAUSE_S)
        self._warm_for = hour

    def _wanted(self, known: Mapping[int, Site]) -> list[_Asked]:
        """What to read, the last that was asked for first."""
        with self._noting:
            recent = list(self._asked.items())
        if not recent and self._warm_for is None:
            return [(site_id, ReportQuery(), sort) for site_id in islice(known, _MOST_WARM) for sort in (None, "")]
        since = self._clock() - DAY_MS
        return [asked for asked, at_ms in reversed(recent) if at_ms >= since and asked[0] in known]

    def _note(self, site: Site, query: ReportQuery, sort: str | None) -> None:
        """Remember that something was asked for."""
        with self._noting:
            self._asked.pop((site.id, query, sort), None)
            self._asked[site.id, query, sort] = self._clock()
            if len(self._asked) > _MOST_WARM:
                del self._asked[next(iter(self._asked))]

    def _read(self, site: Site, query: ReportQuery, now_ms: int) -> tuple[Period, Filters]:
        began_ms = None
        if query.of_life:
            with self._reading(site, now_ms) as reading:
                first = reading.first_hour()
            began_ms = None if first is None else first * HOUR_MS
        return query.read(site, now_ms, began_ms=began_ms)

    @contextmanager
    def _reading(self, site: Site, now_ms: int) -> Iterator[Reading]:
        with engines.snapshot(self._engine) as connection:
            yield Reading(connection, site, min(now_ms, self._complete_until(connection)), self._closed_hours)


def keep_sums(engine: Engine, *, now_ms: int) -> None:
    """Keep sums of closed hours for processes that start, of sites of which nobody has for some hours."""
    with engines.snapshot(engine) as connection:
        every_site = sites.all_sites(connection)
    for site in every_site:
        with engines.snapshot(engine) as connection:
            reading = Reading(connection, site, now_ms, Memory(keep_s=_KEEPING_S, items=_MOST_SUMS))
            if not locks.alone(connection, locks.ROLLING_UP) or not _is_due(reading):
                continue
            made, rewrites = list(reading.to_keep(reading.rolled)), reading.rewrites
        with engines.writing(engine) as connection:
            for what, hours, value in made:
                kept_sums.put(connection, site, what, hours, rewrites, value)


@dataclass(frozen=True, slots=True)
class KeptDifference:
    """Kept sums of a site that are not what its hourly series says, of so many articles. `db rollup --anew` makes them anew."""

    site: str
    what: str
    articles: int


def kept_differences(connection: Connection, site: Site, *, now_ms: int) -> list[KeptDifference]:
    """How what is kept of a site for processes that start differs from what is read now; in the caller's snapshot."""
    reading = Reading(connection, site, now_ms, Memory(keep_s=0, items=0))
    wrong = {
        what: _differing(what, kept, reading.summed(what, hours))
        for what, hours, kept in kept_sums.read(connection, site, reading.rewrites)
    }
    return [KeptDifference(site.key, what, articles) for what, articles in wrong.items() if articles]


def _differing(what: str, kept: Mapping[int, Any], right: Mapping[int, Any]) -> int:
    """Of how many articles the sums differ. Lives are compared where an article was born when it is said to be born now."""
    if what == "lives":
        return sum(life != right[id_] for id_, life in kept.items() if id_ in right and life.born_hour == right[id_].born_hour)
    nothing: tuple[int, ...] = ()
    both = ((tuple(kept.get(id_, nothing)), tuple(right.get(id_, nothing))) for id_ in kept.keys() | right.keys())
    return sum(mine != theirs and any((*mine, *theirs)) for mine, theirs in both)


def _is_due(reading: Reading) -> bool:
    upto = kept_sums.upto(reading.connection, reading.site, reading.rewrites)
    return reading.rolled >= upto + _KEPT_EVERY_HOURS


def _bound_to(site: Site, query: ReportQuery, sort: str) -> Sequence[str]:
    """What a cursor is good for: everything but the length of the pages."""
    return [
        site.key, sort, query.period, query.first, query.last, query.unit, query.time_zone,
        query.section, query.author, query.tag, query.text, query.reaction,
    ]  # fmt: skip
