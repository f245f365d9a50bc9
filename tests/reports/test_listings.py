"""Lists: sorted as promised, paged so that a walk meets every article once while votes arrive, by cursors nobody can make up."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random

import pytest
from sqlalchemy import Engine

from reactions.refusals import MalformedCursor, MalformedFilter, UnknownSort
from reactions.reports.ranking import SORTS
from reactions.reports.reporting import Reports
from tests import make
from tests.lengths import each_on_one_engine, only_sqlite
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage


@pytest.fixture
def here(engine: Engine) -> Stage:
    """Twenty-three articles with votes of the last days, at 12:30."""
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    random, gifts = Random(5), []
    for number in range(23):
        born = NOON - random.randrange(5 * 24) * HOUR_MS
        here.publish(f"story-{number}", at_ms=born, section=random.choice(("Politics", "Sport")), title=f"Number {number}")
        for _ in range(random.randrange(9)):
            when = min(born + random.randrange(20) * HOUR_MS, here.now_ms)
            gifts.append((f"story-{number}", random.choice(make.SEVEN), random.randrange(1, 4), when))
    here.give_all(*gifts)
    return here


def keys(
    newsroom: Reports, here: Stage, *, between: Callable[[], None] = lambda: None, limit: int = 4, **about: str
) -> list[str]:
    """The articles of all pages, in order; `between` happens after each page."""
    sort, found, cursor = about.pop("sort", ""), [], ""
    while True:
        page = newsroom.articles(here.site, asked(**about), sort=sort, limit=limit, cursor=cursor)
        found += [row.article for row in page.articles]
        if page.next is None:
            return found
        cursor = page.next
        between()


OF_ALL = [sort for sort in SORTS if sort not in ("reaction", "share")]


@each_on_one_engine("sort", [*OF_ALL, *(f"-{sort}" for sort in OF_ALL)])
def test_a_walk_meets_every_article_once_while_votes_arrive(here: Stage, sort: str) -> None:
    random = Random(7)

    def arrive() -> None:
        here.now_ms += 60_000
        here.give_all(
            *(
                (f"story-{random.randrange(23)}", random.choice(make.SEVEN), random.randrange(1, 30), here.now_ms)
                for _ in range(4)
            )
        )

    found = keys(here.reports(), here, between=arrive, sort=sort)

    assert sorted(found) == sorted(f"story-{number}" for number in range(23))


def test_a_walk_goes_on_over_the_hour_and_over_midnight(here: Stage) -> None:
    def time_goes_by() -> None:
        here.now_ms += 3 * HOUR_MS
        here.give("story-3", "like", 40, here.now_ms)

    assert len(set(keys(here.reports(), here, between=time_goes_by, period="28d", sort="trending"))) == 23


def test_the_first_page_is_of_the_moment(here: Stage) -> None:
    here.give("story-7", "love", 500, here.now_ms)

    first = here.reports().articles(here.site, asked(), limit=1).articles[0]

    assert (first.article, first.net >= 500) == ("story-7", True)


@pytest.mark.parametrize("sort", OF_ALL)
def test_while_nothing_happens_the_pages_are_the_list(here: Stage, sort: str) -> None:
    here.now_ms = NOON + 2 * HOUR_MS  # whatever was given lies in closed hours
    whole = [row.article for row in here.reports().articles(here.site, asked(), sort=sort, limit=100).articles]

    assert keys(here.reports(), here, sort=sort) == whole


@pytest.mark.parametrize("sort", ["", "share", "-reaction"])
def test_articles_are_ranked_by_one_reaction_of_the_period(here: Stage, sort: str) -> None:
    here.now_ms = NOON + 2 * HOUR_MS
    here.publish("of-love", at_ms=NOON - HOUR_MS)
    here.give("of-love", "love", 40, NOON)
    here.give("of-love", "angry", 3, NOON)
    page = here.reports().articles(here.site, asked(reaction="angry"), sort=sort, limit=100)
    given = [row.given or 0 for row in page.articles]
    shares = [(row.given or 0) / row.net if row.net >= 10 else -1 for row in page.articles]

    assert "of-love" in [row.article for row in page.articles]
    assert min(given) > 0
    assert (shares if sort == "share" else given) == sorted(shares if sort == "share" else given, reverse=sort != "-reaction")
    assert keys(here.reports(), here, sort=sort, reaction="angry") == [row.article for row in page.articles]
    with pytest.raises(UnknownSort):
        here.reports().articles(here.site, asked(), sort="share")


def test_the_other_way_round_is_the_other_way_round(here: Stage) -> None:
    here.now_ms = NOON + 2 * HOUR_MS
    votes = [row.net for row in here.reports().articles(here.site, asked(), sort="-votes", limit=100).articles]

    assert votes == sorted(votes)


def test_what_has_no_surprise_comes_last_both_ways(here: Stage) -> None:
    for sort in ("surprise", "-surprise"):
        rows = here.reports().articles(here.site, asked(), sort=sort, limit=100).articles
        without = [row.surprise is None for row in rows]
        assert without == sorted(without)
        assert not all(without)


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("mood", ["loved", "torn", "hated"]), ("-mood", ["hated", "torn", "loved"]),
        ("split", ["torn", "hated", "loved"]), ("-split", ["loved", "hated", "torn"]),
    ],
)  # fmt: skip
def test_what_few_have_judged_comes_last_both_ways(engine: Engine, sort: str, first: list[str]) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    for key, likes, angry in (("loved", 13, 0), ("hated", 0, 12), ("torn", 6, 6), ("few", 0, 9), ("none", 0, 0)):
        here.publish(key, at_ms=NOON - 2 * HOUR_MS)
        here.give(key, "like", likes, NOON - HOUR_MS)
        here.give(key, "angry", angry, NOON - HOUR_MS)

    found = keys(here.reports(), here, sort=sort, limit=2)

    assert found[:3] == first
    assert set(found[3:]) == {"few", "none"}


def test_a_page_of_another_length_goes_on(here: Stage) -> None:
    newsroom = here.reports()
    first = newsroom.articles(here.site, asked(), limit=3)

    rest = newsroom.articles(here.site, asked(), limit=100, cursor=first.next or "")

    assert (len(first.articles), len(rest.articles), rest.next) == (3, 20, None)


def test_a_list_that_fits_has_no_next_page(here: Stage) -> None:
    assert here.reports().articles(here.site, asked(), limit=23).next is None
    assert here.reports().articles(here.site, asked(), limit=22).next is not None


def test_an_article_published_in_the_period_is_listed_without_a_vote(engine: Engine) -> None:
    here = stage(engine)
    here.publish("silent", at_ms=NOON - HOUR_MS)
    here.publish("old and silent", at_ms=NOON - 9 * DAY_MS)
    here.publish("seen", at_ms=None, seen_ms=NOON - HOUR_MS)
    here.publish("old but given", at_ms=NOON - 9 * DAY_MS)
    here.give("old but given", "like", 1, NOON)

    assert keys(here.reports(), here) == ["old but given", *sorted(["silent", "seen"], key=keys(here.reports(), here).index)]


def test_filters_find_exactly(engine: Engine) -> None:
    here = stage(engine)
    here.publish("sport/cup", section="Sport", authors=["Zoë", "Ada"], tags=["a b"], title="Die GROẞE Wut")
    here.publish("news/1", section="Sports", authors=["Ada Lovelace", ", "], tags=["a", 'quo"te'], title="100 % Ärger_")
    newsroom = here.reports()

    def found(**about: str) -> list[str]:
        return sorted(keys(newsroom, here, **about))

    assert found(section="Sport") == ["sport/cup"]
    assert found(author="Ada") == ["sport/cup"]
    assert found(author="Zoë") == ["sport/cup"]
    assert found(author="ada") == found(author="ZOË") == found(section="sPort") == ["sport/cup"]
    assert found(author=", ") == found(author="ad") == found(section="Spor%") == []
    assert found(tag="a") == found(tag='quo"te') == ["news/1"]
    assert found(text="grosse WUT") == found(text="CUP die") == ["sport/cup"]
    assert found(text="ärger_") == found(text="100 %") == found(text="news/1") == ["news/1"]
    assert found(text="%") == found(text="_") == ["news/1"]
    assert found(text="*") == found(text=".*") == found(text="[a-z]+") == found(text="cup|wut") == found(author="%") == []
    assert found(text="wut ärger") == []
    assert found(section=" Sport ", author="Ada", tag="a b", text="wut") == ["sport/cup"]


@only_sqlite
@pytest.mark.parametrize("filters", [{"section": "x" * 201}, {"author": "a\0b"}, {"tag": "\ud800"}, {"text": "\x1b"}])
def test_a_filter_that_nothing_could_match_is_refused(here: Stage, filters: dict[str, str]) -> None:
    with pytest.raises(MalformedFilter) as refused:
        here.reports().articles(here.site, asked(**filters))

    assert refused.value.pointer == f"#/{'q' if 'text' in filters else next(iter(filters))}"


@only_sqlite
@pytest.mark.parametrize("sort", ["likes", "--votes", "-", "VOTES", "votes "])
def test_an_unknown_sort_is_refused(here: Stage, sort: str) -> None:
    with pytest.raises(UnknownSort):
        here.reports().articles(here.site, asked(), sort=sort)


def test_a_cursor_is_good_for_its_own_list_alone(here: Stage) -> None:
    newsroom = here.reports()
    cursor = newsroom.articles(here.site, asked(period="28d"), limit=2).next or ""
    other = stage(here.engine, "weekly", now_ms=here.now_ms)

    assert newsroom.articles(here.site, asked(period="28d"), limit=2, cursor=cursor).articles
    for site, about, sort in [
        (here.site, {"period": "7d"}, ""),
        (here.site, {"period": "28d"}, "mood"),
        (here.site, {"period": "28d", "section": "Sport"}, ""),
        (here.site, {"period": "28d", "time_zone": "Europe/Berlin"}, ""),
        (other.site, {"period": "28d"}, ""),
    ]:
        with pytest.raises(MalformedCursor):
            newsroom.articles(site, asked(**about), sort=sort, limit=2, cursor=cursor)


def test_no_byte_of_a_cursor_can_be_changed(here: Stage) -> None:
    newsroom = here.reports()
    first = newsroom.articles(here.site, asked(), limit=2).next or ""
    second = newsroom.articles(here.site, asked(), limit=2, cursor=first).next or ""

    for cursor in (first, second):
        for place in range(len(cursor)):
            forged = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
            with pytest.raises(MalformedCursor):
                newsroom.articles(here.site, asked(), limit=2, cursor=forged)


@only_sqlite
@pytest.mark.parametrize(
    "cursor", ["A", "AAAA", "=", "ä", "a b", "../..", "A" * 5000, base64.urlsafe_b64encode(b"x" * 60).decode()]
)
def test_a_made_up_cursor_is_refused(here: Stage, cursor: str) -> None:
    with pytest.raises(MalformedCursor):
        here.reports().articles(here.site, asked(), cursor=cursor)


def test_a_cursor_of_another_secret_is_refused(here: Stage) -> None:
    cursor = here.reports().articles(here.site, asked(), limit=2).next or ""

    with pytest.raises(MalformedCursor):
        Reports(here.engine, cursor_key=b"d" * 32, clock=lambda: here.now_ms).articles(here.site, asked(), cursor=cursor)


def test_a_cursor_lasts_a_day(here: Stage) -> None:
    newsroom = here.reports()
    cursor = newsroom.articles(here.site, asked(), limit=2).next or ""

    here.now_ms += DAY_MS
    assert newsroom.articles(here.site, asked(), limit=2, cursor=cursor).articles
    here.now_ms += 1
    with pytest.raises(MalformedCursor, match="a day old"):
        newsroom.articles(here.site, asked(), limit=2, cursor=cursor)
