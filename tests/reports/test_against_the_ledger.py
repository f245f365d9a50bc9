"""Random newsrooms, asked twice: the reports, and loops over the ledger. Every number must be the same, on both engines."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from reactions.reports import periods
from reactions.reports.listings import Listing, Row
from reactions.reports.ranking import SORTS
from reactions.reports.reporting import Reports
from tests import make
from tests.lengths import amount, played_at_length
from tests.reports import naive
from tests.reports.naive import Naive
from tests.reports.stage import DAY_MS, HOUR_MS, Stage, Vote, asked, at, stage

SECTIONS, AUTHORS, TAGS = ("Politics", "Sport", None), ("Ada", "Ben", "Zoë"), ("a", "b")
NOWS = (
    at("2025-11-25 12:34"), at("2025-10-26 01:30"),  # in the night when Berlin's clocks go back
    at("2025-11-02 13:00:30"), at("2025-03-30 09:59"), at("2025-04-06 03:01"),  # Lord Howe's go back half an hour
)  # fmt: skip
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
AGES = st.one_of(st.floats(0, 12), st.floats(0, 200), st.floats(110, 200), st.floats(0, 45 * 24))  # hours before now
VIEWS = st.one_of(st.integers(1, 120), st.integers(100, 5000))
_sites = count()


@st.composite
def papers(draw: st.DrawFn) -> tuple[int, str, list[dict[str, Any]], list[Vote]]:
    """A time, a zone, articles, and votes that readers cast, change and withdraw."""
    now = draw(st.sampled_from(NOWS))
    articles = [
        {
            "key": f"story-{number}",
            "at_ms": None if draw(st.integers(0, 9)) == 0 else now - round(draw(AGES) * HOUR_MS),
            "seen_ms": now - round(draw(AGES) * HOUR_MS),
            "section": draw(st.sampled_from(SECTIONS)),
            "authors": draw(st.lists(st.sampled_from(AUTHORS), max_size=2, unique=True)),
            "tags": draw(st.lists(st.sampled_from(TAGS), max_size=2, unique=True)),
            "title": draw(st.sampled_from(("The Straße", "a BIG one", "Big strasse", "none"))),
        }
        for number in range(draw(st.sampled_from((1, 7, 14))))
    ]
    random = Random(draw(st.integers(0, 2**32)))
    votes: dict[tuple[int, str, int], Vote] = {}
    for _ in range(draw(st.sampled_from((0, 20, 250, 350)))):
        article = random.choice(articles)
        born = article["at_ms"] or article["seen_ms"]
        when = min(
            now,
            max(born + round(random.expovariate(1 / 20) * HOUR_MS) - HOUR_MS * random.choice((0, 0, 0, 3)), now - 44 * DAY_MS),
        )
        reader, reaction = random.randrange(40), random.choice((*make.SEVEN[:5], "wow", None))
        votes[reader, article["key"], when] = (reader, article["key"], reaction, when)
    return now, draw(st.sampled_from(ZONES)), articles, list(votes.values())


@played_at_length
@given(paper=papers(), data=st.data())
@settings(
    max_examples=amount(10, 30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_number_is_what_the_ledger_says(engine: Engine, paper: tuple[Any, ...], data: st.DataObject) -> None:
    now, zone, articles, votes = paper
    here = stage(engine, f"site-{next(_sites)}", time_zone=zone, now_ms=now)
    for article in articles:
        here.publish(**article)
    here.vote(*votes)
    for article, hours_ago, times in data.draw(st.lists(st.tuples(st.sampled_from(articles), AGES, VIEWS), max_size=12)):
        here.see(article["key"], times, now - round(hours_ago * HOUR_MS))
    told = naive.read(engine, here.site, now)
    period = {"period": data.draw(st.sampled_from(periods.NAMES))}
    kept_s = data.draw(st.sampled_from((0, 60)))

    _compare_dashboard(here, told, here.reports(kept_s=kept_s), period)
    _compare_series(here, told, period, unit=data.draw(st.sampled_from(("hour", "day", "week"))))
    _compare_filters(here, told, data)
    _compare_lives(here, told, articles[0]["key"])


def _compare_dashboard(here: Stage, told: Naive, newsroom: Reports, about: dict[str, str]) -> None:
    report = newsroom.dashboard(here.site, asked(**about))
    hours, before = report.period.hours, report.previous.hours
    everything = set(told.articles)
    _compare_live(report, told, newsroom)
    totals = told.series(everything, hours.start, hours.stop, "UTC", "hour").values()
    moved = {r: [sum(bucket[r, what] for bucket in totals) for what in ("added", "removed")] for r in told.moods}
    earlier = told.series(everything, before.start, before.stop, "UTC", "hour").values()
    net_before = sum(bucket[r, "added"] - bucket[r, "removed"] for bucket in earlier for r in told.moods)
    assert (report.totals.added, report.totals.removed) == tuple(sum(each) for each in zip(*moved.values(), strict=True))
    assert report.totals.previous_net == net_before
    assert report.totals.readers == sum(a.readers(hours.start, hours.stop) for a in told.articles.values())
    began = min((hour for a in told.articles.values() for hour, _, _ in a.moves), default=None)
    assert (report.since is None) == (began is None or began <= before.start)
    full = told.now_ms // HOUR_MS if period_runs(report) else hours.stop
    net = sum(a.net(told.moods, {-1, 0, 1}, hours.start, full) for a in told.articles.values())
    comparable = report.since is None and net_before >= 5
    assert report.totals.change == (pytest.approx((net - net_before) / net_before) if comparable else None)
    assert {entry.key: [entry.added, entry.removed] for entry in report.reactions} == moved
    left = {r: max(added - removed, 0) for r, (added, removed) in moved.items()}
    polar = [sum(n for r, n in left.items() if told.moods[r] == mood) for mood in (1, -1)]
    assert _measure(report.mood) == pytest.approx(told.mood(*polar, sum(left.values())))
    assert _measure(report.split) == pytest.approx(told.split(*polar, sum(left.values())))
    listed = told.listed(hours.start, hours.stop, periods.to_ms(report.period.start), _end_ms(report))
    _compare_groups(report, told, listed, hours)
    rows = _all_rows(newsroom, here, about, sort="votes")
    assert {row.article for row in rows} == listed
    for row in rows:
        _compare_row(row, told, hours)
    for sort in SORTS:
        query = asked(**about, reaction="like" if sort in {"reaction", "share"} else "")
        values = [_value(row, sort) for row in newsroom.articles(here.site, query, sort=sort, limit=100).articles]
        assert values == sorted(values, reverse=True)
    _compare_lists(report, rows, told)


def _compare_groups(report: Any, told: Naive, listed: set[str], hours: range) -> None:
    for groups, of in ((report.sections, lambda a: [a.section] if a.section else []), (report.authors, lambda a: a.authors)):
        found = {}
        for key in listed:
            for name in of(told.articles[key]):
                found.setdefault(name, []).append(told.row(key, hours.start, hours.stop))
        sums = {name: (len(rows), sum(r["added"] for r in rows), sum(r["net"] for r in rows)) for name, rows in found.items()}
        assert {group.name: (group.articles, group.added, group.net) for group in groups} == sums


def _compare_row(row: Row, told: Naive, hours: range) -> None:
    expected = told.row(row.article, hours.start, hours.stop)
    assert {r: row.counts.get(r, 0) for r in told.moods} == expected["counts"]
    assert row.total == sum(expected["counts"].values())
    assert (row.added, row.removed, row.net) == (expected["added"], expected["removed"], expected["net"])
    assert sum(row.sparkline) == row.readers == expected["readers"]
    _compare_rate(row, expected)
    assert row.readers_now == told.articles[row.article].readers(told.now_ms // HOUR_MS - 1, told.now_ms // HOUR_MS + 1)
    assert len(row.sparkline) <= 48
    assert _measure(row.mood) == pytest.approx(expected["mood"])
    assert _measure(row.split) == pytest.approx(expected["split"])
    assert (row.trending.ratio, row.trending.gained, row.trending.expected) == pytest.approx(expected["trending"])
    found = row.surprise and (
        row.surprise.reaction, row.surprise.ratio and pytest.approx(row.surprise.ratio), row.surprise.count, row.surprise.median,
        row.surprise.against.kind, row.surprise.against.name, row.surprise.age_hours,
    )  # fmt: skip
    assert found == expected["surprise"]


def _compare_rate(row: Row, expected: dict[str, Any]) -> None:
    found = row.reaction_rate and (row.reaction_rate.per_1000, row.reaction_rate.low, row.reaction_rate.high)
    assert (row.views, found) == (expected["views"], expected["rate"] and pytest.approx(expected["rate"], abs=1e-6))


def _end_ms(report: Any) -> int:
    """The first moment after the period; the present one belongs to one that runs."""
    return periods.to_ms(report.period.end) + period_runs(report)


def period_runs(report: Any) -> bool:
    return bool(report.period.end == report.generated_at)


def _unusual(surprise: Any) -> bool:
    return bool(surprise.count >= 2 * surprise.median and surprise.count >= surprise.median + 5)


def _compare_live(report: Any, told: Naive, newsroom: Reports) -> None:
    live, expected = report.live, told.live(report.period.time_zone)
    assert (live.this_hour, live.last_hour) == (expected["this"], expected["last"])
    assert (live.so_far, live.last_hour_so_far, live.usual) == (expected["so_far"], expected["last_so_far"], expected["usual"])
    hour = told.now_ms // HOUR_MS
    readers = {key: n for key, a in told.articles.items() if (n := a.readers(hour - 1, hour + 1))}
    assert [row.readers_now for row in live.articles] == sorted(readers.values(), reverse=True)[:5]


def _compare_lists(report: Any, rows: list[Row], told: Naive) -> None:
    worth = {
        "top": [row.net for row in rows if row.net > 0],
        "trending": [row.trending.ratio for row in rows if row.trending.gained > 0 and row.trending.ratio > 1],
        "divided": [row.split.value for row in rows if told.row(row.article, 0, 0)["divides"]],
        "surprising": [_value(row, "published") for row in rows if row.added and row.surprise and _unusual(row.surprise)],
    }
    sorts = {"top": "votes", "trending": "trending", "divided": "split", "surprising": "published"}
    for name, values in worth.items():
        shown = [_value(row, sorts[name]) for row in getattr(report.lists, name)]
        assert shown == pytest.approx(sorted(values, reverse=True)[:10])


def _compare_series(here: Stage, told: Naive, about: dict[str, str], *, unit: str) -> None:
    about = {"period": "28d"} if unit == "hour" and about["period"] == "90d" else about
    report = here.reports().series(here.site, asked(**about, unit=unit))
    hours = report.period.hours
    expected = told.series(set(told.articles), hours.start, hours.stop, here.site.time_zone, unit)
    found = {}
    for bucket in report.series:
        moves = {
            (r, what): n
            for r, change in bucket.reactions.items()
            for what in ("added", "removed")
            if (n := getattr(change, what))
        }
        place = round(bucket.start.timestamp()) // 3600 if unit == "hour" else bucket.start.date()
        found[naive.bucket_of(place, here.site.time_zone, unit) if unit == "hour" else _monday(place, unit)] = moves
        assert bucket.net == bucket.added - bucket.removed == sum(change.net for change in bucket.reactions.values())
    assert {place: moves for place, moves in found.items() if moves} == {place: dict(moves) for place, moves in expected.items()}


def _monday(day: Any, unit: str) -> Any:
    return day if unit == "day" else day - periods.timedelta(days=day.weekday())


def _compare_filters(here: Stage, told: Naive, data: st.DataObject) -> None:
    section, author, tag = (data.draw(st.sampled_from(("", *filter(None, of)))) for of in (SECTIONS, AUTHORS, TAGS))
    words = data.draw(st.sampled_from(("", "STRASSE", "big", "big 1", "story-1")))
    matching = {
        a.key for a in told.articles.values()
        if (not section or a.section == section) and (not author or author in a.authors) and (not tag or tag in a.tags)
        and all(word in f"{a.title} {a.key}".casefold() for word in words.casefold().split())
    }  # fmt: skip
    about = {"period": "90d", "section": section, "author": author, "tag": tag, "text": words}
    rows = _all_rows(here.reports(), here, about)
    report = here.reports().dashboard(here.site, asked(**about))
    hours = report.period.hours
    assert {row.article for row in rows} == matching & told.listed(
        hours.start, hours.stop, periods.to_ms(report.period.start), here.now_ms + 1
    )
    assert report.totals.net == sum(row.net for row in rows)
    assert sum(bucket.net for bucket in report.series) == report.totals.net


def _compare_lives(here: Stage, told: Naive, key: str) -> None:
    life = here.reports().article(here.site, key)
    article = told.articles[key]
    assert sum(bucket.added for bucket in life.series) == sum(by > 0 for _, _, by in article.moves) == life.article.added
    assert life.article.net == sum(bucket.net for bucket in life.series)
    assert life.article.readers == sum(life.article.sparkline) == sum(bucket.readers for bucket in life.series)
    _compare_rate(life.article, told.row(key, life.period.hours.start, life.period.hours.stop))
    kind, group, ages = told.curve(key) or (None, None, [])
    assert (life.peers.kind, life.peers.group) == (kind, group)
    assert [(age.age_hours, age.own, age.low, age.median, age.high) for age in life.peers.ages] == [
        (step, own, *naive.statistics.quantiles(counts, n=4, method="inclusive")) for step, own, counts in ages
    ]
    curve = [age.median for age in life.peers.ages]
    assert curve == sorted(curve)


def _all_rows(newsroom: Reports, here: Stage, about: dict[str, str], *, sort: str = "votes") -> list[Row]:
    found: list[Row] = []
    page = Listing([], "", None)  # type: ignore[arg-type]
    while page.next is not None:
        page = newsroom.articles(here.site, asked(**about), sort=sort, limit=5, cursor=page.next)
        found += page.articles
    return found


def _value(row: Row, sort: str) -> float:
    return {
        "votes": row.net, "trending": row.trending.ratio,
        "mood": row.mood.value if row.total >= 10 else -2, "split": row.split.value if row.total >= 10 else -2,
        "surprise": (row.surprise.count + 1) / (row.surprise.median + 1) if row.surprise else -1,
        "rate": row.reaction_rate.low if row.reaction_rate else -1,
        "reaction": row.given or 0, "share": (row.given or 0) / row.net if row.net >= 10 else -2,
        "published": (row.published_at or row.first_seen_at).timestamp(),
    }[sort]  # fmt: skip


def _measure(measure: Any) -> tuple[float, float, float, bool] | None:
    return measure and (measure.value, measure.low, measure.high, measure.few)
