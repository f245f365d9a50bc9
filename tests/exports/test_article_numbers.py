"""The numbers of articles, made for a page at once, are those of each article by itself."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from reactions.exports import article_numbers, articles, scope
from reactions.exports.scope import Choice
from reactions.newsroom import interventions
from reactions.newsroom.sites import Site
from reactions.reports import metrics
from reactions.reports.metrics import Votes
from reactions.reports.query import closed_before
from reactions.storage.engines import writing
from reactions.votes.revising import Editor, merge, reset
from tests import make
from tests.exports.asking import content, exported
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage

DIGITS = article_numbers.DIGITS


@given(st.lists(st.floats(-1000, 1000)))
def test_numbers_are_rounded_as_python_rounds_them(values: list[float]) -> None:
    assert list(map(repr, article_numbers.rounded(values))) == [repr(round(value, DIGITS) + 0.0) for value in values]


def test_numbers_halfway_between_two_are_rounded_as_python_rounds_them() -> None:
    halves = [(2 * number + 1) / 2 / 10**DIGITS for number in range(20_000)]
    binary = [number / 2**power for power in range(1, 24) for number in range(1, 2**power, 2 ** max(power - 9, 0) + 1)]
    values = [*halves, *binary, *(-value for value in halves), *(1000 - value for value in binary)]

    assert article_numbers.rounded(values) == [round(value, DIGITS) for value in values]
    assert article_numbers.rounded([None, -1e-9]) == [None, 0.0]


def crowded(engine: Engine) -> Stage:
    """Articles with and without votes, views, imported totals and other keys; two that others were merged into."""
    rnd, here = Random(5), stage(engine)
    for number in range(23):
        here.publish(f"story-{number:02}", at_ms=NOON - number * DAY_MS, seen_ms=NOON - number * DAY_MS)
        for reaction in make.SEVEN if number % 4 else ():
            here.give(f"story-{number:02}", reaction, rnd.randrange(9), NOON - rnd.randrange(9 * DAY_MS))
        if number % 5 == 1:
            here.see(f"story-{number:02}", 400, NOON - HOUR_MS)
    desk = Editor(engine, here.box, here.site, by="test", now_ms=NOON)
    merge(desk, "story-03", into="story-11")
    merge(desk, "story-20", into="story-02")
    with writing(engine) as connection:
        for number in (5, 9, 13):
            for key, to in ((f"story-{number:02}", f"moved-{number}"), (f"moved-{number}", f"again-{number}")):
                interventions.move(connection, here.site, key, to=to, at_ms=NOON, by="test")
        connection.execute(text("update tally set imported = 7 where reaction = 'like' and n > 4"))
    return here


@pytest.mark.parametrize("choice", [Choice(), Choice(min_group=5), Choice(about=asked(period="7d"))], ids=["all", "hidden", "7d"])
def test_an_export_is_the_same_however_many_articles_are_read_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, choice: Choice
) -> None:
    here = crowded(engine)
    whole = content(engine, here.site, "articles", choice, now_ms=NOON)
    for at_once in (1, 2, 7):
        monkeypatch.setattr(articles, "ARTICLES_AT_ONCE", at_once)

        assert content(engine, here.site, "articles", choice, now_ms=NOON) == whole

    rows = exported(engine, here.site, "articles", now_ms=NOON)
    assert {row["article"]: row["aliases"] for row in rows if row["aliases"]} == {
        f"again-{number}": [f"moved-{number}", f"story-{number:02}"] for number in (5, 9, 13)
    }
    assert sum(row["imported_like"] for row in rows) > 0


@pytest.mark.parametrize("choice", [Choice(), Choice(about=asked(period="28d"))], ids=["all", "28d"])
def test_a_billion_reactions_are_told_exactly(engine: Engine, choice: Choice) -> None:
    here = stage(engine)
    for key in ("story", "quiet"):
        here.publish(key, at_ms=NOON - DAY_MS)
    here.give("story", "like", 3, NOON - 2 * HOUR_MS)
    here.give("story", "sad", 2, NOON - HOUR_MS)
    with writing(engine) as connection:
        connection.execute(text("update hourly set added = 1000000007, removed = 1000000006 where reaction = 'like'"))

    story, quiet = sorted(exported(engine, here.site, "articles", choice, now_ms=NOON), key=lambda row: -row["added"])

    assert (story["added"], story["removed"], story["net"]) == (1_000_000_009, 1_000_000_006, 3)
    assert (quiet["added"], quiet["removed"], quiet["net"], quiet["first_vote_hour"]) == (0, 0, 0, None)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(),
        Choice(about=asked(period="7d")),
        Choice(since="beginning"),
        Choice(min_group=5),
        Choice(about=asked(text="story-1")),
    ],
    ids=["all", "7d", "since", "hidden", "text"],
)
def test_shares_and_measures_are_those_of_the_formulas_for_each_article(engine: Engine, choice: Choice) -> None:
    here = crowded(engine)
    with scope.opened(engine, here.site, choice, now_ms=NOON) as opened:
        usual = articles.usual_shares(opened.connection, here.site, closed_before(NOON))
    keys = {mood: [entry.key for entry in here.site.reactions.entries if entry.mood == mood] for mood in (1, -1)}

    rows = exported(engine, here.site, "articles", choice, now_ms=NOON)

    assert sum(row["total"] is not None for row in rows) >= 5
    for row in rows:
        counts = {key: row[f"count_{key}"] for key in make.SEVEN}
        if None in (*counts.values(), row["total"]):  # hidden, because they are of few readers
            continue
        shares = {key: metrics.share(n, row["total"]) for key, n in counts.items()}
        assert {key: row[f"share_{key}"] for key in make.SEVEN} == {key: _rounded(share) for key, share in shares.items()}
        votes = Votes(*(sum(counts[key] for key in keys[mood]) for mood in (1, -1)), row["total"])
        for name, measure in (("mood", metrics.mood(votes, usual)), ("split", metrics.split(votes, usual))):
            found = [row[f"{name}{end}"] for end in ("", "_low", "_high")]
            expected = (None,) * 3 if measure is None else (measure.value, measure.low, measure.high)
            assert found == list(map(_rounded, expected))


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, DIGITS) + 0.0


def hold_on(here: Stage, *keys: str) -> None:
    here.hold(*((reader, key, "sad", NOON - HOUR_MS) for key in keys for reader in range(900, 903)))


def sums_of(engine: Engine, site: Site) -> dict[str, tuple[int, ...]]:
    """By article, one by one: the number of held votes, of votes, of what was added and removed, and its first and last hour."""
    query = (
        "select key, (select count(*) from vote v where v.article_id = a.article_id and held),"
        " (select coalesce(sum(n + imported), 0) from tally t where t.article_id = a.article_id),"
        " (select coalesce(sum(added), 0) from hourly h where h.article_id = a.article_id),"
        " (select coalesce(sum(removed), 0) from hourly h where h.article_id = a.article_id)"
        " from article a where site_id = :site"
    )
    with engine.connect() as connection:
        return {key: tuple(map(int, sums)) for key, *sums in connection.execute(text(query), {"site": site.id})}


def test_numbers_are_those_of_the_database_for_each_article(engine: Engine) -> None:
    """Held votes are looked for where a row says why they are held, and where a merge took that row away: nothing is missed."""
    here = crowded(engine)
    hold_on(here, "story-01", "story-02", "story-06", "story-07", "story-10")
    desk = Editor(engine, here.box, here.site, by="test", now_ms=NOON)
    merge(desk, "story-06", into="story-10")
    merge(desk, "story-07", into="story-00")
    reset(desk, "story-02")

    rows = exported(engine, here.site, "articles", now_ms=NOON)

    assert {row["article"]: tuple(row[name] for name in ("held", "total", "added", "removed")) for row in rows} == sums_of(
        engine, here.site
    )
    assert sum(row["held"] > 0 for row in rows) >= 5


def test_a_held_vote_has_a_row_that_says_why(engine: Engine) -> None:
    here = crowded(engine)
    hold_on(here, "story-01", "story-06")

    with engine.connect() as connection:
        alone = "select count(*) from vote v where held and not exists (select 1 from hold h where h.article_id = v.article_id)"
        assert connection.execute(text("select count(*) from vote where held")).scalar_one() == 6
        assert connection.execute(text(alone)).scalar_one() == 0
