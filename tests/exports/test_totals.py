"""Random newsrooms, exported: every number must be the screen's, for the same period and filters, on both engines."""

from __future__ import annotations

import io
from collections import Counter
from itertools import count
from random import Random

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from reactions.exports.files import Form
from reactions.exports.scope import Choice
from reactions.reports.listings import Row as Listed
from reactions.votes.revising import Editor, merge, reset
from tests import make
from tests.exports.asking import Row, content, exported
from tests.lengths import amount, played_at_length
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, Vote, asked, at, stage

NOWS = (at("2025-11-25 12:34"), at("2025-10-26 01:30"), at("2025-11-02 13:00:30"))
_sites = count()


def paper(engine: Engine, seed: int, now_ms: int, zone: str) -> Stage:
    """A site with a dozen articles, votes that come, change and go, a reset and a merge; and another site beside it."""
    rnd = Random(seed)
    here, other = (stage(engine, f"{name}-{next(_sites)}", time_zone=zone, now_ms=now_ms) for name in ("one", "two"))
    for place in (here, other):
        votes: list[Vote] = []
        for number in range(12):
            born = now_ms - rnd.randrange(20 * DAY_MS)
            place.publish(
                f"story-{number}", at_ms=born if number % 4 else None, section=rnd.choice(["Politics", "Sport", None]),
                authors=rnd.sample(["Ada", "Ben", "Zoë"], rnd.randrange(3)), tags=rnd.sample(["a", "b"], rnd.randrange(3)),
                title=rnd.choice(["Big news", "=Big sums", "Straße, \"quoted\""]), seen_ms=born,
            )  # fmt: skip
            for _ in range(rnd.choice([0, 3, 40])):
                reaction = rnd.choice([*make.SEVEN, *make.SEVEN, None])
                votes.append((rnd.randrange(25), f"story-{number}", reaction, now_ms - rnd.randrange(15 * DAY_MS)))
        place.vote(*votes)
    desk = Editor(engine, here.box, here.site, by="test", now_ms=now_ms)
    reset(desk, "story-1")
    merge(desk, "story-2", into="story-3")
    return here


