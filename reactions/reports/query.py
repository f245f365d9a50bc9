"""The parameters of a report, and the reading that answers it: which database, which site, what time.

An hour is closed two minutes after its end, when no vote can still be on its way into it. What closed hours say is kept in
memory; only the hours since are read again for each report. Filters are the same on screen, in JSON and in exports. The file is
longer than 300 lines because what is remembered is of no use without what says how it is read and moved on.
"""

from __future__ import annotations

import json
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Text, cast, func, select

from reactions.languages import gettext
from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedFilter
from reactions.reports import figures, kept_sums, norms, periods
from reactions.reports.figures import NO_MOVES, NONE, Card, Cell, Moves, Sums
from reactions.reports.memory import Memory
from reactions.reports.metrics import NO_VOTES, Votes
from reactions.reports.norms import Births, Life, Norms
from reactions.reports.periods import Period, Slot
from reactions.storage import tables
from reactions.times import DAY_MS, HOUR_MS, MINUTE_MS
from reactions.votes import rollups, tallies

GRACE_MS = tallies.LATE_MS + MINUTE_MS
K = TypeVar("K", bound=Hashable)
S = TypeVar("S", Sums, Moves)
T = TypeVar("T")
_MOST_CHARACTERS = 200
_KEPT_PERIODS = ("7d", "28d", "90d")
_BORN_TOGETHER_MS = 32 * DAY_MS
_born_ms = attrgetter("born_ms")
_UNSTORABLE = {"Cc", "Cs"}
_a = tables.article.c


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What a report is asked about, as texts; empty means the usual. `first` and `last` are days, both included."""

    period: str = ""
    first: str = ""
    last: str = ""
    unit: str = ""
    time_zone: str = ""
    section: str = ""
    author: str = ""
    tag: str = ""
    text: str = ""
    reaction: str = ""

    @property
    def of_life(self) -> bool:
        """True if it is about everything since the site's first vote."""
        return self.period == periods.LIFE and not (self.first or self.last)

    def read(self, site: Site, now_ms: int, *, began_ms: int | None = None) -> tuple[Period, Filters]:
        """The period and the filters; `began_ms` is the site's first vote, UTC. Raises MalformedPeriod or MalformedFilter."""
        zone = self.time_zone or site.time_zone
        if self.of_life:
            local_zone = periods.zone_named(zone)
            first_ms = now_ms if began_ms is None else began_ms
            period = periods.since(first_ms, zone=local_zone, now_ms=now_ms, unit=self.unit)
        else:
            period = periods.read(zone=zone, now_ms=now_ms, name=self.period, first=self.first, last=self.last, unit=self.unit)
        chosen = filters_of(section=self.section, author=self.author, tag=self.tag, text=self.text)
        return period, replace(chosen, reaction=_reaction(site, self.reaction))


@dataclass(frozen=True, slots=True)
class Filters:
    """What articles must have; empty means anything.

    `section`, `author` and `tag` are whole names. Every word of `text` stands in the title or the key. Capitals are ignored, and
    no sign stands for others. `reaction` is one that the period brought.
    """

    section: str = ""
    author: str = ""
    tag: str = ""
    text: str = ""
    reaction: str = ""

    def __bool__(self) -> bool:
        """True if anything is asked."""
        return any(astuple(self))

    @property
    def words(self) -> list[str]:
        """The words of `text`, as they are compared."""
        return folded(self.text).split()


def filters_of(*, section: str = "", author: str = "", tag: str = "", text: str = "") -> Filters:
    """The filters, spaces around them removed. Raises MalformedFilter."""
    given = {"section": section.strip(), "author": author.strip(), "tag": tag.strip(), "text": text.strip()}
    for name, value in given.items():
        pointer = "#/q" if name == "text" else f"#/{name}"
        if len(value) > _MOST_CHARACTERS:
            raise MalformedFilter(gettext("A filter has at most %(n)s characters.", n=_MOST_CHARACTERS), pointer=pointer)
        if any(unicodedata.category(character) in _UNSTORABLE for character in value):
            raise MalformedFilter(gettext("A filter must not contain control characters."), pointer=pointer)
    return Filters(**given)


