"""The four rules that say when an article is worth an editor's attention. docs/digest-and-alerts.md states them in words.

Each rule compares the numbers of the moment with the usual ones, both drawn towards the site's average by the formulas of
`reports.metrics`, so that a handful of votes proves nothing. Reactions with a negative mood never make an article surge. The
rules read tallies, the hourly series and articles, never votes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from reactions.newsroom import alert_rules
from reactions.newsroom.sites import Site
from reactions.notices import alerts
from reactions.notices.alerts import Finding
from reactions.reports import figures, metrics, periods, ranking
from reactions.reports.figures import Card
from reactions.reports.memory import Memory
from reactions.reports.metrics import Measure
from reactions.reports.query import Reading
from reactions.reports.ranking import Numbers, Trend
from reactions.times import DAY_MS, HOUR_MS

SURGING, TURNED_SOUR, MOST_LOVED, RECORD = "surging", "turned sour", "most loved", "record"

SOUR_HOURS = 6  # how long "lately" is, the present hour included
LOVED_DAYS = 28  # the most loved article was published in this time
RECORD_DAYS = 28  # an article that sets a record was published in this time
RECORD_MIN_OTHERS = 20  # articles with votes that a site needs before it has records

# How long a rule stays silent about an article once it was raised.
COOLING_OFF_MS = {SURGING: 12 * HOUR_MS, TURNED_SOUR: 3 * DAY_MS, MOST_LOVED: LOVED_DAYS * DAY_MS, RECORD: 365 * DAY_MS}

_KEEP_S, _ITEMS = 600, 10_000_000  # figures are remembered while one site is examined, and no longer


@dataclass(frozen=True, slots=True)
class _Match:
    """An article that meets a rule, before its title is known."""

    rule: str
    article_id: int
    figures: dict[str, Any]


def surges(trend: Trend, *, times: float, readers: int) -> bool:
    """True for an article that gains so many times what articles of its age do, and so many readers."""
    return trend.gained >= readers and trend.ratio >= times


def turned_sour(before: Measure, before_votes: int, lately: Measure, lately_votes: int, *, votes: int) -> bool:
    """True if the mood was clearly good and is now clearly bad: the 95 % intervals lie on either side of 0."""
    enough = before_votes >= votes and lately_votes >= votes
    return enough and before.low > 0 > lately.high


def may_be_most_loved(mood: Measure, total: int, *, votes: int) -> bool:
    """True if an article has enough votes to compete, and the lower end of its mood's interval is above 0."""
    return total >= votes and mood.low > 0


def is_record(total: int, others: list[int], *, votes: int) -> bool:
    """True if an article has more votes than each of the others, and these are enough for that to mean something."""
    return total >= votes and len(others) >= RECORD_MIN_OTHERS and total > max(others)


def findings(connection: Connection, site: Site, *, now_ms: int) -> list[Finding]:
    """What the rules find at a time (UTC ms), whether or not it was raised before."""
    reading = Reading(connection, site, now_ms, Memory(keep_s=_KEEP_S, items=_ITEMS))
    lately = range(reading.hour - SOUR_HOURS + 1, reading.hour + 1)
    active = list(reading.cards(reading.by_article(lately)).values())
    numbers = ranking.live(reading, lately)
    matches = [match for rule in (_surges, _turns, _most_loved, _records) for match in rule(reading, numbers, active)]
    rows = {row.article_id: row for row in figures.records_of(connection, {match.article_id for match in matches})}
    return [_finding(site, match, rows[match.article_id]) for match in matches]


def _thresholds(site: Site, rule: str) -> dict[str, Any] | None:
    """The thresholds of a rule at a site; None if the rule is off."""
    thresholds = alert_rules.completed(site.alert_rules)[rule.replace(" ", "_")]
    return thresholds if thresholds.pop("on") else None


def _surges(reading: Reading, numbers: Numbers, active: list[Card]) -> Iterator[_Match]:
    if (least := _thresholds(reading.site, SURGING)) is not None:
        yield from (_surge(numbers, card) for card in active if surges(numbers.trend(card), **least))


