"""The review page: what waits and why, decided once, and taken back. On both engines."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.newsroom.article_keys import id_of, shown_id
from reactions.storage.engines import snapshot
from reactions.times import now_ms
from reactions.votes import integrity
from reactions.web.extensions import db
from tests import make
from tests.lengths import on_both_engines
from tests.web.asking import counted, counts, vote
from tests.web.dashboard.forms import PAGE, Forms, press, send
from tests.web.dashboard.newsroom import Newsroom, key_of
from tests.web.dashboard.test_pages import words

pytestmark = on_both_engines  # this page has statements of its own

A = shown_id(id_of("daily", "a"))
NETWORK, OTHER = "a" * 16, "b" * 16


@pytest.fixture
def held(newsroom: Newsroom) -> Newsroom:
    """Two votes on `a` count; five are held, three of them from another network; one is held on `b`, two hours earlier."""
    newsroom.article("a", title="Harbour bridge to close")
    newsroom.votes("a", like=2)
    newsroom.held("a", angry=2)
    newsroom.held("a", network=OTHER, sad=3)
    newsroom.held("b", hours_ago=2, like=1)
    return newsroom


@pytest.fixture
def reviewer(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.post("/dashboard/sign-in", data={"key": key_of(app, scopes=["read", "review"])})
    return client


def totals(app: Flask) -> list[int]:
    listed = counts(app.test_client(use_cookies=False), ["a", "b"]).json["articles"]
    return [entry["total"] for entry in listed]


@pytest.fixture
def app(make_app: Any) -> Flask:
    app: Flask = make_app(counts_memory_s=0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture(autouse=True)
def everything_agrees(app: Flask) -> Any:
    """After each test the counts, the ledger and the holds say the same."""
    yield
    with app.app_context(), snapshot(db.engine) as connection:
        assert [*integrity.differences(connection), *integrity.hold_differences(connection)] == []
        assert integrity.readers_differences(connection) == []


def test_what_waits_is_listed_by_article_and_hour_with_what_it_is_made_of(held: Newsroom, reviewer: FlaskClient) -> None:
    page = words(reviewer.get(PAGE).text)

    assert "Review 6 held." in page
    when = r"\w{3} \d+ \w{3}, \d\d:\d\d"
    assert re.search(rf"Harbour bridge to close {when} .*? 5 5 held 3 Sad 2 Angry 2 networks; 71% of the hour’s", page)
    assert re.search(r"An article without a title unverified key b \w{3} .*? 1 1 held 1 Like 1 network; 100%", page)
    assert "Waiting 6 Rejected 0 Released 0" in page
    assert page.index("Harbour bridge") < page.index("unverified key b")


def test_times_are_those_of_the_site(app: Flask, database_url: str) -> None:
    make.site(database_url, "tokyo", time_zone="Asia/Tokyo")
    with app.app_context():
        tokyo = Newsroom(db.engine, app.extensions["reader-reactions"].ballot_box, "tokyo")
    tokyo.held("a", like=1)
    client = app.test_client()
    client.post("/dashboard/sign-in", data={"key": key_of(app, "tokyo", scopes=["read", "review"])})

    hour = (now_ms() // 3_600_000 + 9) % 24
    assert re.search(rf", (?:{hour:02}|{(hour - 1) % 24:02}):\d\d", words(client.get(PAGE).text))


def test_a_window_is_released_and_another_rejected_with_one_button_each(
    app: Flask, held: Newsroom, reviewer: FlaskClient
) -> None:
    assert "5 votes were released. Reject after all what was just decided" in press(reviewer, "Release 5 votes")
    assert "1 vote was rejected. Release after all what was just decided" in press(reviewer, "Reject 1 vote")

    assert totals(app) == [7, 0]
    page = words(reviewer.get(PAGE).text)
    assert "Nothing waits for a decision." in page
    assert "Waiting 0 Rejected 1 Released 5" in page


def test_a_decision_is_taken_back_and_nothing_else_with_it(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    press(reviewer, "Reject 1 vote")
    answer = reviewer.post(f"{PAGE}/reject", data={"shown": "waiting", "all": "1"})
    said = reviewer.get(answer.location).text
    action, form = next(form for name, form in Forms(said).buttons.items() if name == "Release after all what was just decided")

    assert "5 votes were released" in send(reviewer, action, form)
    assert totals(app) == [7, 0]
    assert "5 votes were rejected" in press(reviewer, "Reject after all all of this list", f"{PAGE}?shown=released")
    assert "6 votes were released" in press(reviewer, "Release after all all of this list", f"{PAGE}?shown=rejected")
    assert totals(app) == [7, 1]


def test_what_is_ticked_is_decided_and_what_is_not_stays(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    (window,) = re.findall(rf'value="({A}-\d+)"', reviewer.get(PAGE).text)[:1]

    assert "No vote was changed: tick the votes first" in press(reviewer, "Reject ticked")
    assert "No vote was changed: tick the votes first" in press(reviewer, "Reject ticked", f"{PAGE}?article={A}")
    assert "5 votes were rejected" in press(reviewer, "Reject ticked", window=[window, window])
    assert "Waiting 1 Rejected 5" in words(reviewer.get(PAGE).text)


def test_one_article_is_decided_and_no_other(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    page = f"{PAGE}?article={A}"

    assert "All 5 of this list, on this article:" in words(reviewer.get(page).text)
    assert "unverified key b" not in reviewer.get(page).text
    assert "5 votes were released" in press(reviewer, "Release all of this list", page)
    assert totals(app) == [7, 0]


def test_votes_one_by_one_and_all_of_a_network(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    (window,) = re.findall(rf'value="({A}-\d+)"', reviewer.get(PAGE).text)[:1]
    page = f"{PAGE}/votes?window={window}"
    html = reviewer.get(page).text
    ids = re.findall(r'name="vote" value="([0-9a-f]{16})"', html)

    assert len(ids) == 5
    assert f"{OTHER} 3 votes here" in words(html)
    assert "held until" in words(html)
    assert "1 vote was rejected" in press(reviewer, "Reject ticked", page, vote=ids[:1])
    assert "4 votes were released" in press(reviewer, "Release ticked", page, vote=ids)
    assert "No vote of this hour is on this list any more." in words(reviewer.get(page).text)
    assert "rejected" in words(reviewer.get(f"{page}&shown=rejected").text)
    assert " by " in words(reviewer.get(f"{page}&shown=rejected").text)


def test_a_network_is_rejected_on_every_article(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    (window,) = re.findall(rf'value="({A}-\d+)"', reviewer.get(PAGE).text)[:1]

    assert "3 votes were rejected" in press(reviewer, f"Reject all of the network {NETWORK}", f"{PAGE}/votes?window={window}")
    assert "Waiting 3 Rejected 3" in words(reviewer.get(PAGE).text)


def test_a_verdict_is_told_in_words_and_decided_as_a_whole(app: Flask, newsroom: Newsroom, reviewer: FlaskClient) -> None:
    named = [*newsroom.votes("a", like=3), *newsroom.held("a", like=2)]
    newsroom.votes("a", sad=1)
    newsroom.verdict(named, "5 of 6 votes between 14:02 and 14:09 came from fresh readers in 1 network")
    newsroom.verdict(newsroom.held("b", like=1), "An older one", hours_ago=2)

    page = words(reviewer.get(PAGE).text)
    assert re.search(r"5 of 6 votes between 14:02 .*? 3 counted, but suspect; 2 held Holds what fits it .*? An older one", page)
    assert "Review 3 held; 3 counted, but suspect." in page

    assert "5 votes were rejected" in press(reviewer, "Reject 5 votes named")
    assert totals(app)[0] == 1
    assert "5 votes were released" in press(reviewer, "Release 5 after all votes named")
    assert totals(app)[0] == 6
    assert "Holds what fits it" not in words(reviewer.get(PAGE).text)


def test_two_editors_decide_and_the_second_is_told(app: Flask, held: Newsroom, reviewer: FlaskClient) -> None:
    stale = Forms(reviewer.get(PAGE).text).buttons
    action, form = next(form for name, form in stale.items() if name.startswith("Reject 5 votes"))

    assert "5 votes were released" in press(reviewer, "Release 5 votes")
    assert "No vote was changed: somebody has decided about them already" in send(reviewer, action, form)
    assert totals(app) == [7, 0]


def test_a_reader_who_votes_meanwhile_loses_nothing(app: Flask, make_app: Any, newsroom: Newsroom, reviewer: FlaskClient) -> None:
    narrow = make_app(counts_memory_s=0, fresh_votes_per_network="1/10 minutes").test_client(use_cookies=False)
    for number in range(3):
        vote(narrow, article="a", reader=make.reader(number), reaction="sad")
    stale = Forms(reviewer.get(PAGE).text).buttons
    action, form = next(form for name, form in stale.items() if name.startswith("Reject 2 votes"))
    answer = vote(narrow, article="a", reader=make.reader(2), reaction="love")

    assert answer.json["reaction"] == "love"
    assert "2 votes were rejected" in send(reviewer, action, form)
    assert vote(narrow, article="a", reader=make.reader(2), reaction="wow", seq=now_ms()).json["reaction"] == "wow"
    assert totals(app)[0] == 1
    press(reviewer, "Release after all all of this list", f"{PAGE}?shown=rejected")
    assert counts(narrow, ["a"]).json["articles"][0]["counts"] == counted(sad=2, wow=1)


def test_the_page_of_an_article_says_what_is_held_and_leads_there(held: Newsroom, reviewer: FlaskClient) -> None:
    html = reviewer.get("/dashboard/article?article=a").text

    assert "Votes under review: 5 held" in words(html)
    assert f'href="{PAGE}?article={A}"' in html
    held.votes("c", like=1)
    assert "under review" not in reviewer.get("/dashboard/article?article=c").text


def test_many_windows_and_verdicts_are_turned_page_by_page(held: Newsroom, reviewer: FlaskClient) -> None:
    for number in range(52):
        newest = held.held(f"page-{number:02}", hours_ago=3 + number / 100, like=1)
    for number in range(12):
        held.verdict(newest, f"verdict {number:02}", hours_ago=number)

    seen: list[str] = []
    address = PAGE
    while address:
        html = reviewer.get(address).text
        seen += re.findall(r'name="window" value="([^"]*)"', html)
        following = re.search(r'href="([^"]*)">Older votes', html)
        address = following[1].replace("&amp;", "&") if following else ""
    older = re.search(r'href="([^"]*)">Older verdicts', reviewer.get(PAGE).text)
    assert older
    assert (len(seen), len(set(seen))) == (54, 54)
    assert re.findall(r"verdict \d\d", reviewer.get(older[1].replace("&amp;", "&")).text) == ["verdict 10", "verdict 11"]