def _reaction(site: Site, key: str) -> str:
    known = [entry.key for entry in site.reactions.entries]
    if key and key not in known:
        raise MalformedFilter(
            gettext("This site has no reaction %(key)s. It has: %(keys)s.", key=repr(key[:64]), keys=", ".join(known)),
            pointer="#/reaction",
        )
    return key


def matching(connection: Connection, site: Site, filters: Filters) -> frozenset[int] | None:
    """The ids of the site's articles that match in all but their reactions; None stands for all of them."""
    if not replace(filters, reaction=""):
        return None
    asked = select(_a.article_id, _a.key, _a.title, _a.section, cast(_a.authors, Text), cast(_a.tags, Text)).where(
        _a.site_id == site.id, *_conditions(filters)
    )
    words = filters.words
    return frozenset(
        article_id
        for article_id, key, title, section, authors, tags in connection.execute(asked).all()
        if _is(filters.section, [section or ""])
        and _is(filters.author, figures.names_in(authors))
        and _is(filters.tag, figures.names_in(tags))
        and (not words or _has_words(words, title, key))
    )


def folded(text: str) -> str:
    """Text as it is compared when capitals do not matter."""
    return unicodedata.normalize("NFKC", text).casefold()


def _conditions(filters: Filters) -> Iterator[ColumnElement[bool]]:
    """What the database can tell by itself; only nearly, so that `matching` looks again."""
    if filters.section.isascii() and filters.section:
        yield func.lower(_a.section) == filters.section.lower()
    for column, name in ((_a.authors, filters.author), (_a.tags, filters.tag)):
        if name and name.isascii():
            yield cast(column, Text).icontains(json.dumps(name), autoescape=True)


def _is(wanted: str, names: Iterable[str]) -> bool:
    return not wanted or folded(wanted) in map(folded, names)


def _has_words(words: list[str], title: str | None, key: str) -> bool:
    text = f"{folded(title or '')} {folded(key)}"
    return all(word in text for word in words)


