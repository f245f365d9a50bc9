"""What is remembered of articles and their order is what is read anew: whatever comes, changes, goes or is voted on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from sqlalchemy import Engine

from reactions.newsroom import articles, interventions
from reactions.newsroom.articles import Description
from reactions.reports.listings import Row
from reactions.reports.query import ReportQuery
from reactions.reports.ranking import OF_REACTION, SORTS
from reactions.reports.reporting import Reports
from reactions.storage import engines
from reactions.votes import removing, revising, tallies
from reactions.votes.revising import Editor
from tests import make
from tests.lengths import amount, each_on_one_engine, played_at_length
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage

ALL_SORTS = (*SORTS, *(f"-{sort}" for sort in SORTS))
ASKED = (
    {"period": "7d"},
    {"period": "24h"},
    {"period": "yesterday"},
    {"period": "7d", "section": "Sport"},
    {"period": "7d", "author": "Ada"},
    {"period": "7d", "text": "number 1"},
    {"period": "7d", "reaction": "sad"},
)


def newspaper(engine: Engine, seed: int) -> Stage:
    """Twenty articles with votes of three days, at 12:40; one is yet to be published."""
    here, random, gifts = stage(engine, now_ms=NOON + 40 * 60_000), Random(seed), []
    for number in range(20):
        describe(here, random, number)
        for _ in range(random.randrange(12)):
            when = NOON - random.randrange(3 * DAY_MS)
            gifts.append((f"s{number}", random.choice(make.SEVEN), random.randrange(1, 4), when))
    here.give_all(*gifts)
    here.publish("s20", at_ms=here.now_ms + 50 * 60_000, seen_ms=here.now_ms)
    return here


def describe(here: Stage, random: Random, number: int) -> None:
    by, section = random.sample(("Ada", "Ben"), random.randrange(3)), random.choice(("Sport", "Politics", None))
    born = random.choice((None, NOON - random.randrange(4 * DAY_MS)))
    here.publish(f"s{number}", at_ms=born, seen_ms=NOON - DAY_MS, section=section, authors=by, title=f"Number {number}")


def assert_remembered_as_read(here: Stage, remembering: Reports, sorts: Sequence[str] = ("votes",)) -> None:
    """Every dashboard, and two pages of lists, of one that remembers and of one that reads all anew."""
    fresh = here.reports()
    for about in ASKED:
        query = asked(**about)
        assert remembering.dashboard(here.site, query) == fresh.dashboard(here.site, query)
    for sort in sorts:
        query = asked(period="7d", reaction="sad" if sort.removeprefix("-") in OF_REACTION else "")
        assert two_pages(here, remembering, query, sort) == two_pages(here, fresh, query, sort), sort


def two_pages(here: Stage, newsroom: Reports, query: ReportQuery, sort: str) -> list[Row]:
    first = newsroom.articles(here.site, query, sort=sort, limit=6)
    second = newsroom.articles(here.site, query, sort=sort, limit=6, cursor=first.next or "")
    return [*first.articles, *second.articles]


@played_at_length
def test_orders_that_are_remembered_are_those_that_are_read_anew(engine: Engine) -> None:
    seed = 1 if engine.dialect.name == "sqlite" else 2
    here, random = newspaper(engine, seed), Random(seed)
    remembering = here.reports(kept_s=3600)

    for turn in range(amount(2, 3)):
        assert_remembered_as_read(here, remembering, amount(ALL_SORTS[turn::2], ALL_SORTS))
        for _ in range(random.randrange(4)):
            here.give(f"s{random.randrange(21)}", random.choice(make.SEVEN), random.randrange(1, 9), here.now_ms)
        if random.random() < 0.5:
            describe(here, random, random.randrange(20))
        here.now_ms += random.choice((0, 5 * 60_000, 30 * 60_000, HOUR_MS))
    assert_remembered_as_read(here, remembering, ALL_SORTS)


def editor(here: Stage) -> Editor:
    return Editor(engine=here.engine, box=here.box, site=here.site, by="test", now_ms=here.now_ms)


def describe_by_hand_and_undo(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        said = Description("s1", "Another", None, "Opinion", ["Zoë"], [], NOON - HOUR_MS)
        interventions.describe(connection, here.site, said, at_ms=here.now_ms, by="test")
    assert {group.name for group in here.reports().dashboard(here.site, asked()).sections} >= {"Opinion"}
    with engines.writing(here.engine) as connection:
        interventions.undo(connection, here.site, "s1", (here.now_ms, "described"), at_ms=here.now_ms + 1, by="test")


def move_a_key(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        interventions.move(connection, here.site, "s3", to="number 1 of all", at_ms=here.now_ms, by="test")


def import_a_total(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        article_id = articles.get(connection, here.site, "s4").article_id
        tallies.shift_imported(connection, {(article_id, "sad"): 500})
        tallies.note_rewrite(connection)


def register_many(here: Stage) -> None:
    with engines.writing(here.engine) as connection:
        articles.register(connection, here.site, {77: "seventy-seven"}, at_ms=here.now_ms, by="test")
        articles.note_change(connection, here.site)


CHANGES: dict[str, Callable[[Stage], object]] = {
    "described by hand": describe_by_hand_and_undo,
    "described anew": lambda here: here.publish("s2", section="Opinion", at_ms=NOON - 3 * HOUR_MS),
    "registered by a reader": lambda here: here.give("never seen", "love", 9, here.now_ms),
    "registered by an import": register_many,
    "moved": move_a_key,
    "merged": lambda here: revising.merge(editor(here), "s5", into="s6"),
    "deleted": lambda here: removing.delete_article(editor(here), "s7"),
    "imported": import_a_total,
}


@each_on_one_engine("change", list(CHANGES))
def test_a_change_of_articles_is_seen_at_once(engine: Engine, change: str) -> None:
    here = newspaper(engine, 3)
    remembering = here.reports(kept_s=3600)
    assert_remembered_as_read(here, remembering)

    CHANGES[change](here)

    assert_remembered_as_read(here, remembering)


def test_a_feed_that_says_the_same_changes_nothing(engine: Engine) -> None:
    here = stage(engine)
    for _ in range(3):
        here.publish("a", section="Sport", authors=["Ada"], at_ms=NOON)

    with engines.snapshot(engine) as connection:
        assert articles.changes(connection, here.site) == 1
    here.publish("a", section="Sport", authors=["Ada"], at_ms=NOON + 1)
    with engines.snapshot(engine) as connection:
        assert articles.changes(connection, here.site) == 2


def test_a_vote_on_a_known_article_is_no_change_of_articles(engine: Engine) -> None:
    here = stage(engine)
    here.give("a", "love", 3, NOON)
    here.give("b", "love", 3, NOON)
    here.give("a", "love", 3, NOON)

    with engines.snapshot(engine) as connection:
        assert articles.changes(connection, here.site) == 2
