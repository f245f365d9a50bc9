"""The rules: every transition of one vote, refusals, and what is shown. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from reactions.newsroom import article_keys, interventions, sites
from reactions.refusals import (
    ArticleClosed,
    ArticleQuotaSpent,
    MalformedKey,
    Refusal,
    RetiredReaction,
    SeqOutOfRange,
    UnknownArticle,
    UnknownReaction,
)
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import rules
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN, CIA


def events(engine: Engine) -> list[tuple[str | None, str | None, int]]:
    e = tables.event.c
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(e.from_reaction, e.to_reaction, e.seq).order_by(e.seq))]


@pytest.mark.parametrize(
    ("first", "second", "shown", "moves"),
    [
        pytest.param(None, "like", {"like": 1}, [(None, "like", 2)], id="none to like"),
        pytest.param("like", "like", {"like": 1}, [(None, "like", 1)], id="like to like"),
        pytest.param("like", "love", {"love": 1}, [(None, "like", 1), ("like", "love", 2)], id="like to love"),
        pytest.param("like", None, {}, [(None, "like", 1), ("like", None, 2)], id="like to none"),
        pytest.param(None, None, {}, [], id="none to none"),
    ],
)
def test_each_transition_moves_the_counts_and_leaves_one_event(
    daily: Booth, first: str | None, second: str | None, shown: dict[str, int], moves: list[tuple[str | None, str | None, int]]
) -> None:
    daily.cast(ADA, first, seq=1)

    receipt = daily.cast(ADA, second, seq=2)

    assert receipt.reaction == second
    assert {k: n for k, n in receipt.counts.by_reaction.items() if n} == shown == daily.shown()
    assert events(daily.engine) == moves
    assert daily.differences() == []


@pytest.mark.parametrize("late_seq", [4, 5], ids=["older seq", "equal seq"])
def test_a_ballot_whose_seq_is_not_higher_changes_nothing_and_tells_the_present_state(daily: Booth, late_seq: int) -> None:
    daily.cast(ADA, "love", seq=5)

    receipt = daily.cast(ADA, "angry", seq=late_seq)

    assert receipt.reaction == "love"
    assert daily.shown() == {"love": 1}
    assert events(daily.engine) == [(None, "love", 5)]


def test_a_withdrawal_that_overtakes_its_vote_wins(daily: Booth) -> None:
    daily.cast(ADA, None, seq=9)

    receipt = daily.cast(ADA, "like", seq=8)

    assert receipt.reaction is None
    assert daily.shown() == {}


def test_a_receipt_shows_every_reaction_on_offer_and_everybodys_votes(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    daily.cast(BEN, "like", seq=1)

    receipt = daily.cast(CIA, "sad", seq=1)

    assert list(receipt.counts.by_reaction.items()) == [
        ("like", 2), ("dislike", 0), ("love", 0), ("funny", 0), ("angry", 0), ("sad", 1), ("wow", 0),
    ]  # fmt: skip
    assert receipt.counts.total == 3


def test_one_readers_votes_on_two_articles_have_two_pseudonyms(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "like", seq=1, article="b")

    with daily.engine.connect() as connection:
        voters = connection.execute(select(tables.vote.c.voter)).scalars().all()
    assert len({bytes(voter) for voter in voters}) == 2
    assert all(len(voter) == 16 and bytes.fromhex(ADA) != bytes(voter) for voter in voters)


def test_with_reader_scope_site_one_reader_has_one_pseudonym(engine: Engine, database_url: str) -> None:
    make.site(database_url, reader_scope="site")
    daily = booth(engine)

    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "like", seq=1, article="b")

    with engine.connect() as connection:
        assert len(set(map(bytes, connection.execute(select(tables.vote.c.voter)).scalars()))) == 1


def test_a_reaction_that_was_never_there_is_refused_with_those_on_offer(daily: Booth) -> None:
    with pytest.raises(UnknownReaction, match="like, dislike, love, funny, angry, sad, wow"):
        daily.cast(ADA, "meh", seq=1)


def test_a_retired_reaction_takes_no_votes_but_comes_back_with_its_count(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    booth(engine).cast(ADA, "wow", seq=1)
    with writing(engine) as connection:
        seven = sites.get(connection, "daily").reactions
        sites.change(connection, "daily", reactions=seven.changed("wow", retired=True))
    without = booth(engine)

    with pytest.raises(RetiredReaction):
        without.cast(BEN, "wow", seq=1)
    assert "wow" not in without.counts("hello")[0].by_reaction
    moved = without.cast(ADA, "like", seq=2)
    assert moved.counts.by_reaction["like"] == 1

    with writing(engine) as connection:
        sites.change(connection, "daily", reactions=seven)
    assert booth(engine).counts("hello")[0].by_reaction["wow"] == 0
    assert without.differences() == []


@pytest.mark.parametrize(("seq", "refused"), [(-1, True), (0, False), (NOON_MS + DAY_MS, False), (NOON_MS + DAY_MS + 1, True)])
def test_seq_runs_from_0_to_a_day_ahead(daily: Booth, seq: int, refused: bool) -> None:
    if refused:
        with pytest.raises(SeqOutOfRange):
            daily.cast(ADA, "like", seq=seq)
        assert daily.shown() == {}
    else:
        assert daily.cast(ADA, "like", seq=seq).reaction == "like"


def test_a_closed_article_refuses_votes_shows_its_counts_and_can_be_reopened(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    with writing(daily.engine) as connection:
        interventions.close(connection, daily.site, "hello", at_ms=NOON_MS, by="a test")

    with pytest.raises(ArticleClosed):
        daily.cast(ADA, None, seq=2)
    (counts,) = daily.counts("hello")
    assert (counts.open, counts.total) == (False, 1)

    with writing(daily.engine) as connection:
        interventions.reopen(connection, daily.site, "hello", at_ms=NOON_MS, by="a test")
    assert daily.cast(ADA, None, seq=2).counts.total == 0


def test_reading_an_article_that_nobody_voted_on_shows_zeros_and_creates_nothing(daily: Booth) -> None:
    (counts,) = daily.counts("never seen")

    assert (counts.open, counts.total, set(counts.by_reaction.values())) == (True, 0, {0})
    with daily.engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            if table.name != "site":
                assert connection.execute(select(table)).all() == []


def test_a_site_that_knows_its_articles_takes_no_vote_on_others(engine: Engine, database_url: str) -> None:
    make.site(database_url, article_policy="known")
    daily = booth(engine)

    with pytest.raises(UnknownArticle):
        daily.cast(ADA, "like", seq=1)
    assert daily.counts("hello")[0].open is False


def test_readers_register_at_most_the_days_quota_of_articles(engine: Engine, database_url: str) -> None:
    make.site(database_url, new_articles_per_day=2)
    daily = booth(engine)
    daily.cast(ADA, "like", seq=1, article="a")
    daily.cast(ADA, "like", seq=1, article="b")

    with pytest.raises(ArticleQuotaSpent):
        daily.cast(ADA, "like", seq=1, article="c")
    assert daily.cast(BEN, "like", seq=1, article="b").counts.total == 2
    assert daily.cast(ADA, "like", seq=1, article="c", now_ms=NOON_MS + DAY_MS).counts.total == 1


def test_the_quota_holds_within_one_batch(engine: Engine, database_url: str) -> None:
    make.site(database_url, new_articles_per_day=3)
    daily = booth(engine)

    answers = daily.box.count([daily.ballot(ADA, "like", seq=1, article=f"a{n}") for n in range(10)])

    assert sum(isinstance(answer, ArticleQuotaSpent) for answer in answers) == 7


def test_two_sites_with_the_same_article_key_do_not_share_counts(engine: Engine, database_url: str) -> None:
    make.site(database_url, "daily")
    make.site(database_url, "weekly")
    daily, weekly = booth(engine, "daily"), booth(engine, "weekly")

    daily.cast(ADA, "like", seq=1)

    assert (daily.shown(), weekly.shown()) == ({"like": 1}, {})


def test_a_key_whose_id_belongs_to_another_article_is_refused(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    with writing(daily.engine) as connection:
        connection.execute(tables.article.update().values(key="what was registered under this id"))

    with pytest.raises(MalformedKey):
        daily.cast(BEN, "like", seq=1)


@pytest.mark.parametrize(
    ("key", "canonical"),
    [
        ("a", "a"),
        ("2025/11/sport/cup-final", "2025/11/sport/cup-final"),
        ("two words", "two words"),
        ("cafe\u0301", "caf\u00e9"),
        ("ВЕСТИ/１", "ВЕСТИ/１"),
        ("क्‍ष", "क्‍ष"),
        ("نامه\u200cای", "نامه\u200cای"),
        ("ന്\u200d", "ന്\u200d"),
        ("র\u200d্যাব", "র\u200d্যাব"),
        ("👩🏽\u200d🚀", "👩🏽\u200d🚀"),
        ("❤\ufe0f\u200d🔥", "❤\u200d🔥"),
        ("1\ufe0f\u20e3", "1\u20e3"),
        ("e\ufe0f\u0301", "\u00e9"),
        ("a\u00a0b\u3000c", "a b c"),
        ("x" * 200, "x" * 200),
    ],
)
def test_an_article_key_has_one_form(key: str, canonical: str) -> None:
    assert article_keys.canonical_key(key) == canonical
    assert article_keys.canonical_key(canonical) == canonical


@pytest.mark.parametrize(
    "key",
    [
        "",
        " a",
        "a ",
        "\u00a0a",
        "a\nb",
        "a\x00b",
        "a\ud800b",
        "a\u202eb",
        "\ufeffa",
        "a\u2028b",
        "x" * 201,
        "x" * 5000,
        "\u200b",
        "new\u200bs",
        "new\u2060s",
        "new\u00ads",
        "\u200d",
        "news\u200d",
        "\u200cnews",
        "a\u200cb",
        "\u044f\u200d\u044f",
        "🚀\u200d",
        "👩\u200d\u200d🚀",
        "पत्नी\u200d",
        "\ufe0f",
        "a\ufff9b",
        "a\U000e0041b",
    ],
)
def test_a_malformed_key_is_refused_in_words(key: str) -> None:
    with pytest.raises(MalformedKey) as caught:
        article_keys.canonical_key(key)

    assert isinstance(caught.value, Refusal)
    assert caught.value.detail.startswith("An article key")


def test_the_reader_of_a_held_vote_sees_their_own_choice_counted(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1)
    (counts,) = daily.counts("hello")

    assert rules.with_one_more(counts, "like").by_reaction == {**counts.by_reaction, "like": 2}
    assert rules.with_one_more(counts, "wow").by_reaction == {**counts.by_reaction, "wow": 1}
    assert rules.with_one_more(counts, None) == counts
    assert rules.with_one_more(counts, "retired meanwhile") == counts
