"""What readers may register, and that a flood of made-up keys shuts nobody out. On both engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, select

from reactions.newsroom import article_keys, articles, interventions, registering
from reactions.newsroom.articles import Description, Place
from reactions.refusals import ArticleClosed, ArticleQuotaSpent, MalformedKey, MalformedSite
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes.rules import Ballot, Receipt
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.lengths import only_postgresql
from tests.make import ADA, BEN


def daily(engine: Engine, database_url: str, **policies: object) -> Booth:
    make.site(database_url, **policies)
    return booth(engine)


def quota(booth: Booth) -> list[tuple[int, int]]:
    with booth.engine.connect() as connection:
        q = tables.article_quota.c
        return [(day, n) for day, n in connection.execute(select(q.day, q.n))]


def test_the_quota_is_a_counter_and_starts_anew_each_day(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url, new_articles_per_day=2)
    site.cast(ADA, "like", seq=1, article="a")
    site.cast(ADA, "like", seq=1, article="b")
    site.cast(BEN, "like", seq=1, article="a")

    with pytest.raises(ArticleQuotaSpent, match="site"):
        site.cast(ADA, "like", seq=1, article="c")

    assert quota(site) == [(NOON_MS // DAY_MS, 2)]
    site.cast(ADA, "like", seq=1, article="c", now_ms=NOON_MS + DAY_MS)
    assert len(quota(site)) == 2


def test_a_batch_registers_as_many_as_the_quota_allows(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url, new_articles_per_day=3)

    answers = site.box.count([site.ballot(ADA, "like", seq=1, article=f"a{n}") for n in range(8)])

    assert sum(isinstance(answer, ArticleQuotaSpent) for answer in answers) == 5
    assert site.differences() == []


def test_the_quota_counts_no_article_that_was_refused(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url, new_articles_per_day=3)

    site.box.count([site.ballot(ADA, "like", seq=1, article=f"a{n}") for n in range(8)])

    assert quota(site) == [(NOON_MS // DAY_MS, 3)]


@only_postgresql  # on SQLite nobody else writes meanwhile
def test_an_article_that_two_batches_register_at_once_is_counted_once(engine: Engine, database_url: str) -> None:
    first = daily(engine, database_url, new_articles_per_day=3)

    def another_is_faster(places: Sequence[Place]) -> list[bool]:
        first.box.count([first.ballot(ADA, "like", seq=1, article=article) for article in ("same", "closed")])
        with writing(engine) as connection:
            interventions.close(connection, first.site, "closed", at_ms=NOON_MS, by="a test")
        return [True] * len(places)

    second = booth(engine, budget=another_is_faster)

    answers = second.box.count([second.ballot(BEN, "like", seq=1, article=article) for article in ("same", "closed", "new")])

    assert [type(answer) for answer in answers] == [Receipt, ArticleClosed, Receipt]
    assert quota(first) == [(NOON_MS // DAY_MS, 3)]
    assert [counts.total for counts in first.counts("same", "closed", "new")] == [2, 1, 1]
    assert first.differences() == []


@only_postgresql
@pytest.mark.parametrize("spent", ["site", "network"])
def test_a_vote_counts_on_an_article_that_another_batch_registers_as_the_quota_is_spent(
    engine: Engine, database_url: str, spent: str
) -> None:
    first = daily(engine, database_url, new_articles_per_day=1 if spent == "site" else 9)

    def another_is_faster(places: Sequence[Place]) -> list[bool]:
        first.cast(ADA, "like", seq=1, article="same")
        return [spent == "site"] * len(places)

    second = booth(engine, budget=another_is_faster)

    same, new = second.box.count([second.ballot(BEN, "like", seq=1, article=article) for article in ("same", "new")])

    assert isinstance(same, Receipt)
    assert isinstance(new, ArticleQuotaSpent)
    assert quota(first) == [(NOON_MS // DAY_MS, 1)]
    assert first.shown("same") == {"like": 2}
    assert first.differences() == []


@only_postgresql
def test_a_signed_article_that_two_batches_register_at_once_is_marked_once(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url)

    def signed(by: Booth, reader: str, article: str, at_ms: int) -> Ballot:
        return replace(by.ballot(reader, "like", seq=1, article=article, now_ms=at_ms), signed=True)

    def another_is_faster(places: Sequence[Place]) -> list[bool]:
        site.box.count([signed(site, ADA, "same", NOON_MS)])
        return [True] * len(places)

    second = booth(engine, budget=another_is_faster)
    unsigned = second.ballot(BEN, "like", seq=1, article="unsigned")  # whose network has a budget

    answers = second.box.count([signed(second, BEN, key, NOON_MS + 1) for key in ("same", "own")] + [unsigned])

    assert [type(answer) for answer in answers] == [Receipt] * 3
    with engine.connect() as connection:
        i = tables.intervention.c
        marks = connection.execute(select(i.article_id, i.at, i.what).order_by(i.at)).all()
    same, own = (article_keys.id_of("daily", key) for key in ("same", "own"))
    assert [tuple(mark) for mark in marks] == [(same, NOON_MS, "signed"), (own, NOON_MS + 1, "signed")]


def test_a_batch_may_name_old_articles_new_ones_and_one_whose_id_is_anothers(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url)
    site.box.count([site.ballot(ADA, "like", seq=1, article="old")])
    twin = site.ballot(BEN, "like", seq=1, article="old")
    twin.article = "twin"

    old, new, of_twin = site.box.count(
        [site.ballot(BEN, "like", seq=1, article="old"), site.ballot(BEN, "like", seq=1, article="new"), twin]
    )

    assert isinstance(old, Receipt)
    assert isinstance(new, Receipt)
    assert isinstance(of_twin, MalformedKey)
    assert [counts.total for counts in site.counts("old", "new", "twin")] == [2, 1, 0]


def test_a_spent_quota_keeps_voting_open_where_the_publisher_is_known(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url, new_articles_per_day=0, article_patterns=["news/*"])
    with writing(engine) as connection:
        articles.describe(connection, site.site, [Description("described", "Title")], at_ms=NOON_MS)

    site.cast(ADA, "like", seq=1, article="described")
    site.cast(ADA, "like", seq=1, article="news/2026/cup")
    site.box.cast(replace(site.ballot(ADA, "like", seq=1, article="signed"), signed=True))

    with pytest.raises(ArticleQuotaSpent):
        site.cast(ADA, "like", seq=1, article="made/up")
    assert quota(site) == []


def test_a_network_that_spent_its_budget_registers_nothing_more_and_votes_on(engine: Engine, database_url: str) -> None:
    make.site(database_url)
    left = {"flood": 1, "home": 9}

    def budget(places: Sequence[Place]) -> list[bool]:
        for place in places:
            left[place.network] -= 1
        return [left[place.network] >= 0 for place in places]

    site = booth(engine, budget=budget)

    def cast(network: str, article: str, reader: str) -> None:
        site.box.cast(replace(site.ballot(reader, "like", seq=1, article=article), network=network))

    cast("flood", "a", ADA)
    with pytest.raises(ArticleQuotaSpent, match="network"):
        cast("flood", "b", ADA)
    cast("home", "b", BEN)
    cast("flood", "b", ADA)
    assert (site.shown("a"), site.shown("b")) == ({"like": 1}, {"like": 2})


def test_a_flood_beyond_the_quota_writes_nothing(engine: Engine, database_url: str) -> None:
    site = daily(engine, database_url, new_articles_per_day=0)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *args: statements.append(args[2]))

    site.box.count([site.ballot(ADA, "like", seq=1, article=f"junk{n}") for n in range(100)])

    assert [statement for statement in statements if statement.startswith(("INSERT", "UPDATE", "DELETE"))] == []


@pytest.mark.parametrize("patterns", [["*"], ["??*"], [""], ["x\n*"], ["a"] * 101])
def test_patterns_that_would_open_the_tables_to_all_are_refused(database_url: str, patterns: list[str]) -> None:
    with pytest.raises(MalformedSite):
        make.site(database_url, article_patterns=patterns)


def test_a_signature_belongs_to_one_site_and_one_key() -> None:
    signing = registering.signing_key(b"k" * 32, "daily")

    signatures = {
        registering.signature(signing, "a"),
        registering.signature(signing, "b"),
        registering.signature(registering.signing_key(b"k" * 32, "weekly"), "a"),
        registering.signature(registering.signing_key(b"j" * 32, "daily"), "a"),
    }

    assert len(signatures) == 4