def _surge(numbers: Numbers, card: Card) -> _Match:
    trend = numbers.trend(card)
    figures = {"gained": trend.gained, "expected": round(trend.expected, 2), "ratio": round(trend.ratio, 2)}
    return _Match(SURGING, card.article_id, figures)


def _turns(reading: Reading, numbers: Numbers, active: list[Card]) -> Iterator[_Match]:
    if (least := _thresholds(reading.site, TURNED_SOUR)) is None:
        return
    usual = numbers.norms.shares
    for card in active:
        recent = numbers.sums[card.article_id].votes
        early = numbers.votes.get(card.article_id, metrics.NO_VOTES).less(recent).at_least_none
        late = recent.at_least_none
        before, lately = metrics.mood(early, usual), metrics.mood(late, usual)
        if before is None or lately is None:
            continue
        if turned_sour(before, early.total, lately, late.total, **least):
            yield _turn(card, (before, early.total), (lately, late.total))


def _turn(card: Card, before: tuple[Measure, int], lately: tuple[Measure, int]) -> _Match:
    (was, was_votes), (is_, is_votes) = before, lately
    figures = {"before": {**asdict(was), "votes": was_votes}, "lately": {**asdict(is_), "votes": is_votes}}
    return _Match(TURNED_SOUR, card.article_id, figures)


def _most_loved(reading: Reading, numbers: Numbers, _active: list[Card]) -> Iterator[_Match]:
    """The article of the last 28 days whose mood is the best even at the lower end of its interval."""
    if (least := _thresholds(reading.site, MOST_LOVED)) is None:
        return
    young = periods.read(zone=reading.site.time_zone, now_ms=reading.now_ms, name=f"{LOVED_DAYS}d")
    born = [card.article_id for card in reading.born(young.span_ms.start, young.span_ms.stop)]
    votes = {article_id: numbers.votes[article_id] for article_id in born if article_id in numbers.votes}
    measured = ((article_id, metrics.mood(each, numbers.norms.shares)) for article_id, each in votes.items())
    moods = {article_id: mood for article_id, mood in measured if mood is not None}
    able = [article_id for article_id, mood in moods.items() if may_be_most_loved(mood, votes[article_id].total, **least)]
    if len(able) < 2:  # the best of one is no distinction
        return
    best = max(able, key=lambda article_id: (moods[article_id].low, votes[article_id].total, article_id))
    mood, total = moods[best], votes[best].total
    yield _Match(MOST_LOVED, best, {"mood": asdict(mood), "votes": total})


def _records(reading: Reading, numbers: Numbers, active: list[Card]) -> Iterator[_Match]:
    if (least := _thresholds(reading.site, RECORD)) is None:
        return
    totals = {article_id: votes.total for article_id, votes in numbers.votes.items() if votes.total > 0}
    fullest = sorted(totals, key=lambda article_id: totals[article_id], reverse=True)[: RECORD_MIN_OTHERS + 1]
    oldest_ms = reading.now_ms - RECORD_DAYS * DAY_MS
    for card in active:
        best = card.article_id == fullest[0] if fullest else False
        if best and card.born_ms > oldest_ms and card.article_id in numbers.recent:
            yield from _record(card, [totals[article_id] for article_id in fullest], **least)


def _record(card: Card, totals: list[int], *, votes: int) -> Iterator[_Match]:
    total, *others = totals
    if is_record(total, others, votes=votes):
        yield _Match(RECORD, card.article_id, {"votes": total, "former": others[0]})


def _finding(site: Site, match: _Match, row: Any) -> Finding:
    return Finding(
        rule=match.rule,
        article_id=match.article_id,
        article={"key": row.key, "title": row.title, "url": row.url, "section": row.section},
        headline=alerts.headline(match.rule, row.title),
        detail=alerts.reason(site, match.rule, match.figures),
        figures=match.figures,
        cooling_off_ms=COOLING_OFF_MS[match.rule],
    )
