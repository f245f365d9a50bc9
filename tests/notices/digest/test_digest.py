"""What a digest tells of a day, in text and in HTML. On both engines."""

from __future__ import annotations

from datetime import date, datetime
from html.parser import HTMLParser

import pytest
from sqlalchemy import Connection, insert, select

from reactions.notices import digest, feed
from reactions.notices.digest import Digest
from reactions.refusals import MalformedPeriod
from reactions.reports.listings import Row
from reactions.reports.memory import Memory
from reactions.reports.query import Reading
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import under_review
from tests.notices.alerts.conftest import Newsroom, finding
from tests.notices.alerts.crowds import Crowd

DAY = date(2025, 11, 25)
LINK = "https://reactions.example/dashboard?from=2025-11-25&to=2025-11-25"
TEXT = f"""\
The Daily, Tuesday, 25 November 2025
====================================

134 reactions, 13 × as many as the day before (10)
Mood +0.54 (from −1 to +1)

  Like                    40     30%
  Love                    63     47%
  Angry                   31     23%

Most reacted to
---------------
 1. Goat takes the <7:42> & pays
    Local: 81 reactions
    https://daily.example/goat
 2. A tax on umbrellas
    Politics: 50 reactions
    https://daily.example/tax
 3. A pond
    Local: 3 reactions
    https://daily.example/few

Most loved
----------
 1. Goat takes the <7:42> & pays
    Local: mood +0.93 from 81 votes
    https://daily.example/goat

Most divided
------------
 1. A tax on umbrellas
    Politics: divided 0.95 (1 is half against half), 60 votes
    https://daily.example/tax

By section
----------
  Local                               84   2 art.   +0.93
  Politics                            50   1 art.   −0.07

More: {LINK}
"""


def reading(connection: Connection, newsroom: Newsroom) -> Reading:
    return Reading(connection, newsroom.site, newsroom.now_ms, Memory(keep_s=0, items=0))


def digest_of(newsroom: Newsroom, day: date = DAY) -> Digest:
    with snapshot(newsroom.engine) as connection:
        return digest.read(reading(connection, newsroom), day)


def text(newsroom: Newsroom, day: date = DAY, *, link: str = "") -> str:
    return digest.text(digest_of(newsroom, day), dashboard_url=link)


def keys(rows: list[Row]) -> list[str]:
    return [row.article for row in rows]


def test_the_lists_of_a_day(newsroom: Newsroom, yesterday: Crowd) -> None:
    found = digest_of(newsroom)

    assert (found.board.totals.net, found.board.totals.previous_net) == (134, 10)
    assert keys(list(found.board.lists.top)) == ["goat", "tax", "few"]
    assert keys(list(found.loved)) == ["goat"]
    assert keys(list(found.divided)) == ["tax"]


def test_the_text(newsroom: Newsroom, yesterday: Crowd) -> None:
    assert text(newsroom, link=LINK) == TEXT


def test_an_article_that_still_moves_is_told_of_in_the_morning_and_not_in_old_digests(
    newsroom: Newsroom, yesterday: Crowd
) -> None:
    newsroom.now_ms -= 12 * 3_600_000  # the evening of the day itself
    yesterday.vote("goat", hours_ago=-6.3, love=90)

    assert "Trending now\n------------\n 1. Goat takes the <7:42> & pays\n" in text(newsroom)
    assert "Trending now" not in text(newsroom, date(2025, 11, 24))


def test_a_day_without_votes_says_so(newsroom: Newsroom) -> None:
    assert text(newsroom).splitlines()[3:] == ["No reader reacted on this day."]
    assert "No reader reacted on this day." in digest.html(digest_of(newsroom), dashboard_url="")


def test_one_reaction_is_singular_and_has_no_day_before(newsroom: Newsroom) -> None:
    crowd = Crowd(newsroom)
    crowd.vote("no-title", wow=1)

    said = text(newsroom)

    assert "1 reaction, none the day before\n" in said
    assert " 1. An article without a title\n    1 reaction\n\n" in said + "\n\n"
    assert "Mood" not in said