@dataclass(frozen=True)
class Reading:
    """A consistent view of the database, and what is remembered of earlier ones. `now_ms` is UTC."""

    connection: Connection
    site: Site
    now_ms: int
    memory: Memory
    _norms_of: dict[int, Norms] = field(default_factory=dict, repr=False)
    _steady: dict[str, frozenset[int] | None] = field(default_factory=dict, repr=False)
    _born: dict[int, Sequence[Card]] = field(default_factory=dict, repr=False)

    @cached_property
    def rewrites(self) -> int:
        """What remembered sums of closed hours must have been read under."""
        return tallies.rewrites(self.connection)

    @cached_property
    def changes(self) -> int:
        """What remembered articles must have been read under, beside `rewrites`: an article that goes is a rewrite too."""
        return articles.changes(self.connection, self.site)

    @cached_property
    def rolled(self) -> int:
        """The UTC hour before which the rollups may be read."""
        return rollups.covered_before(self.connection)

    @property
    def hour(self) -> int:
        """The UTC hour that runs."""
        return self.now_ms // HOUR_MS

    @property
    def closed_before(self) -> int:
        """The first UTC hour that may still change."""
        return closed_before(self.now_ms)

    def matching(self, filters: Filters, hours: range) -> frozenset[int] | None:
        """The ids of the site's articles that match, what these hours brought among it; None stands for all of them."""
        wanted = replace(filters, reaction="")
        of = (self.changes, self.rewrites, wanted)
        among = self.remember("matching", of, lambda: matching(self.connection, self.site, wanted)) if wanted else None
        if not filters.reaction:
            self._steady["among"] = among
            return among
        chosen = frozenset(article_id for article_id, net in self.given(hours, filters.reaction).items() if net > 0)
        return chosen if among is None else chosen & among

    def cards(self, article_ids: Iterable[int]) -> dict[int, Card]:
        """The cards of articles, by id; those of merged ones and of other sites are left out."""
        ids = list(article_ids)
        if missing := [article_id for article_id in ids if article_id not in self._cards]:
            read = {card.article_id: card for card in figures.cards_of(self.connection, self.site, missing)}
            self._cards.update({article_id: read.get(article_id) for article_id in missing})
        return {article_id: card for article_id in ids if (card := self._cards[article_id]) is not None}

    def born(self, first_ms: int, stop_ms: int) -> Sequence[Card]:
        """The cards of the articles that were born between two times, UTC ms."""
        usual = (self.hour - norms.WINDOW_HOURS - 2) * HOUR_MS
        since = min(first_ms, usual) // _BORN_TOGETHER_MS * _BORN_TOGETHER_MS  # moves on every few weeks only
        known = next((each for each in self._born if each <= since), since)
        if known not in self._born:
            of = (self.changes, self.rewrites, since)
            self._born[since] = self.remember("born", of, lambda: figures.cards_born_since(self.connection, self.site, since))
        cards = self._born[known]
        first, stop = (bisect_left(cards, at_ms, key=_born_ms) for at_ms in (first_ms, stop_ms))
        return cards[first:stop]

    @cached_property
    def _cards(self) -> dict[int, Card | None]:
        return self.remember("cards", (self.changes, self.rewrites), dict)

    def given(self, hours: range, reaction: str) -> Mapping[int, int]:
        """The net of one reaction in these hours, of every article of the site that it moved on."""
        past, recent = self._parted(hours)

        def read(part: range) -> dict[int, Moves]:
            return figures.of_reaction(self.connection, self.site, part, reaction, rolled=self.rolled)

        closed, live = self._closed(f"given {reaction}", past, read), read(recent)
        nets = {article_id: moves.net for article_id, moves in closed.items()}
        return {**nets, **{article_id: moves.net + nets.get(article_id, 0) for article_id, moves in live.items()}}

    def norms(self, hour: int) -> Norms:
        """What was usual for the site before a closed hour."""
        if hour not in self._norms_of:
            of = (self.changes, self.rewrites, hour)
            self._norms_of[hour] = self.remember("norms", of, lambda: self._norms(hour))
        return self._norms_of[hour]

    def votes_before(self, hour: int) -> Mapping[int, Votes]:
        """The votes of each of the site's articles as they stood before a closed hour."""

        def moved(known: range, votes: Mapping[int, Votes]) -> Mapping[int, Votes]:
            if hour >= known.stop:
                since = self._sums(range(known.stop, hour))
                more = {article_id: votes.get(article_id, NO_VOTES).plus(sums.votes) for article_id, sums in since.items()}
            else:
                since = self._sums(range(hour, known.stop))
                more = {article_id: votes.get(article_id, NO_VOTES).less(sums.votes) for article_id, sums in since.items()}
            return {**votes, **more}

        key = (*self._key("votes", self.rewrites), range(hour))
        find = self._finder("votes", range(hour))
        return self.memory.recall(key, lambda: self._votes_before(hour), moved=moved, find=find)

    @cached_property
    def since_closed(self) -> Mapping[int, Sums]:
        """The sums of every article that anything happened to since the last closed hour."""
        return figures.by_article(self.connection, self.site, range(self.closed_before, self.hour + 1))

    def by_article(self, hours: range) -> Mapping[int, Sums]:
        """The sums of every article that anything happened to in these hours."""
        past, recent = self._parted(hours)
        closed = self._closed("by_article", past, self._sums)
        if not recent:
            return closed
        is_all = recent == range(self.closed_before, self.hour + 1)
        live = self.since_closed if is_all else self._sums(recent)
        return {**closed, **{article_id: sums.plus(closed.get(article_id, NONE)) for article_id, sums in live.items()}}

    def _sums(self, hours: range) -> dict[int, Sums]:
        return figures.by_article(self.connection, self.site, hours, rolled=self.rolled)

    def to_keep(self, hour: int) -> Iterator[tuple[str, range, Any]]:
        """What a process that starts may begin with, summed before an hour: under which name, and of which hours."""
        for name in _KEPT_PERIODS:
            first = periods.read(zone=self.site.time_zone, now_ms=self.now_ms, name=name).hours.start
            yield self._kept(f"by_article {name}", range(first, max(hour, first)))
        yield self._kept("votes", range(hour))
        yield self._kept("lives", range(hour - norms.WINDOW_HOURS, hour))

    def _kept(self, what: str, hours: range) -> tuple[str, range, Any]:
        return what, hours, self.summed(what, hours)

    def summed(self, what: str, hours: range) -> Mapping[int, Any]:
        """What `kept_sums` keeps under a name, by article, of hours that are closed."""
        if what == "votes":
            return self.votes_before(hours.stop)
        return self._lives(self._births(hours.stop), hours) if what == "lives" else self.by_article(hours)

    def _births(self, hour: int) -> Births:
        return sorted(self.born((hour - norms.WINDOW_HOURS) * HOUR_MS, hour * HOUR_MS))

    def remember(self, what: str, of: Hashable, make: Callable[[], T]) -> T:
        """What is remembered of the site under a name and what it depends on, or made now."""
        return self.memory.recall(self._key(what, of), make)

    def by_slot(self, slots: Sequence[Slot], hours: range, among: Collection[int] | None) -> Mapping[Cell, Moves]:
        """The reactions added and removed by slot (its first hour) and reaction, of all articles or of some."""
        if self._changes_with_votes(among):
            return figures.by_place(slots, figures.by_hour(self.connection, self.site, hours, among=among))
        past, recent = self._parted(hours)
        bounds = (self.rewrites, among, past, *(slot.hours.start for slot in slots))
        closed = self.remember("by_slot", bounds, lambda: figures.by_place(slots, self._by_hour(past, among)))
        live = figures.by_place(slots, figures.by_hour(self.connection, self.site, recent, among=among))
        return {**closed, **{cell: moves.plus(closed.get(cell, NO_MOVES)) for cell, moves in live.items()}}

    def by_reaction(self, hours: range, among: Collection[int] | None) -> Mapping[str, Moves]:
        """The reactions added and removed by reaction, of all articles or of some."""
        if self._changes_with_votes(among):
            return figures.by_reaction(self.connection, self.site, hours, among=among)
        past, recent = self._parted(hours)

        def read(part: range) -> dict[str, Moves]:
            return figures.by_reaction(self.connection, self.site, part, among=among, rolled=self.rolled)

        closed, live = self._closed(("by_reaction", among), past, read), read(recent)
        return {key: closed.get(key, NO_MOVES).plus(live.get(key, NO_MOVES)) for key in closed.keys() | live.keys()}

    def readers_by_part(self, hours: Collection[int], among: Collection[int] | None) -> Mapping[int, Sequence[int]]:
        """The readers of some hours who voted on an article for the first time, by ten minutes."""
        past = tuple(hour for hour in hours if hour < self.closed_before)
        recent = [hour for hour in hours if hour >= self.closed_before]
        if self._changes_with_votes(among):
            return figures.readers_by_part(self.connection, self.site, hours, among=among)
        closed = self.remember(
            "by_part",
            (self.rewrites, among, *past),
            lambda: figures.readers_by_part(self.connection, self.site, past, among=among),
        )
        return {**closed, **figures.readers_by_part(self.connection, self.site, recent, among=among)}

    def first_hour(self) -> int | None:
        """The UTC hour of the first vote on the site, as known at the last closed hour."""
        key = self._key("first_hour", self.closed_before)
        return self.memory.recall(key, lambda: figures.first_hour(self.connection, self.site))

    def _norms(self, hour: int) -> Norms:
        votes = self.votes_before(hour).values()
        births = self._births(hour)
        standing = Votes(*map(sum, zip(*votes, strict=True))) if votes else NO_VOTES
        return norms.read(births, self._lives(births, range(hour - norms.WINDOW_HOURS, hour)), hour, standing)

    def _lives(self, births: Births, hours: range) -> Mapping[int, Life]:
        """What young articles and peers gained: what is remembered, with the hours that have closed since."""

        def moved(known: range, lives: Mapping[int, Life]) -> Mapping[int, Life]:
            return norms.lives(self.connection, self.site, births, hours, known=lives, to=known.stop)

        key = (*self._key("lives", self.rewrites), hours)
        find = self._finder("lives", hours)
        kept = self.memory.recall(key, lambda: norms.lives(self.connection, self.site, births, hours), moved=moved, find=find)
        return kept if norms.has_all(kept, births, hours) else moved(hours, kept)

    def _votes_before(self, hour: int) -> Mapping[int, Votes]:
        """Those of now, less what the hours since have brought."""
        since = figures.by_article(self.connection, self.site, range(hour, self.hour + 1))
        votes = figures.votes_of(self.connection, self.site)
        return {**votes, **{article_id: votes.get(article_id, NO_VOTES).less(sums.votes) for article_id, sums in since.items()}}

    def _by_hour(self, past: range, among: Collection[int] | None) -> Mapping[Cell, Moves]:
        def read(part: range) -> dict[Cell, Moves]:
            return figures.by_hour(self.connection, self.site, part, among=among, rolled=self.rolled)

        return self._closed(("by_hour", among), past, read)

    def _changes_with_votes(self, among: Collection[int] | None) -> bool:
        """True if what these articles bring is not remembered: votes make others match."""
        return among is not None and among is not self._steady.get("among")

    def _closed(self, what: Hashable, past: range, read: Callable[[range], dict[K, S]]) -> Mapping[K, S]:
        """Sums over closed hours: those remembered, with the hours added that have closed since and those taken off that left."""

        def moved(known: range, sums: Mapping[K, S]) -> Mapping[K, S]:
            come, gone = _beyond(past, known), _beyond(known, past)
            for part in come:
                sums = {**sums, **{key: each.plus(sums[key]) if key in sums else each for key, each in read(part).items()}}
            for part in gone:
                sums = {**sums, **{key: sums[key].less(each) for key, each in read(part).items() if key in sums}}
            return {key: each for key, each in sums.items() if each.added or each.removed} if gone else sums

        if not past:
            return {}
        key = (*self._key(what, self.rewrites), past)
        return self.memory.recall(key, lambda: read(past), moved=moved, find=self._finder(what, past))

    def _finder(self, what: Hashable, hours: range) -> Callable[[], Any]:
        """Looks for what another process has kept of neighbouring hours."""
        if not isinstance(what, str) or what not in kept_sums.KINDS:
            return lambda: None
        return lambda: kept_sums.find(self.connection, self.site, what, hours, self.rewrites)

    def _parted(self, hours: range) -> tuple[range, range]:
        border = min(max(self.closed_before, hours.start), hours.stop)
        return range(hours.start, border), range(border, hours.stop)

    def _key(self, what: Hashable, hours: Hashable) -> tuple[object, ...]:
        moods = tuple((entry.key, entry.mood) for entry in self.site.reactions.entries)
        return what, self.site.id, moods, hours


def _beyond(hours: range, known: range) -> list[range]:
    """The parts of some hours that lie before and after others that they overlap."""
    parts = (range(hours.start, min(known.start, hours.stop)), range(max(known.stop, hours.start), hours.stop))
    return [part for part in parts if part]


def closed_before(now_ms: int) -> int:
    """The first UTC hour that may still change at a time."""
    return (now_ms - GRACE_MS) // HOUR_MS
