"""Series: what was given and taken back in each bucket of a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from reactions.reports import filters as filtering
from reactions.reports.figures import Cell, Moves
from reactions.reports.filters import Filters
from reactions.reports.periods import Period, Slot
from reactions.reports.reading import Reading
from reactions.times import HOUR_MS


@dataclass(frozen=True, slots=True)
class Change:
    """Reactions given and taken back, and the difference."""

    added: int
    removed: int
    net: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """One step of a series. `start` is the local time it stands for, `start_utc` the UTC hour from which it counts."""

    start: datetime
    start_utc: datetime
    added: int
    removed: int
    net: int
    reactions: Mapping[str, Change]


@dataclass(frozen=True, slots=True)
class Series:
    """The buckets of a period, without gaps."""

    period: Period
    series: Sequence[Bucket]


def read(reading: Reading, period: Period, filters: Filters) -> Series:
    """The series of a site, or of its articles that match."""
    among = filtering.matching(reading.connection, reading.site, filters)
    return Series(period, buckets(period.slots(), reading.by_hour(period.hours, among), keys_of(reading)))


def keys_of(reading: Reading) -> list[str]:
    """The reactions a series always tells of: those on offer."""
    return list(reading.site.reactions.keys)


def buckets(slots: Sequence[Slot], cells: Mapping[Cell, Moves], keys: Sequence[str]) -> list[Bucket]:
    """What happened in each slot; every bucket has every one of `keys`, and any other reaction that moved in it."""
    place_of = {hour: place for place, slot in enumerate(slots) for hour in slot.hours}
    added: list[dict[str, int]] = [dict.fromkeys(keys, 0) for _ in slots]
    removed: list[dict[str, int]] = [dict.fromkeys(keys, 0) for _ in slots]
    for (hour, reaction), (given, taken) in cells.items():
        place = place_of[hour]
        added[place][reaction] = added[place].get(reaction, 0) + given
        removed[place][reaction] = removed[place].get(reaction, 0) + taken
    return [_bucket(slot, added[place], removed[place]) for place, slot in enumerate(slots)]


def _bucket(slot: Slot, added: Mapping[str, int], removed: Mapping[str, int]) -> Bucket:
    given, taken = sum(added.values()), sum(removed.values())
    return Bucket(
        start=slot.start,
        start_utc=datetime.fromtimestamp(slot.hours.start * HOUR_MS / 1000, UTC),
        added=given,
        removed=taken,
        net=given - taken,
        reactions={key: Change(n, removed[key], n - removed[key]) for key, n in added.items()},
    )
