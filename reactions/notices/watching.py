"""Watching a site: the numbers of the moment, put to each rule. It reads tallies, the hourly series and articles, never votes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from reactions.newsroom.sites import Site
from reactions.notices import rules
from reactions.notices.raising import Finding
from reactions.reports import figures, listings, metrics, periods
from reactions.reports.figures import Card
from reactions.reports.listings import Numbers
from reactions.reports.metrics import Measure
from reactions.reports.query import Memory, Reading

_ONE_LOOK_S, _EVERYTHING = 600, 10_000_000  # what is read is remembered throughout one look at a site, and no longer


@dataclass(frozen=True, slots=True)
class _Found:
    """What a rule says of an article, before the article's name is known."""

    rule: str
    article_id: int
    opening: str
    detail: str
    figures: dict[str, Any]


def findings(connection: Connection, site: Site, *, now_ms: int) -> list[Finding]:
    """What the rules find at a time (UTC ms); whether it was raised before is not asked here."""
    reading = Reading(connection, site, now_ms, Memory(keep_s=_ONE_LOOK_S, items=_EVERYTHING))
    lately = range(reading.hour - rules.SOUR_HOURS + 1, reading.hour + 1)
    active = figures.cards_of(connection, site, list(reading.by_article(lately)))
    numbers = listings.live(reading, lately)
    found = [
        *(_surge(numbers, card) for card in active if rules.surges(numbers.trend(card))),
        *_turns(numbers, active),
        *_most_loved(reading, numbers),
        *_records(reading, numbers, active),
    ]
    return _named(connection, found)


def _surge(numbers: Numbers, card: Card) -> _Found:
    trend = numbers.trend(card)
    detail = (
        f"{trend.gained:,} reactions that are not negative in {metrics.TREND_HOURS} hours: {trend.ratio:.1f} times what articles "
        f"of its age gain here ({trend.expected:.0f})."
    )
    figures_ = {"gained": trend.gained, "expected": round(trend.expected, 2), "ratio": round(trend.ratio, 2)}
    return _Found(rules.SURGING, card.article_id, "Surging", detail, figures_)


def _turns(numbers: Numbers, active: list[Card]) -> Iterator[_Found]:
    usual = numbers.norms.shares
    for card in active:
        recent = numbers.sums[card.article_id].votes
        early = numbers.votes.get(card.article_id, metrics.NO_VOTES).less(recent).at_least_none
        late = recent.at_least_none
        before, lately = metrics.mood(early, usual), metrics.mood(late, usual)
        if rules.turned_sour(before, early.total, lately, late.total):
            yield _turn(card, (before, early.total), (lately, late.total))


def _turn(card: Card, before: tuple[Measure, int], lately: tuple[Measure, int]) -> _Found:
    (was, was_votes), (is_, is_votes) = before, lately
    detail = (
        f"The mood of the last {rules.SOUR_HOURS} hours is {is_.value:+.2f} ({is_votes:,} votes); before, it was "
        f"{was.value:+.2f} ({was_votes:,} votes)."
    )
    told = {"before": {**asdict(was), "votes": was_votes}, "lately": {**asdict(is_), "votes": is_votes}}
    return _Found(rules.TURNED_SOUR, card.article_id, "Turned sour", detail, told)


def _most_loved(reading: Reading, numbers: Numbers) -> Iterator[_Found]:
    """The article of the last 28 days whose mood is the best even at the lower end of its interval."""
    young = periods.read(zone=reading.site.time_zone, now_ms=reading.now_ms, name=f"{rules.LOVED_DAYS}d")
    born = [card.article_id for card in figures.cards_of(reading.connection, reading.site, [], young)]
    votes = {article_id: numbers.votes[article_id] for article_id in born if article_id in numbers.votes}
    moods = {article_id: metrics.mood(each, numbers.norms.shares) for article_id, each in votes.items()}
    able = [article_id for article_id, mood in moods.items() if rules.may_be_loved(mood, votes[article_id].total)]
    if len(able) < 2:  # the best of one is no distinction
        return
    best = max(able, key=lambda article_id: (moods[article_id].low, votes[article_id].total, article_id))
    mood, total = moods[best], votes[best].total
    detail = (
        f"The best mood of all articles of {rules.LOVED_DAYS} days: {mood.value:+.2f}, and surely above {mood.low:+.2f}, "
        f"from {total:,} votes."
    )
    yield _Found(rules.MOST_LOVED, best, "Most loved", detail, {"mood": asdict(mood), "votes": total})


def _records(reading: Reading, numbers: Numbers, active: list[Card]) -> Iterator[_Found]:
    totals = {article_id: votes.total for article_id, votes in numbers.votes.items() if votes.total > 0}
    fullest = sorted(totals, key=lambda article_id: totals[article_id], reverse=True)[: rules.RECORD_OTHERS + 1]
    oldest_ms = reading.now_ms - rules.RECORD_DAYS * rules.DAY_MS
    for card in active:
        best = card.article_id == fullest[0] if fullest else False
        if best and card.born_ms > oldest_ms and card.article_id in numbers.recent:
            yield from _record(reading.site, card, [totals[article_id] for article_id in fullest])


def _record(site: Site, card: Card, totals: list[int]) -> Iterator[_Found]:
    total, *others = totals
    if rules.is_record(total, others):
        detail = f"{total:,} votes, more than any article of {site.name} before; the most had been {others[0]:,}."
        yield _Found(rules.RECORD, card.article_id, "A record", detail, {"votes": total, "former": others[0]})


def _named(connection: Connection, found: list[_Found]) -> list[Finding]:
    rows = {row.article_id: row for row in figures.records_of(connection, {each.article_id for each in found})}
    return [_finding(each, rows[each.article_id]) for each in found]


def _finding(found: _Found, row: Any) -> Finding:
    return Finding(
        rule=found.rule,
        article_id=found.article_id,
        article={"key": row.key, "title": row.title, "url": row.url, "section": row.section},
        headline=f"{found.opening}: {row.title or row.key}",
        detail=found.detail,
        figures=found.figures,
        rest_ms=rules.REST_MS[found.rule],
    )