@played_at_length
@settings(max_examples=amount(4, 10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_exports_say_what_the_dashboard_says(engine: Engine, data: st.DataObject) -> None:
    zone = data.draw(st.sampled_from(("UTC", "Europe/Berlin", "Australia/Lord_Howe")))
    here = paper(engine, data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from(NOWS)), zone)
    rnd = Random(1)
    for number in range(1, 24, 2):  # story-3 too, into which another was merged
        here.see(f"story-{number % 12}", rnd.choice([30, 400]), here.now_ms - rnd.randrange(15 * DAY_MS))
    about = {
        "period": data.draw(st.sampled_from(("today", "24h", "7d", "28d"))),
        "section": data.draw(st.sampled_from(("", "Sport"))),
        "author": data.draw(st.sampled_from(("", "Ada"))),
        "tag": data.draw(st.sampled_from(("", "b"))),
        "text": data.draw(st.sampled_from(("", "big"))),
    }
    choice = Choice(about=asked(**about))
    articles, series, votes = (
        exported(here.engine, here.site, table, choice, now_ms=here.now_ms) for table in ("articles", "series", "votes")
    )

    report = here.reports().dashboard(here.site, asked(**about))

    assert sums(series) == (report.totals.added, report.totals.removed, report.totals.net)
    assert sums(articles) == sums(series)
    assert (sum(v["to"] is not None for v in votes), sum(v["from"] is not None for v in votes)) == sums(series)[:2]
    assert moved(series) == {
        entry.key: (entry.added, entry.removed) for entry in report.reactions if entry.added or entry.removed
    }
    assert moved_by_votes(votes) == moved(series)
    same_rows(articles, here, about)


def sums(rows: list[Row]) -> tuple[int, int, int]:
    added, removed, net = (sum(row[name] for row in rows) for name in ("added", "removed", "net"))
    return added, removed, net


def moved(series: list[Row]) -> dict[str, tuple[int, int]]:
    added, removed = Counter[str](), Counter[str]()
    for row in series:
        added[row["reaction"]] += row["added"]
        removed[row["reaction"]] += row["removed"]
    return {reaction: (added[reaction], removed[reaction]) for reaction in added}


def moved_by_votes(votes: list[Row]) -> dict[str, tuple[int, int]]:
    added, removed = Counter(vote["to"] for vote in votes), Counter(vote["from"] for vote in votes)
    return {reaction: (added[reaction], removed[reaction]) for reaction in (added | removed) if reaction}


def same_rows(articles: list[Row], here: Stage, about: dict[str, str]) -> None:
    """The list of articles has the same articles with the same numbers; merged ones are in the export alone."""
    listed = {row.article: row for row in here.reports().articles(here.site, asked(**about), limit=100).articles}
    found = {row["article"]: row for row in articles if row["merged_into"] is None}
    assert found.keys() == listed.keys()
    for key, row in found.items():
        same_row(row, listed[key])


def same_row(row: Row, listed: Listed) -> None:
    assert [row[name] for name in ("title", "section", "authors", "tags")] == [
        listed.title, listed.section, listed.authors, listed.tags,
    ]  # fmt: skip
    assert [row[name] for name in ("total", "added", "removed", "net")] == [
        listed.total,
        listed.added,
        listed.removed,
        listed.net,
    ]
    assert {key: row[f"count_{key}"] for key in make.SEVEN} == listed.counts
    for name, measure in (("mood", listed.mood), ("split", listed.split)):
        told = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
        assert told == ([None] * 3 if measure is None else pytest.approx([measure.value, measure.low, measure.high], abs=1e-6))
    rate = listed.reaction_rate
    told = [row[name] for name in ("views", "reaction_rate", "reaction_rate_low", "reaction_rate_high")]
    assert told[0] == listed.views
    assert told[1:] == ([None] * 3 if rate is None else pytest.approx([rate.per_1000, rate.low, rate.high], abs=1e-6))


def test_a_rate_is_exported_unless_small_groups_are_hidden(engine: Engine) -> None:
    """From a rate and its views follows how many readers there were."""
    here = stage(engine)
    here.publish("seen")
    here.give("seen", "like", 20, NOON - HOUR_MS)
    here.see("seen", 800, NOON - HOUR_MS)

    (row,) = exported(here.engine, here.site, "articles", now_ms=NOON)
    (hidden,) = exported(here.engine, here.site, "articles", Choice(min_group=5), now_ms=NOON)

    assert (row["views"], row["reaction_rate"], round(row["reaction_rate_low"], 1), round(row["reaction_rate_high"], 1)) == (
        800, 25, 16.2, 38.3,
    )  # fmt: skip
    assert [hidden[name] for name in ("views", "total", "reaction_rate", "reaction_rate_low")] == [800, 20, None, None]


def test_everything_is_exported_without_a_period(engine: Engine) -> None:
    here = paper(engine, 7, NOWS[0], "UTC")
    here.vote((99, "ancient", "like", here.now_ms - 900 * DAY_MS))

    articles, series, votes = (
        exported(here.engine, here.site, table, now_ms=here.now_ms) for table in ("articles", "series", "votes")
    )

    assert len(articles) == 13
    assert {row["article"]: row["net"] for row in articles} == {row["article"]: row["total"] for row in articles}
    assert sums(articles) == sums(series)
    assert moved(series) == moved_by_votes(votes)
    assert articles[0]["first_vote_hour"] == series[0]["hour_utc"]
    assert [row["merged_into"] for row in articles if row["merged_into"]] == ["story-3"]


def test_votes_can_be_replayed_without_knowing_whose_they_are(engine: Engine) -> None:
    here = stage(engine, now_ms=NOWS[0])
    early, late = here.now_ms - HOUR_MS - 5, here.now_ms - HOUR_MS
    here.box.count([
        here._ballot(1, "a", "like", late),
        here._ballot(2, "a", "sad", late + 1),
    ])  # fmt: skip
    skewed = here._ballot(1, "a", "love", late + 10)
    here.box.count([type(skewed)(**{**{f: getattr(skewed, f) for f in skewed.__slots__}, "at_ms": early})])

    votes = exported(here.engine, here.site, "votes", now_ms=here.now_ms)

    assert [(vote["from"], vote["to"]) for vote in votes] == [(None, "like"), ("like", "love"), (None, "sad")]


def test_an_article_published_at_zero_has_no_date_for_votes_the_dashboard_and_the_export_alike(engine: Engine) -> None:
    here = stage(engine, close_after_days=30)
    here.publish("undated", at_ms=0, seen_ms=NOON - 2 * DAY_MS)
    here.publish("old", at_ms=1, seen_ms=NOON - 2 * DAY_MS)

    here.give("undated", "like", 3, NOON - HOUR_MS)  # a refused vote fails the test
    (row,) = here.reports().articles(here.site, asked(period="7d")).articles
    (line,) = exported(here.engine, here.site, "articles", Choice(about=asked(period="7d")), now_ms=here.now_ms)

    assert (row.article, row.closed, row.published_at, row.age_hours) == ("undated", False, None, 48)
    assert (line["article"], line["published_at"], line["total"]) == ("undated", None, 3)
    assert [mark.what for mark in here.reports().article(here.site, "undated").marks] == []


def test_an_article_without_votes_has_empty_measures_in_every_format(engine: Engine) -> None:
    here = stage(engine)
    here.publish("unread")
    here.publish("loved")
    here.give("loved", "love", 30, NOON - 2 * HOUR_MS)

    found = {row["article"]: row for row in exported(engine, here.site, "articles", now_ms=NOON)}
    parquet = content(engine, here.site, "articles", now_ms=NOON, form=Form("parquet"))
    kept = {row["article"]: row for row in pq.read_table(io.BytesIO(parquet)).to_pylist()}

    made_of_votes = [
        *(f"share_{key}" for key in make.SEVEN),
        *(f"{m}{end}" for m in ("mood", "split") for end in ("", "_low", "_high")),
    ]
    assert {found["unread"][name] for name in made_of_votes} == {kept["unread"][name] for name in made_of_votes} == {None}
    assert found["loved"]["mood"] == kept["loved"]["mood"] == 1.0
