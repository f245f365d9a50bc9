"""Verdicts: the windows that the detector found suspect, each with its cause in words and the votes that it names."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from reactions.languages import decimal, gettext, ngettext, percent, shown, spoken
from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import UnknownVerdict
from reactions.storage import locks, tables
from reactions.votes import detector, holds
from reactions.votes.detector import Pattern
from reactions.votes.holds import SUSPECT, Held

_ID = re.compile("[0-9a-f]{16}")  # a NUL in it would be a fault of PostgreSQL
_w, _h, _v = tables.verdict.c, tables.hold.c, tables.vote.c


@dataclass(frozen=True, slots=True)
class Verdict:
    """A suspect window. `until_ms` is until when fresh votes of the same pattern belong to it; enforced: they are held."""

    id: str
    site_id: int
    article_id: int
    at_ms: int
    from_ms: int
    to_ms: int
    until_ms: int
    cause: str
    text: str
    pattern: Pattern
    figures: Mapping[str, float]
    enforced: bool


def in_words(site: Site, verdict: Verdict) -> str:
    """Why a window is suspect, in the language in use; the text that was stored where its figures were not."""
    figures = verdict.figures
    if "votes" not in figures:  # the verdicts of releases that stored no more than the text
        return verdict.text
    zone = ZoneInfo(site.time_zone)
    first, last = (datetime.fromtimestamp(at_ms / 1000, zone) for at_ms in (verdict.from_ms, verdict.to_ms))
    said: dict[str, Any] = {
        "suspects": decimal(figures["suspects"]), "votes": decimal(figures["votes"]), "first": shown(first, "Hm"),
        "last": shown(last, "Hm"), "busy": detector.BUSY,
    }  # fmt: skip
    if verdict.cause == detector.MIX:
        return _other_mix(site, verdict, said)
    if verdict.cause == detector.UNSEEN:
        return _unseen(figures, said)
    if verdict.cause == detector.REPEATS:
        return ngettext(
            "%(suspects)s of %(votes)s votes between %(first)s and %(last)s came from fresh readers in %(n)s network that sent "
            "%(busy)s or more each",
            "%(suspects)s of %(votes)s votes between %(first)s and %(last)s came from fresh readers in %(n)s networks that sent "
            "%(busy)s or more each",
            figures["networks"],
            **said,
        )
    return ngettext(
        "%(suspects)s of %(votes)s votes between %(first)s and %(last)s came from fresh readers in %(n)s network",
        "%(suspects)s of %(votes)s votes between %(first)s and %(last)s came from fresh readers in %(n)s networks",
        figures["networks"],
        **said,
    )


def _unseen(figures: Mapping[str, float], said: dict[str, Any]) -> str:
    head = ngettext(
        "%(suspects)s of %(votes)s votes between %(first)s and %(last)s are fresh readers’ from %(n)s network",
        "%(suspects)s of %(votes)s votes between %(first)s and %(last)s are fresh readers’ from %(n)s networks",
        figures["networks"],
        **said,
    )
    seen, usual = int(figures["views"]), math.ceil(figures["usual_votes"])
    told = {
        "head": head,
        "views": ngettext("%(n)s view", "%(n)s views", seen),
        "usual": ngettext("at most %(n)s vote would be usual", "at most %(n)s votes would be usual", usual),
    }
    if figures["votes"] > seen:
        return gettext("%(head)s; more often than the row was seen: %(views)s, for which %(usual)s", **told)
    return gettext("%(head)s; far more often than those who see the row do: %(views)s, for which %(usual)s", **told)


def _other_mix(site: Site, verdict: Verdict, said: dict[str, Any]) -> str:
    figures, key = verdict.figures, verdict.pattern.reaction or ""
    labels = {entry.key: entry.label_in(spoken()) for entry in site.reactions.entries}
    said |= {"reaction": labels.get(key, key), "times": decimal(figures["times_expected"], "#,##0.0")}
    if figures["share"] - figures["share_before"] >= detector.SHIFT:
        return gettext(
            "%(suspects)s of %(votes)s votes between %(first)s and %(last)s are fresh readers’ for %(reaction)s, which "
            "%(before)s of the votes before chose; %(times)s times as many as age and hour predict",
            **said,
            before=percent(figures["share_before"]),
        )
    return gettext(
        "%(suspects)s of %(votes)s votes between %(first)s and %(last)s are fresh readers’ for %(reaction)s; %(times)s times as "
        "many as age and hour predict",
        **said,
    )


def new_id() -> str:
    """The id of a new verdict."""
    return secrets.token_hex(8)


def write(connection: Connection, *found: Verdict) -> None:
    """Store new verdicts, or what has become of them since; none of an article that was deleted meanwhile."""
    locks.take_part_in_counting(connection)
    there = articles.ids_known(connection, {verdict.article_id for verdict in found})
    for verdict in found:
        if verdict.article_id not in there:
            continue
        row = _row(verdict)
        changed = {name: row[name] for name in ("to_at", "until", "text", "networks", "figures", "enforced")}
        if not connection.execute(update(tables.verdict).where(_w.id == verdict.id).values(changed)).rowcount:
            connection.execute(insert(tables.verdict).values(row))


def name_votes(connection: Connection, votes: Sequence[Held]) -> None:
    """Let the verdicts of their holds name votes: those that count become suspect, those that are held stay so for longer.

    Votes that are gone are left out: their readers were forgotten, or their article was moved or deleted.
    """
    votes = _still_there(connection, votes)
    holds.record(connection, votes, state=SUSPECT)


def _still_there(connection: Connection, votes: Sequence[Held]) -> list[Held]:
    """The votes that are stored under the names they had, locked so that nobody renames them meanwhile."""
    keys = sorted((vote.article_id, vote.voter) for vote in votes)
    there: set[tuple[int, bytes]] = set()
    for article_id, group in groupby(keys, key=itemgetter(0)):  # Citus locks rows of one node in a statement
        voters = [voter for _, voter in group]
        for first in range(0, len(voters), 500):
            mine = (_v.article_id == article_id) & _v.voter.in_(voters[first : first + 500])
            asked = select(_v.voter).where(mine).order_by(_v.voter).with_for_update()
            there |= {(article_id, bytes(voter)) for (voter,) in connection.execute(asked)}
    return [vote for vote in votes if (vote.article_id, vote.voter) in there]


def in_force(connection: Connection, *, now_ms: int) -> list[Verdict]:
    """The verdicts whose pattern still holds votes, of all sites and processes."""
    asked = select(tables.verdict).where(_w.until > now_ms, _w.enforced)
    return [_verdict(row) for row in connection.execute(asked)]


def is_over(connection: Connection, verdict: Verdict, *, now_ms: int) -> bool:
    """Whether a verdict was ended, as by an editor who released its votes."""
    until = connection.execute(select(_w.until).where(_w.id == verdict.id)).scalar()
    return until is not None and until <= now_ms < verdict.until_ms


def of_site(
    connection: Connection, site: Site, *, article_id: int | None = None, before: tuple[int, str] | None = None, limit: int
) -> list[Verdict]:
    """A site's verdicts, newest first; `before` is the time and the id of the last one of the page before."""
    conditions: list[ColumnElement[bool]] = [_w.site_id == site.id]
    if article_id is not None:
        conditions.append(_w.article_id == article_id)
    if before is not None:
        conditions.append(or_(_w.at < before[0], (_w.at == before[0]) & (_w.id < before[1])))
    asked = select(tables.verdict).where(*conditions).order_by(_w.at.desc(), _w.id.desc()).limit(limit)
    return [_verdict(row) for row in connection.execute(asked)]


