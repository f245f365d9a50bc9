"""Where reports are asked for: each gets a consistent reading of the database, and the memory of this process.

Sums over closed hours are kept for ten minutes, a dashboard as a whole for five seconds: it costs the votes nothing when a whole
newsroom keeps it open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from reactions.newsroom.sites import Site
from reactions.reports import article, cursors, dashboard, filters, listing, periods, series
from reactions.reports.article import Life
from reactions.reports.dashboard import Dashboard
from reactions.reports.filters import Filters
from reactions.reports.listing import Listing, Walk
from reactions.reports.memory import Memory
from reactions.reports.periods import Period
from reactions.reports.reading import Reading
from reactions.reports.series import Series
from reactions.storage import engines

CLOSED_HOURS_KEPT_S = 600
DASHBOARD_KEPT_S = 5
_MOST_SUMS = 400_000  # entries of closed hours, about 80 MB
_MOST_DASHBOARDS = 500


@dataclass(frozen=True, slots=True)
class Asked:
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

    def read(self, site: Site, now_ms: int) -> tuple[Period, Filters]:
        """The period and the filters. Raises MalformedPeriod or MalformedFilter."""
        zone = self.time_zone or site.time_zone
        period = periods.read(zone=zone, now_ms=now_ms, name=self.period, first=self.first, last=self.last, unit=self.unit)
        return period, filters.read(section=self.section, author=self.author, tag=self.tag, text=self.text)


class Newsroom:
    """All reports, for all sites of one database. `clock` gives the time in UTC milliseconds."""

    def __init__(
        self,
        engine: Engine,
        *,
        cursor_key: bytes,
        clock: Callable[[], int],
        closed_hours_kept_s: float = CLOSED_HOURS_KEPT_S,
        dashboard_kept_s: float = DASHBOARD_KEPT_S,
    ) -> None:
        self._engine = engine
        self._cursor_key = cursor_key
        self._clock = clock
        self._closed_hours = Memory(keep_s=closed_hours_kept_s, items=_MOST_SUMS)
        self._dashboards = Memory(keep_s=dashboard_kept_s, items=_MOST_DASHBOARDS)

    def dashboard(self, site: Site, asked: Asked) -> Dashboard:
        """The dashboard, at most five seconds old. Raises MalformedPeriod or MalformedFilter."""
        now_ms = self._clock()
        period, chosen = asked.read(site, now_ms)

        def read() -> Dashboard:
            with self._reading(site, now_ms) as reading:
                return dashboard.read(reading, period, chosen)

        # Periods of two zones can be equal; what is told of them is not.
        return self._dashboards.recall((site.id, period, period.time_zone, chosen), read)

    def articles(self, site: Site, asked: Asked, *, sort: str = "", limit: int = 50, cursor: str = "") -> Listing:
        """A page of the list of articles.

        Raises MalformedPeriod, MalformedFilter, UnknownSort, or MalformedCursor for one that no page of this list gave.
        """
        sort, now_ms = sort or listing.DEFAULT_SORT, self._clock()
        bound_to = _bound_to(site, asked, sort)
        opened = cursors.opened(cursor, self._cursor_key, bound_to, now_ms=now_ms) if cursor else None
        period, chosen = asked.read(site, opened.began_ms if opened else now_ms)
        with self._reading(site, now_ms) as reading:
            walk = Walk(period, chosen, sort, limit, opened)
            return listing.read(reading, walk, key=self._cursor_key, bound_to=bound_to)

    def article(self, site: Site, key: str, *, unit: str = "", time_zone: str = "") -> Life:
        """All about one article. Raises MalformedKey, UnknownArticle or MalformedPeriod."""
        zone = periods.zone_named(time_zone or site.time_zone)
        with self._reading(site, self._clock()) as reading:
            return article.read(reading, key, zone=zone, unit=unit)

    def series(self, site: Site, asked: Asked) -> Series:
        """The series of a period. Raises MalformedPeriod or MalformedFilter."""
        now_ms = self._clock()
        period, chosen = asked.read(site, now_ms)
        with self._reading(site, now_ms) as reading:
            return series.read(reading, period, chosen)

    @contextmanager
    def _reading(self, site: Site, now_ms: int) -> Iterator[Reading]:
        with engines.snapshot(self._engine) as connection:
            yield Reading(connection, site, now_ms, self._closed_hours)


def _bound_to(site: Site, asked: Asked, sort: str) -> Sequence[str]:
    """What a cursor is good for: everything but the length of the pages."""
    return [
        site.key, sort, asked.period, asked.first, asked.last, asked.unit, asked.time_zone,
        asked.section, asked.author, asked.tag, asked.text,
    ]  # fmt: skip
