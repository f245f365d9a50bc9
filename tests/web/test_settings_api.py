"""The settings of a site by API: each change is made once, wholly, by whoever may, and against what is there now.

The file is longer than others because each setting has its attack beside it.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import articles, editor_sessions, sites
from reactions.newsroom.article_keys import id_of
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import imported, imported_views, tallies
from reactions.votes.imported import Change
from reactions.votes.imported_views import DayChange
from reactions.web import current
from tests import make
from tests.lengths import only_sqlite
from tests.notices.alerts.receiver import receiving
from tests.web.asking import counted, counts, vote
from tests.web.conftest import MakeApp
from tests.web.test_newsroom_api import Editor, key_of

LIKE = {"key": "like", "emoji": "👍", "mood": 1, "label": {"en": "Like"}, "retired": False}
CLAP = {"key": "clap", "emoji": "👏", "mood": 1, "label": {"en": "Clap", "de": "Applaus"}, "retired": False}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(site_memory_s=0, counts_memory_s=0, webhook_private_targets=True)


@pytest.fixture
def admin(app: Flask, client: FlaskClient) -> Editor:
    return Editor(client, key_of(app, "daily", "admin"))


def put_set(editor: Editor, body: Any, if_match: str | None) -> TestResponse:
    headers = {"Authorization": f"Bearer {editor.key}"} | ({"If-Match": if_match} if if_match else {})
    return editor.client.put("/v1/sites/daily/set", json=body, headers=headers)


def refusal(answer: TestResponse) -> tuple[int, str]:
    assert answer.json
    return answer.status_code, answer.json["type"].removeprefix("/problems#")


@pytest.mark.parametrize("scope", ["read", "write", "review", "keys"])
def test_a_key_without_the_scope_is_told_which_one_is_needed(app: Flask, client: FlaskClient, scope: str) -> None:
    other = Editor(client, key_of(app, "daily", scope))

    refused = other.send("PATCH", "daily", {"name": "Mine"})

    assert refusal(refused) == (403, "missing-scope")
    assert refused.json["detail"] == f"This needs a key with the scope admin; this one has {scope}."  # type: ignore[index]
    assert client.get("/v1/sites/daily/reactions?article=a").status_code == 200


def test_a_site_is_read_and_changed_in_what_is_sent(admin: Editor) -> None:
    before = admin.send("GET", "daily").json
    changed = admin.send("PATCH", "daily", {"name": "Daily", "time_zone": "Europe/Berlin", "origins": ["https://B.example/"]})

    assert before == {
        "site": "daily", "name": "The Daily", "origins": [make.ORIGIN], "time_zone": "UTC", "vanished_time_zone": None,
        "article_policy": "open", "new_articles_per_day": 10_000, "article_patterns": [], "close_after_days": None,
        "keep_votes_days": None, "forgotten_votes": "kept", "reader_scope": "article", "language": "en", "count_views": 0,
    }  # fmt: skip
    same = {"name": "Daily", "time_zone": "Europe/Berlin", "origins": ["https://b.example"]}
    assert changed.json == admin.send("GET", "daily").json == before | same


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"origins": ["https://a.example/blog"]}, 422, "#/origins"),
        ({"origins": []}, 400, "#/origins"),
        ({"time_zone": "Mars/Phobos"}, 422, "#/time_zone"),
        ({"article_patterns": ["*"]}, 422, "#/article_patterns"),
        ({"close_after_days": 0}, 422, "#/close_after_days"),
        ({"new_articles_per_day": "5"}, 400, "#/new_articles_per_day"),
        ({"name": "\u200b"}, 422, "#/name"),
        ({"key": "other"}, 400, "#/key"),
        ({"name": "Good", "time_zone": "Berlin"}, 422, "#/time_zone"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name_and_nothing_changes(
    admin: Editor, body: Any, status: int, pointer: str
) -> None:
    before = admin.send("GET", "daily").json

    refused = admin.send("PATCH", "daily", body)

    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (status, pointer)  # type: ignore[index]
    assert admin.send("GET", "daily").json == before


def test_a_time_zone_that_vanished_is_said_and_reports_go_on_in_utc(app: Flask, client: FlaskClient, admin: Editor) -> None:
    with app.app_context(), writing(current.engine()) as connection:
        connection.execute(update(tables.site).values(time_zone="Europe/Atlantis"))

    shown = admin.send("GET", "daily").json
    report = Editor(client, key_of(app, "daily", "read")).send("GET", "daily/dashboard")
    mended = admin.send("PATCH", "daily", {"time_zone": "Europe/Lisbon"}).json

    assert shown
    assert (shown["time_zone"], shown["vanished_time_zone"]) == ("UTC", "Europe/Atlantis")
    assert (report.status_code, report.json["site"]["time_zone"]) == (200, "UTC")  # type: ignore[index]
    assert mended
    assert (mended["time_zone"], mended["vanished_time_zone"]) == ("Europe/Lisbon", None)


def test_a_set_is_replaced_and_what_it_lacks_is_retired_with_its_counts(client: FlaskClient, admin: Editor) -> None:
    vote(client, reaction="love")
    tag = admin.send("GET", "daily/set").headers["ETag"]

    put = put_set(admin, {"reactions": [CLAP, LIKE], "sections": {"Sport": ["clap"]}}, tag)

    assert put.status_code == 200
    assert put.headers["ETag"] != tag
    assert [entry["key"] for entry in put.json["reactions"]] == ["clap", "like", *(k for k in make.SEVEN if k != "like")]  # type: ignore[index]
    assert [entry["key"] for entry in put.json["reactions"] if not entry["retired"]] == ["clap", "like"]  # type: ignore[index]
    assert put.json["sections"] == {"Sport": ["clap"]}  # type: ignore[index]
    assert counts(client, ["a"]).json["articles"][0]["counts"] == {"clap": 0, "like": 0}  # type: ignore[index]
    revived = [*put.json["reactions"][:2], make_shown("love")]  # type: ignore[index]
    assert put_set(admin, {"reactions": revived}, put.headers["ETag"]).status_code == 200
    assert counts(client, ["a"]).json["articles"][0]["counts"] == {"clap": 0, "like": 0, "love": 1}  # type: ignore[index]


def make_shown(key: str) -> dict[str, Any]:
    entry = make.reactions(key).get(key)
    return {"key": key, "emoji": entry.emoji, "mood": entry.mood, "label": dict(entry.labels), "retired": False}


def test_of_two_who_change_a_set_at_once_the_second_is_told(admin: Editor) -> None:
    tag = admin.send("GET", "daily/set").headers["ETag"]

    first = put_set(admin, {"reactions": [LIKE]}, tag)
    second = put_set(admin, {"reactions": [CLAP]}, tag)
    blind = put_set(admin, {"reactions": [CLAP]}, None)

    assert first.status_code == 200
    assert refusal(second) == (412, "precondition-failed")
    assert refusal(blind) == (428, "precondition-required")
    assert "Somebody else has changed this" in second.json["detail"]  # type: ignore[index]
    assert admin.send("GET", "daily/set").json == first.json


def test_of_many_who_change_a_set_in_the_same_moment_one_succeeds(app: Flask, admin: Editor) -> None:
    tag = admin.send("GET", "daily/set").headers["ETag"]
    together = threading.Barrier(6)

    def put(number: int) -> tuple[int, str]:
        editor = Editor(app.test_client(use_cookies=False), admin.key)
        together.wait()
        label = f"Like {number}"
        return put_set(editor, {"reactions": [{**LIKE, "label": {"en": label}}]}, tag).status_code, label

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(put, range(6)))

    assert sorted(status for status, _ in outcomes) == [200, 412, 412, 412, 412, 412]
    (won,) = (label for status, label in outcomes if status == 200)
    assert admin.send("GET", "daily/set").json["reactions"][0]["label"] == {"en": won}  # type: ignore[index]


def test_the_same_holds_for_the_settings_where_a_tag_is_sent(admin: Editor) -> None:
    tag = admin.send("GET", "daily").headers["ETag"]
    admin.send("PATCH", "daily", {"name": "First"})
    headers = {"Authorization": f"Bearer {admin.key}", "If-Match": tag}

    second = admin.client.patch("/v1/sites/daily", json={"name": "Second"}, headers=headers)

    assert refusal(second) == (412, "precondition-failed")
    assert admin.send("GET", "daily").json["name"] == "First"  # type: ignore[index]


@pytest.mark.parametrize(
    "reactions",
    [
        [],
        [{**LIKE, "retired": True}],
        [LIKE, LIKE],
        [{**LIKE, "label": {}}],
        [{**LIKE, "label": {"en": "\u200b"}}],
        [{**LIKE, "mood": 2}],
        [{**LIKE, "colour": "red"}],
        [{**LIKE, "key": "Like"}],
        [{**LIKE, "key": f"k{n}"} for n in range(24)],  # with the seven that there are: 31
    ],
)
def test_a_set_that_cannot_be_is_refused_and_the_old_one_stays(admin: Editor, reactions: Any) -> None:
    before = admin.send("GET", "daily/set")

    refused = put_set(admin, {"reactions": reactions}, "*")

    assert refused.status_code in (400, 422)
    assert refused.json["detail"]  # type: ignore[index]
    assert admin.send("GET", "daily/set").json == before.json


def test_a_section_can_only_offer_what_the_set_has(admin: Editor) -> None:
    refused = put_set(admin, {"reactions": [LIKE], "sections": {"Sport": ["cheer"]}}, "*")

    assert refusal(refused) == (422, "unknown-reaction")


def test_alert_rules_are_changed_one_threshold_at_a_time(admin: Editor) -> None:
    admin.send("PATCH", "daily/alert-rules", {"surging": {"readers": 50}})
    changed = admin.send("PATCH", "daily/alert-rules", {"surging": {"times": 6}, "record": {"on": False}})

    assert changed.json == admin.send("GET", "daily/alert-rules").json
    assert changed.json == {
        "surging": {"on": True, "times": 6, "readers": 50}, "turned_sour": {"on": True, "votes": 20},
        "most_loved": {"on": True, "votes": 50}, "record": {"on": False, "votes": 100}, "suspicious_votes": {"on": True},
    }  # fmt: skip


@pytest.mark.parametrize("on", [0, 1, "false", "yes", None])
def test_a_rule_is_on_or_off_and_nothing_that_looks_like_it(admin: Editor, on: object) -> None:
    before = admin.send("GET", "daily/alert-rules").json

    answer = admin.send("PATCH", "daily/alert-rules", {"record": {"on": on}})

    assert refusal(answer) == (400, "invalid-request")
    assert answer.json
    assert answer.json["errors"][0]["pointer"] == "#/record/on"
    assert admin.send("GET", "daily/alert-rules").json == before


@pytest.mark.parametrize("rules", [{"surging": {"times": 1}}, {"record": {"votes": 4}}, {"most_loved": {"votes": 2_000_000}}])
def test_a_threshold_that_proves_nothing_is_refused(admin: Editor, rules: Any) -> None:
    refused = admin.send("PATCH", "daily/alert-rules", rules)

    assert refusal(refused) == (422, "malformed-site")
    assert admin.send("GET", "daily/alert-rules").json["surging"]["times"] == 4  # type: ignore[index]


def test_a_test_message_tells_the_receivers_status_and_its_own_reason(admin: Editor) -> None:
    with receiving(204, (403, {"Content-Type": "text/plain"}, b"channel #news\x00 is archived")) as receiver:
        made = admin.send("POST", "daily/webhooks", {"url": receiver.url}).json
        assert made
        good, bad = (admin.send("POST", f"daily/webhooks/{made['id']}/test").json for _ in range(2))

    assert good == {"delivered": True, "status": 204, "reason": None, "detail": "The test arrived: the receiver answered 204."}
    assert bad
    assert (bad["delivered"], bad["status"], bad["reason"]) == (False, 403, "channel #news is archived")
    assert bad["detail"] == "The test did not arrive. 127.0.0.1 answered 403: channel #news is archived"
    assert all(sent.is_signed_with(made["secret"]) for sent in receiver.sent)
    assert b'"type":"test"' in receiver.sent[0].body
    assert admin.send("GET", "daily/webhooks").json["webhooks"][0]["waiting"] == 0  # type: ignore[index]


def test_a_receiver_that_is_away_is_said_to_be_and_a_private_one_is_not_visited(make_app: MakeApp, admin: Editor) -> None:
    with receiving() as receiver:
        made = admin.send("POST", "daily/webhooks", {"url": receiver.url}).json
        careful = Editor(make_app().test_client(), admin.key)
        refused = careful.send("POST", f"daily/webhooks/{made['id']}/test").json  # type: ignore[index]
    away = admin.send("POST", f"daily/webhooks/{made['id']}/test").json  # type: ignore[index]

    assert receiver.sent == []
    assert refused
    assert "webhook_private_targets" in refused["detail"]
    assert away
    assert (away["delivered"], away["status"], away["reason"]) == (False, None, None)


def test_webhooks_are_listed_and_removed(admin: Editor) -> None:
    first = admin.send("POST", "daily/webhooks", {"url": "https://hooks.example/a"}).json
    again = admin.send("POST", "daily/webhooks", {"url": "https://hooks.example/a"})
    bad = admin.send("POST", "daily/webhooks", {"url": "ftp://hooks.example/a"})

    removed = admin.send("DELETE", f"daily/webhooks/{first['id']}")  # type: ignore[index]

    assert (refusal(again), refusal(bad)) == ((422, "malformed-webhook"),) * 2
    assert removed.json == {k: v for k, v in first.items() if k != "secret"}  # type: ignore[union-attr]
    assert admin.send("GET", "daily/webhooks").json == {"webhooks": []}
    assert refusal(admin.send("DELETE", f"daily/webhooks/{first['id']}")) == (404, "unknown-webhook")  # type: ignore[index]


def import_love(app: Flask, source: str = "old-blog", n: int = 40) -> None:
    """What an import of totals leaves behind."""
    with app.app_context():
        with writing(current.engine()) as connection:
            site = sites.get(connection, "daily")
            record.put(connection, Import(site.id, source, "csv", "old.csv", "0" * 64, "a test", 1), known=None)
            article_id = make_article(connection, site)
        change = [Change(article_id, "love", 0, n)]

        def add(connection: Any) -> None:
            imported.change(connection, source, change)
            tallies.shift_imported(connection, {(article_id, "love"): n})

        current.parts().ballot_box.transact(add)


def make_article(connection: Any, site: Any) -> int:
    article_id = id_of("daily", "a")
    articles.register(connection, site, {article_id: "a"}, at_ms=1, by="a test")
    return article_id


def test_an_import_is_listed_and_removed_and_readers_votes_stay(app: Flask, client: FlaskClient, admin: Editor) -> None:
    import_love(app)
    vote(client, reaction="love")

    listed = admin.send("GET", "daily/imports").json
    removed = admin.send("DELETE", "daily/imports/old-blog").json

    entry = {"source": "old-blog", "format": "csv", "file": "old.csv", "by": "a test", "at": "1970-01-01T00:00:00Z"}
    assert listed
    brought = {"reactions": 40, "votes": 0, "views": 0, "unfinished": False}
    assert [{**each, "at": entry["at"]} for each in listed["imports"]] == [{**entry, **brought}]
    assert removed
    assert (removed["source"], removed["reactions"]) == ("old-blog", 40)
    assert counts(client, ["a"]).json["articles"][0]["counts"] == counted(love=1)  # type: ignore[index]
    assert admin.send("GET", "daily/imports").json == {"imports": []}
    assert refusal(admin.send("DELETE", "daily/imports/old-blog")) == (404, "unknown-import")


def test_imported_views_are_listed_and_removed_as_views(app: Flask, admin: Editor) -> None:
    with app.app_context(), writing(current.engine()) as connection:
        site = sites.get(connection, "daily")
        record.put(connection, Import(site.id, "plausible", "plausible", "pages.csv", "0" * 64, "a test", 1), known=None)
        day = DayChange(make_article(connection, site), 20_000, 70, range(480_000, 480_024))
        imported_views.change(connection, "plausible", [day])

    listed = admin.send("GET", "daily/imports").json
    removed = admin.send("DELETE", "daily/imports/plausible").json

    assert listed
    assert [(each["source"], each["reactions"], each["views"]) for each in listed["imports"]] == [("plausible", 0, 70)]
    assert removed
    assert (removed["reactions"], removed["views"]) == (0, 70)
    with app.app_context(), writing(current.engine()) as connection:
        assert connection.execute(tables.views.select()).all() == []


def test_subscribers_of_the_digest_are_added_once_and_removed(admin: Editor) -> None:
    admin.send("POST", "daily/digest/subscribers", {"address": "chief@daily.example"})
    again = admin.send("POST", "daily/digest/subscribers", {"address": " Chief@daily.example"})
    bad = admin.send("POST", "daily/digest/subscribers", {"address": "a@b.example, c@d.example"})
    listed = admin.send("GET", "daily/digest/subscribers").json

    assert again.status_code == 200
    assert refusal(bad) == (422, "malformed-subscriber")
    assert listed
    assert [each["address"] for each in listed["subscribers"]] == ["chief@daily.example"]
    left = admin.send("DELETE", "daily/digest/subscribers", {"address": "chief@daily.example"})
    assert left.json == {"subscribers": []}
    gone = admin.send("DELETE", "daily/digest/subscribers", {"address": "chief@daily.example"})
    assert refusal(gone) == (404, "unknown-subscriber")


def test_people_are_listed_with_their_scopes_and_signed_out(app: Flask, client: FlaskClient, database_url: str) -> None:
    make.site(database_url, "weekly")
    editor = Editor(client, key_of(app, "daily", "keys"))
    with app.app_context(), writing(current.engine()) as connection:
        daily, weekly = (sites.get(connection, name) for name in ("daily", "weekly"))
        now_ms = current.now_ms()
        ada = editor_sessions.begin_for(connection, "ada@daily.example", {daily.id: frozenset(["read"])}, now_ms=now_ms)
        editor_sessions.begin_for(connection, "ben@weekly.example", {weekly.id: frozenset(["read"])}, now_ms=now_ms)
        editor_sessions.begin_for(connection, "old@daily.example", {daily.id: frozenset(["read"])}, now_ms=now_ms - DAY_MS)

    people = editor.send("GET", "daily/people").json["people"]  # type: ignore[index]
    ended = editor.send("POST", "daily/people/end-sessions", {"person": "ada@daily.example"})
    foreign = editor.send("POST", "daily/people/end-sessions", {"person": "ben@weekly.example"})

    assert [(each["person"], each["scopes"]) for each in people] == [("ada@daily.example", ["read"])]
    assert ended.json == {"sessions": 1}
    assert refusal(foreign) == (404, "unknown-person")
    with app.app_context(), current.reading() as connection:
        assert editor_sessions.find(connection, ada, now_ms=now_ms) is None


@only_sqlite
@pytest.mark.parametrize("name", ["%00", "a%00", "%ED%A0%80", "x" * 3000, "..%2fa"])
@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "webhooks/{}"), ("POST", "webhooks/{}/test"), ("DELETE", "imports/{}"), ("DELETE", "keys/{}")],
)
def test_a_name_that_nothing_can_have_is_unknown(
    app: Flask, client: FlaskClient, admin: Editor, method: str, path: str, name: str
) -> None:
    editor = Editor(client, key_of(app, "daily", "keys")) if "keys" in path else admin

    answer = editor.send(method, f"daily/{path.format(name)}")

    assert answer.status_code in (404, 405), answer.text


@pytest.mark.parametrize("address", ["\0", "a\0@example.org", "\u202e@example.org", "a" * 250])
def test_an_address_that_nobody_can_have_is_refused_and_unknown(admin: Editor, address: str) -> None:
    added = admin.send("POST", "daily/digest/subscribers", {"address": address})
    removed = admin.send("DELETE", "daily/digest/subscribers", {"address": address})

    assert (added.status_code, removed.status_code) == (422, 404), removed.text