def get(connection: Connection, site: Site, verdict_id: str) -> Verdict:
    """A site's verdict. Raises UnknownVerdict."""
    row = None
    if _ID.fullmatch(verdict_id):
        row = connection.execute(select(tables.verdict).where(_w.site_id == site.id, _w.id == verdict_id)).one_or_none()
    if row is None:
        raise UnknownVerdict(gettext("There is no such verdict."))
    return _verdict(row)


def end(connection: Connection, verdict_id: str, *, now_ms: int) -> None:
    """Hold no further votes by a verdict, as when its votes are released."""
    connection.execute(update(tables.verdict).where(_w.id == verdict_id, _w.until > now_ms).values(until=now_ms))


def _row(verdict: Verdict) -> dict[str, Any]:
    networks = verdict.pattern.networks
    return {
        "id": verdict.id,
        "site_id": verdict.site_id,
        "article_id": verdict.article_id,
        "at": verdict.at_ms,
        "from_at": verdict.from_ms,
        "to_at": verdict.to_ms,
        "until": verdict.until_ms,
        "causes": [verdict.cause],
        "text": verdict.text[:500],
        "reaction": verdict.pattern.reaction,
        "networks": [] if networks is None else sorted(networks),
        "figures": dict(verdict.figures),
        "enforced": verdict.enforced,
    }


def _verdict(row: Row[*tuple[Any, ...]]) -> Verdict:
    return Verdict(
        id=row.id,
        site_id=row.site_id,
        article_id=row.article_id,
        at_ms=row.at,
        from_ms=row.from_at,
        to_ms=row.to_at,
        until_ms=row.until,
        cause=row.causes[0],
        text=row.text,
        pattern=Pattern(row.reaction, frozenset(row.networks) or None),
        figures=row.figures,
        enforced=bool(row.enforced),
    )
