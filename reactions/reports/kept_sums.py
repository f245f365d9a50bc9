"""Sums of closed hours that a process begins with: what another has summed, packed into a few rows of a table.

They hold nothing that the hourly series does not say, and are believed only under the number of rewrites of the past that they
were read under. They end where the rollups end: into hours before that no vote comes any more without telling. A process that
starts moves them on to its own hours as it does with what it remembers itself.
"""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from sqlalchemy import Connection, func, select

from reactions.newsroom.sites import Site
from reactions.reports import memory
from reactions.reports.figures import Sums
from reactions.reports.metrics import Votes
from reactions.reports.norms import EDGES, STEPS, Life
from reactions.storage import tables
from reactions.storage.engines import insert_for

_k = tables.kept_sums.c
_NUMBERS = "q"  # eight bytes each, the lowest first
_FORMAT = 1  # of what is packed: versions of the service that pack otherwise do not read each other's


def find(connection: Connection, site: Site, what: str, hours: range, rewrites: int) -> tuple[range, Any] | None:
    """The sums of hours that are nearest to these, and of which hours they are; None if none are near enough to be moved on."""
    mine = (_k.site_id == site.id, _k.what.startswith(what), _k.rewrites == rewrites, _k.moods == moods_of(site))
    known = {
        range(first, before): name
        for name, first, before in connection.execute(select(_k.what, _k.first_hour, _k.before_hour).where(*mine)).all()
    }
    near = memory.nearest(known, hours)
    if near is None:
        return None
    packed = connection.execute(select(_k.sums).where(_k.site_id == site.id, _k.what == known[near])).scalar_one()
    return near, _unpacked_as(what, packed)


def read(connection: Connection, site: Site, rewrites: int) -> list[tuple[str, range, Any]]:
    """All that is kept of a site and to be believed: under which name, of which hours, and the sums."""
    mine = (_k.site_id == site.id, _k.rewrites == rewrites, _k.moods == moods_of(site))
    rows = connection.execute(select(_k.what, _k.first_hour, _k.before_hour, _k.sums).where(*mine).order_by(_k.what)).all()
    return [(what, range(first, before), _unpacked_as(what, sums)) for what, first, before, sums in rows]


def upto(connection: Connection, site: Site, rewrites: int) -> int:
    """The UTC hour before which all that is kept of a site goes, and is to be believed; 0 if there is none."""
    mine = (_k.site_id == site.id, _k.rewrites == rewrites, _k.moods == moods_of(site))
    return connection.execute(select(func.min(_k.before_hour)).where(*mine)).scalar() or 0


def moods_of(site: Site) -> str:
    """What sums by mood depend on, and how they are packed, in short."""
    said = json.dumps([_FORMAT, *((entry.key, entry.mood) for entry in site.reactions.entries)])
    return hashlib.sha256(said.encode()).hexdigest()


def put(connection: Connection, site: Site, what: str, hours: range, rewrites: int, value: Any) -> None:
    """Keep sums of some hours, in the place of those that were kept before."""
    packed = zlib.compress(KINDS[what.partition(" ")[0]][0](value), 1)
    row = {"first_hour": hours.start, "before_hour": hours.stop, "rewrites": rewrites, "moods": moods_of(site), "sums": packed}
    statement = insert_for(connection)(tables.kept_sums).values(site_id=site.id, what=what, **row)
    connection.execute(statement.on_conflict_do_update(index_elements=["site_id", "what"], set_=row))


def _unpacked_as(what: str, packed: bytes) -> Any:
    return KINDS[what.partition(" ")[0]][1](zlib.decompress(packed))


def _packed(numbers: Iterable[int]) -> bytes:
    held = array(_NUMBERS, numbers)
    if sys.byteorder == "big":
        held.byteswap()
    return held.tobytes()


def _unpacked(packed: bytes) -> array[int]:
    held: array[int] = array(_NUMBERS)
    held.frombytes(packed)
    if sys.byteorder == "big":
        held.byteswap()
    return held


def _pack_rows(rows: Mapping[int, Iterable[int]]) -> bytes:
    return _packed(chain.from_iterable((article_id, *row) for article_id, row in rows.items()))


def _rows(packed: bytes, width: int) -> Iterator[tuple[int, ...]]:
    numbers = iter(_unpacked(packed))
    return zip(*[numbers] * width, strict=True)


def _unpack_sums(packed: bytes) -> dict[int, Sums]:
    return {article_id: Sums(a, r, p, n, x, y) for article_id, a, r, p, n, x, y in _rows(packed, 7)}


def _unpack_votes(packed: bytes) -> dict[int, Votes]:
    return {article_id: Votes(positive, negative, total) for article_id, positive, negative, total in _rows(packed, 4)}


def _pack_lives(lives: Mapping[int, Life]) -> bytes:
    """The reactions as text, then for each article its numbers, and for each reaction the gains by step."""
    reactions = sorted({reaction for life in lives.values() for reaction in life.rises})
    nothing = [0] * len(STEPS)
    rows = {
        article_id: chain(
            (life.born_hour,), life.readers, life.gained, *(life.rises.get(reaction, nothing) for reaction in reactions)
        )
        for article_id, life in lives.items()
    }
    return json.dumps(reactions).encode() + b"\n" + _pack_rows(rows)


def _unpack_lives(packed: bytes) -> dict[int, Life]:
    head, _, body = packed.partition(b"\n")
    reactions: list[str] = json.loads(head)
    steps, start = len(STEPS), 2 + len(STEPS) + len(EDGES)
    lives = {}
    for row in _rows(body, start + steps * len(reactions)):
        gains = [list(row[first : first + steps]) for first in range(start, len(row), steps)]
        rises = {reaction: each for reaction, each in zip(reactions, gains, strict=True) if any(each)}
        lives[row[0]] = Life(row[1], rises, list(row[2 : 2 + steps]), list(row[2 + steps : start]))
    return lives


KINDS: Mapping[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "by_article": (_pack_rows, _unpack_sums),
    "votes": (_pack_rows, _unpack_votes),
    "lives": (_pack_lives, _unpack_lives),
}
