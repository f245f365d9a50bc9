"""What readers' pages ask, on both engines: an article's row, the counts of many, and a vote."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import Engine

from reactions.newsroom import sites
from reactions.storage.engines import writing
from tests import make
from tests.make import ADA, BEN, CIA
from tests.web.asking import LABELS, NOTHING, VOTE, ballot, buttons, counted, counts, problem, receipt, row, rows_stored, vote
from tests.web.conftest import MakeApp


def test_the_row_of_an_article_has_every_reaction_in_order_with_its_label_and_count(client: FlaskClient) -> None:
    vote(client, article="news/1", reaction="love", reader=ADA)
    vote(client, article="news/1", reaction="love", reader=BEN)
    vote(client, article="news/1", reaction="sad", reader=CIA)

    answer = row(client, "news/1")

    assert answer.status_code == 200
    assert answer.json == {"article": "news/1", "open": True, "total": 3, "reactions": buttons(love=2, sad=1)}


def test_a_reaction_that_was_retired_and_revived_is_shown_with_the_count_it_had(
    make_app: MakeApp, client: FlaskClient, engine: Engine
) -> None:
    for reader, reaction in ((ADA, "wow"), (BEN, "wow"), (CIA, "sad")):
        vote(client, article="news/1", reaction=reaction, reader=reader)

    shown = []
    for retired in (True, False):
        with writing(engine) as connection:
            sites.change(connection, "daily", reactions=sites.get(connection, "daily").reactions.changed("wow", retired=retired))
        shown.append(row(make_app().test_client(), "news/1").get_json())

    assert [reaction["key"] for reaction in shown[0]["reactions"]] == [key for key in make.SEVEN if key != "wow"]
    assert (shown[1]["total"], shown[1]["reactions"]) == (3, buttons(wow=2, sad=1))


def test_an_article_nobody_voted_on_has_zeros_and_is_not_created_by_reading(client: FlaskClient, engine: Engine) -> None:
    answer = row(client, "never seen")
    many = counts(client, ["never seen", "nor this"])

    assert answer.json == {"article": "never seen", "open": True, "total": 0, "reactions": buttons()}
    assert many.json == {
        "articles": [
            {"article": "never seen", "open": True, "total": 0, "counts": counted()},
            {"article": "nor this", "open": True, "total": 0, "counts": counted()},
        ]
    }
    assert rows_stored(engine) == NOTHING


def test_counts_come_in_the_order_asked_and_an_article_asked_twice_comes_twice(client: FlaskClient) -> None:
    vote(client, article="b", reaction="wow")
    vote(client, article="a", reaction="like")

    answer = counts(client, ["b", "c", "a", "b"])

    assert answer.json == {
        "articles": [
            {"article": "b", "open": True, "total": 1, "counts": counted(wow=1)},
            {"article": "c", "open": True, "total": 0, "counts": counted()},
            {"article": "a", "open": True, "total": 1, "counts": counted(like=1)},
            {"article": "b", "open": True, "total": 1, "counts": counted(wow=1)},
        ]
    }


def test_a_hundred_articles_are_answered_at_once(client: FlaskClient) -> None:
    answer = counts(client, [f"a{number}" for number in range(100)])

    assert answer.status_code == 200
    assert [entry["article"] for entry in answer.get_json()["articles"]] == [f"a{number}" for number in range(100)]


def test_a_vote_is_answered_with_the_counts_as_they_stand_after_it(client: FlaskClient) -> None:
    cast = vote(client, article="news/1", reaction="like", reader=ADA)
    joined = vote(client, article="news/1", reaction="wow", reader=BEN)
    changed = vote(client, article="news/1", reaction="love", reader=ADA)
    withdrawn = vote(client, article="news/1", reaction=None, reader=ADA)

    assert [answer.status_code for answer in (cast, joined, changed, withdrawn)] == [200] * 4
    assert receipt(cast) == {"article": "news/1", "reaction": "like", "total": 1, "counts": counted(like=1)}
    assert receipt(joined) == {"article": "news/1", "reaction": "wow", "total": 2, "counts": counted(like=1, wow=1)}
    assert receipt(changed) == {"article": "news/1", "reaction": "love", "total": 2, "counts": counted(love=1, wow=1)}
    assert receipt(withdrawn) == {"article": "news/1", "reaction": None, "total": 1, "counts": counted(wow=1)}


def test_members_keep_their_order_so_that_people_can_read_the_answers(client: FlaskClient) -> None:
    assert list(vote(client).get_json()) == ["article", "reaction", "total", "counts", "token"]
    assert list(vote(client).get_json()["counts"]) == list(make.SEVEN)
    assert list(row(client, "a").get_json()) == ["article", "open", "total", "reactions"]
    assert list(counts(client, ["a"]).get_json()["articles"][0]) == ["article", "open", "total", "counts"]


def test_a_repeated_vote_is_answered_again_and_changes_nothing(client: FlaskClient) -> None:
    body = ballot(reaction="love")
    first = client.put(VOTE, json=body)
    vote(client, reaction="angry")

    late = client.put(VOTE, json=body)

    assert receipt(first) == {"article": "a", "reaction": "love", "total": 1, "counts": counted(love=1)}
    assert receipt(late) == {"article": "a", "reaction": "angry", "total": 1, "counts": counted(angry=1)}


KEYS = ("news/2026/11/cup final", "Ünïcode/日本語", "🏆", "a" * 200, "?&=#%+", "%2F", "..", "a//b", "😀" * 200)


def test_article_keys_come_back_as_they_were_given(client: FlaskClient) -> None:
    for key in KEYS:
        cast = vote(client, article=key)

        assert receipt(cast) == {"article": key, "reaction": "like", "total": 1, "counts": counted(like=1)}
        assert row(client, key).json == {"article": key, "open": True, "total": 1, "reactions": buttons(like=1)}


def test_composed_and_decomposed_letters_are_the_same_article_and_capitals_are_not(client: FlaskClient) -> None:
    vote(client, article="cafe\u0301")

    assert counts(client, ["caf\u00e9", "Caf\u00e9"]).json == {
        "articles": [
            {"article": "caf\u00e9", "open": True, "total": 1, "counts": counted(like=1)},
            {"article": "Caf\u00e9", "open": True, "total": 0, "counts": counted()},
        ]
    }


GERMAN = ("Gefällt mir", "Gefällt mir nicht", "Liebe ich", "Lustig", "Macht wütend", "Traurig", "Wow")
FRENCH = ("J’aime", "Je n’aime pas", "J’adore", "Drôle", "En colère", "Triste", "Étonnant")
LABELS_IN = {
    "de": GERMAN, "de-AT": GERMAN, "DE": GERMAN, "de_CH": GERMAN, "de-Latn-DE-1996": GERMAN, "fr-CA": FRENCH,
    "en": LABELS, "tlh": LABELS, "": LABELS, "\0": LABELS, "-": LABELS, "d": LABELS, "x" * 2000: LABELS,
}  # fmt: skip


def test_labels_come_in_the_language_asked_or_in_the_nearest(client: FlaskClient) -> None:
    told = {lang: row(client, "a", lang=lang).json for lang in LABELS_IN}

    assert told == {
        lang: {"article": "a", "open": True, "total": 0, "reactions": buttons(labels)} for lang, labels in LABELS_IN.items()
    }


def test_a_site_that_knows_its_articles_says_that_others_take_no_votes(
    make_app: MakeApp, database_url: str, engine: Engine
) -> None:
    make.site(database_url, "weekly", article_policy="known")
    client = make_app().test_client()

    read = client.get("/v1/sites/weekly/reactions?article=unheard")
    refused = client.put("/v1/sites/weekly/vote", json=ballot("unheard"))

    assert read.json == {"article": "unheard", "open": False, "total": 0, "reactions": buttons()}
    assert refused.status_code == 404
    assert refused.get_json()["type"] == "/problems#unknown-article"
    assert rows_stored(engine) == NOTHING


def test_the_votes_of_one_site_are_not_those_of_another(make_app: MakeApp, database_url: str) -> None:
    make.site(database_url, "weekly")
    client = make_app().test_client()
    vote(client, article="same")

    other = client.get("/v1/sites/weekly/counts?article=same")

    assert other.json == {"articles": [{"article": "same", "open": True, "total": 0, "counts": counted()}]}


NO_SITES = ("nobody", "DAILY", "daily%00", "%00", "daily%20", "da%C3%AFly", "a" * 64, "%FF", "-", "d" * 4000, "%27%20or%201=1--")


def test_an_unknown_site_is_said_to_be_unknown(client: FlaskClient, engine: Engine) -> None:
    detail = "There is no such site. The key is the one shown by `reactions site list`."
    expected = problem("unknown-site", 404, "No such site", detail)

    for key in NO_SITES:
        for answer in (
            client.get(f"/v1/sites/{key}/reactions?article=a"),
            client.get(f"/v1/sites/{key}/counts?article=a"),
            client.put(f"/v1/sites/{key}/vote", json=ballot()),
            client.options(f"/v1/sites/{key}/vote", headers={"Origin": make.ORIGIN}),
        ):
            assert (answer.status_code, answer.json) == (404, expected)
    assert rows_stored(engine) == NOTHING


def test_a_site_added_while_the_service_runs_is_found_once_its_memory_is_over(make_app: MakeApp, database_url: str) -> None:
    client = make_app(site_memory_s=0).test_client()
    before = client.get("/v1/sites/weekly/counts?article=a")

    make.site(database_url, "weekly")

    assert before.status_code == 404
    assert client.get("/v1/sites/weekly/counts?article=a").status_code == 200


def test_a_retired_reaction_leaves_the_row_takes_no_votes_and_keeps_its_count(make_app: MakeApp, engine: Engine) -> None:
    client = make_app(site_memory_s=0, counts_memory_s=0).test_client()
    vote(client, reaction="funny")
    with writing(engine) as connection:
        found = sites.get(connection, "daily").reactions
        sites.change(connection, "daily", reactions=found.changed("funny", retired=True))
    six = {key: 0 for key in make.SEVEN if key != "funny"}

    refused = vote(client, reaction="funny", reader=BEN)
    read = counts(client, ["a"])
    with writing(engine) as connection:
        sites.change(connection, "daily", reactions=found)
    revived = counts(client, ["a"])

    assert refused.status_code == 422
    assert refused.json == problem(
        "retired-reaction", 422, "This reaction is no longer offered",
        "funny is no longer offered. Choose one of: like, dislike, love, angry, sad, wow.", "#/reaction",
    )  # fmt: skip
    assert read.json == {"articles": [{"article": "a", "open": True, "total": 0, "counts": six}]}
    assert revived.json == {"articles": [{"article": "a", "open": True, "total": 1, "counts": counted(funny=1)}]}


def test_votes_that_arrive_at_once_are_each_answered_with_their_own_reaction(make_app: MakeApp) -> None:
    app = make_app(votes_per_article="100000/second", answer_within_s=30)
    answered: dict[str, object] = {}

    def click(number: int) -> None:
        reader, reaction = make.reader(number), make.SEVEN[number % 7]
        answered[reader] = vote(app.test_client(), reader=reader, reaction=reaction).get_json()["reaction"]

    in_parallel([lambda number=number: click(number) for number in range(70)])

    assert answered == {make.reader(number): make.SEVEN[number % 7] for number in range(70)}
    assert counts(app.test_client(), ["a"]).get_json()["articles"][0]["counts"] == dict.fromkeys(make.SEVEN, 10)


def in_parallel(calls: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_vote_dated_within_a_day_of_the_servers_clock_is_counted(client: FlaskClient) -> None:
    now_ms = int(time.time() * 1000)

    ancient = vote(client, reader=ADA, seq=0)
    ahead = vote(client, reader=BEN, seq=now_ms + 86_400_000 - 10_000)
    too_far = vote(client, reader=CIA, seq=now_ms + 86_400_000 + 10_000)

    assert [ancient.status_code, ahead.status_code, too_far.status_code] == [200, 200, 422]
    assert counts(client, ["a"]).get_json()["articles"][0]["total"] == 2


def test_among_several_articles_a_key_that_cannot_be_used_spoils_its_own_entry_only(client: FlaskClient) -> None:
    vote(client, article="b", reaction="love", reader=ADA)

    answer = counts(client, ["a", "x" * 201, " b", "b"])

    assert answer.status_code == 200
    a, too_long, spaced, b = answer.get_json()["articles"]
    assert (a["total"], b["total"], b["counts"]["love"]) == (0, 1, 1)
    for entry, key in ((too_long, "x" * 201), (spaced, " b")):
        assert set(entry) == {"article", "error"}
        assert (entry["article"], entry["error"]["type"], entry["error"]["status"]) == (key, "/problems#malformed-key", 400)


def test_the_rows_of_many_articles_are_one_answer_with_the_sites_labels(client: FlaskClient, engine: Engine) -> None:
    vote(client, article="b", reaction="sad", reader=ADA)
    stored = rows_stored(engine)

    answer = client.get("/v1/sites/daily/reactions?article=a&article=%20&article=b&lang=fr")

    document = answer.get_json()
    assert [label["label"] for label in document["reactions"]][:2] == ["J’aime", "Je n’aime pas"]
    assert [set(label) for label in document["reactions"]] == [{"key", "label", "emoji"}] * 7
    assert [entry.get("total") for entry in document["articles"]] == [0, None, 1]
    assert document["articles"][2] == counts(client, ["b"]).get_json()["articles"][0]
    assert rows_stored(engine) == stored