def test_the_day_is_a_day_where_the_site_is(newsroom: Newsroom) -> None:
    crowd = Crowd(newsroom)
    crowd.publish("late", hours_ago=100)
    crowd.vote("late", hours_ago=12.5, like=1)  # half past eleven in London, half past midnight in Berlin
    crowd.vote("late", hours_ago=13.5, like=4)

    assert "1 reaction," in text(newsroom)
    assert "4 reactions," in text(newsroom, date(2025, 11, 24))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-03-29T04:00:00+00:00", date(2026, 3, 28)),  # the clocks went forward this morning
        ("2026-03-29T22:30:00+00:00", date(2026, 3, 29)),
        ("2026-10-25T23:30:00+00:00", date(2026, 10, 25)),
    ],
)
def test_yesterday_is_the_day_before_there(now: str, day: date) -> None:
    assert digest.yesterday("Europe/Berlin", round(datetime.fromisoformat(now).timestamp() * 1000)) == day


def test_tomorrow_has_no_digest_yet(newsroom: Newsroom) -> None:
    with pytest.raises(MalformedPeriod, match="still to come"):
        digest_of(newsroom, date(2025, 11, 26))


class _Page(HTMLParser):
    """What a page shows and loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attributes if name in ("href", "src", "background")]

    def handle_data(self, data: str) -> None:
        self.shown += data


def test_the_page_says_the_same_and_loads_nothing(newsroom: Newsroom, yesterday: Crowd) -> None:
    html = digest.html(digest_of(newsroom), dashboard_url=LINK)
    page = _Page(html)

    assert page.tags.isdisjoint({"script", "link", "style", "img", "iframe", "form"})
    assert set(page.links) == {LINK, *(f"https://daily.example/{key}" for key in ("goat", "tax", "few"))}
    assert "Goat takes the <7:42> & pays" in page.shown
    assert "<7:42>" not in html
    for said in ("134", "reactions, 13 × as many as the day before (10); mood +0.54", "Most divided", "By section"):
        assert said in page.shown


def test_the_subject(newsroom: Newsroom, yesterday: Crowd) -> None:
    assert digest.subject(digest_of(newsroom)) == "The Daily, Tuesday: 134 reactions"


def test_a_long_title_is_folded_in_the_text(newsroom: Newsroom) -> None:
    crowd = Crowd(newsroom)
    crowd.publish("long", hours_ago=5, title="word " * 40)
    crowd.vote("long", hours_ago=1, like=1)

    assert max(map(len, text(newsroom).splitlines())) <= digest.TEXT_COLUMNS


def test_votes_under_review_are_told_beside_the_article_as_on_its_page(newsroom: Newsroom, yesterday: Crowd) -> None:
    with writing(newsroom.engine) as connection:
        for voter in connection.execute(
            select(tables.vote.c.article_id, tables.vote.c.voter)
            .join(tables.article, tables.article.c.article_id == tables.vote.c.article_id)
            .where(tables.article.c.key == "goat")
            .limit(12)
        ).all():
            connection.execute(
                insert(tables.hold).values(
                    article_id=voter.article_id, voter=voter.voter, site_id=newsroom.site.id, id=voter.voter.hex()[:16],
                    state="suspect", cause="verdict", at=newsroom.now_ms, due_at=newsroom.now_ms,
                )
            )  # fmt: skip

    said = text(newsroom, link=LINK)

    assert "Local: 81 reactions; 12 votes under review\n" in said
    assert "Politics: 50 reactions\n" in said
    with newsroom.engine.connect() as connection:
        waiting = under_review.waiting_by_key(connection, newsroom.site, {"goat", "tax"})
    assert waiting == {"goat": 12}
    newsroom.raise_(finding())
    atom = feed.atom(newsroom.site, newsroom.alerts(), waiting=waiting, address="https://x.example/", now_ms=newsroom.now_ms)
    assert b"40 would be usual. 12 votes on it under review." in atom
