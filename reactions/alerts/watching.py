"""Watching a site: the numbers of the moment, put to each rule. It reads tallies, the hourly series and articles, never votes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, cast, func, select

from reactions import models
from reactions.alerts import rules
from reactions.alerts.raising import Finding
from reactions.reports import cards, figures, metrics, periods, ranking
from reactions.reports.cards import Card
from reactions.reports.memory import Memory
from reactions.reports.metrics import Measure, Votes
from reactions.reports.ranking import Numbers
from reactions.reports.reading import Reading
from reactions.sites import Site

_a, _t = models.article.c, models.tally.c


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
    reading = Reading(connection, site, now_ms, Memory(keep_s=0, items=0))
    lately = range(reading.hour - rules.SOUR_HOURS + 1, reading.hour + 1)
    active = cards.of(connection, site, list(reading.by_article(lately)))
    numbers = ranking.live(reading, lately, lambda: [card.article_id for card in active])
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
        early = _less(numbers.votes.get(card.article_id, ranking.NO_VOTES), recent).at_least_none
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
    born = [card.article_id for card in cards.of(reading.connection, reading.site, [], young)]
    votes = figures.votes_of(reading.connection, reading.site, born)
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
    young = {card.article_id for card in active if reading.now_ms - card.born_ms < rules.RECORD_DAYS * rules.DAY_MS}
    if not young:
        return
    (best, total), *others = _fullest(reading.connection, reading.site) or [(0, 0)]
    gaining = best in young and best in numbers.recent
    if gaining and rules.is_record(total, [n for _, n in others]):
        former = others[0][1]
        detail = f"{total:,} votes, more than any article of {reading.site.name} before; the most had been {former:,}."
        yield _Found(rules.RECORD, best, "A record", detail, {"votes": total, "former": former})


def _fullest(connection: Connection, site: Site) -> list[tuple[int, int]]:
    """The articles with the most votes, and how many: as many articles as a record has to beat, and itself."""
    total = cast(func.sum(_t.n + _t.imported), BigInteger)
    asked = (
        select(_t.article_id, total)
        .join(models.article, _a.article_id == _t.article_id)
        .where(_a.site_id == site.id, _a.merged_into.is_(None))
        .group_by(_t.article_id)
        .having(total > 0)
        .order_by(total.desc(), _t.article_id)
        .limit(rules.RECORD_OTHERS + 1)
    )
    return [(article_id, n) for article_id, n in connection.execute(asked)]


def _named(connection: Connection, found: list[_Found]) -> list[Finding]:
    rows = {row.article_id: row for row in cards.rows_of(connection, {each.article_id for each in found})}
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


def _less(votes: Votes, other: Votes) -> Votes:
    return Votes(*(mine - theirs for mine, theirs in zip(votes, other, strict=True)))
