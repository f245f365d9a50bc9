"""`--json`, `site remove`, `subscribers` and `webhooks test`: what operators and their scripts rely on. On both engines."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from reactions.newsroom import api_keys, editor_sessions, sites, subscribers
from reactions.notices import webhooks
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import integrity, removing, sealing
from reactions.votes.revising import Editor
from reactions.web import current
from reactions.web.extensions import db
from tests import make
from tests.make import ADA, BEN
from tests.notices.alerts.receiver import receiving
from tests.test_docs import OPERATING
from tests.web import asking
from tests.web.conftest import MakeApp
from tests.web.terminal import Terminal
from tests.web.test_settings_api import import_love

QUICK = {"site_memory_s": 0}


@pytest.fixture
def terminal(tmp_path: Any, database_url: str) -> Any:
    with Terminal(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(site_memory_s=0, counts_memory_s=0)


LISTS = {
    ("site", "list"): "sites",
    ("key", "list", "daily"): "keys",
    ("webhooks", "list", "daily"): "webhooks",
    ("import", "list", "daily"): "imports",
    ("subscribers", "list", "daily"): "subscribers",
    ("holds", "list", "daily"): "holds",
    ("holds", "verdicts", "daily"): "verdicts",
    ("set", "show", "daily"): "reactions",
    ("recount",): "articles",
    ("retention",): "sites",
    ("alerts", "daily"): "alerts",
}


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_every_list_is_one_json_document(app: Flask, terminal: Terminal, words: tuple[str, ...]) -> None:
    document = json.loads(terminal.do(*words, "--json"))

    assert isinstance(document[LISTS[words]], list)
    assert set(document) <= told(*words)


def told(*words: str) -> set[str]:
    """The names that the guide's row about a command has."""
    (row,) = re.findall(rf"^\| `reactions {' '.join(words)} --json` \| (.*)", OPERATING.read_text("utf-8"), re.MULTILINE)
    return set(re.findall(r"`(\w+)`", row))


@pytest.mark.parametrize("words", [w for w in LISTS if w[-1] == "daily" and w[0] not in ("set", "alerts")], ids=" ".join)
def test_an_empty_list_says_so(app: Flask, terminal: Terminal, words: tuple[str, ...]) -> None:
    assert terminal.do(*words) == "none yet\n"


def test_what_is_reported_as_json_is_what_the_api_answers(app: Flask, terminal: Terminal) -> None:
    with app.app_context(), writing(db.engine) as connection:
        site = sites.get(connection, "daily")
        _, key = api_keys.create(connection, site, scopes=["admin", "keys"], label="a test", now_ms=1)
    client, headers = app.test_client(), {"Authorization": f"Bearer {key}"}

    shown = json.loads(terminal.do("site", "show", "daily", "--json"))
    reactions = json.loads(terminal.do("set", "show", "daily", "--json"))
    keys = json.loads(terminal.do("key", "list", "daily", "--json"))

    assert shown.pop("snippet").startswith("<script async")
    assert shown == client.get("/v1/sites/daily", headers=headers).json
    assert reactions == client.get("/v1/sites/daily/set", headers=headers).json
    assert [each["id"] for each in keys["keys"]] == [key[3:15]]


WELL = {"votes": 1, "differing": 0, "differences": [], "finished": True, "above": None}


def test_reports_as_json_have_figures(app: Flask, terminal: Terminal) -> None:
    asking.vote(app.test_client(), reader=ADA)

    assert json.loads(terminal.do("verify", "--json")) == WELL
    assert set(WELL) <= told("verify")
    assert json.loads(terminal.do("recount", "--json")) == {"articles": [], "disagreeing": 0}
    shown = json.loads(terminal.do("settings", "--json"))
    assert (shown["secret"], shown["site_memory_s"]) == ("(set)", 2.0)
    assert make.SECRET not in terminal.do("settings", "--json")


def test_subscribers_are_added_listed_and_removed(app: Flask, terminal: Terminal) -> None:
    assert terminal.do("subscribers", "add", "daily", "chief@daily.example") == "chief@daily.example gets the digest of daily.\n"
    assert terminal.do("subscribers", "list", "daily").startswith("chief@daily.example ")
    assert "is not a mail address" in terminal.fail("subscribers", "add", "daily", "chief")
    terminal.do("subscribers", "remove", "daily", "chief@daily.example")
    assert "does not get the digest" in terminal.fail("subscribers", "remove", "daily", "chief@daily.example")


def test_a_webhook_is_tested_from_the_terminal(app: Flask, terminal: Terminal) -> None:
    with receiving(204, (403, {"Content-Type": "text/plain"}, b"no such channel")) as receiver:
        terminal.type("webhooks", "add", "daily", receiver.url, webhook_private_targets=True)
        (hook,) = json.loads(terminal.do("webhooks", "list", "daily", "--json"))["webhooks"]
        good = terminal.type("webhooks", "test", "daily", hook["id"], webhook_private_targets=True)
        bad = terminal.type("webhooks", "test", "daily", hook["id"], webhook_private_targets=True)

    assert (good.code, good.out) == (0, "The test arrived: the receiver answered 204.\n")
    assert (bad.code, bad.err) == (1, "The test did not arrive. 127.0.0.1 answered 403: no such channel\n")


# --- removing a site ---


def fill(app: Flask, database_url: str) -> str:
    """Give "daily" something of everything, and "weekly" a vote; return the token of somebody signed in to both."""
    make.site(database_url, "weekly")
    client = app.test_client()
    for article in ("a", "b", "c"):
        for reader in (ADA, BEN):
            asking.vote(client, article=article, reader=reader)
    client.put("/v1/sites/weekly/vote", json=asking.ballot(), headers={"Origin": make.ORIGIN})
    import_love(app)
    with app.app_context(), writing(db.engine) as connection:
        now_ms = current.now_ms()
        daily, weekly = (sites.get(connection, name) for name in ("daily", "weekly"))
        key, _ = api_keys.create(connection, daily, scopes=["read"], label="a test", now_ms=now_ms)
        editor_sessions.begin(connection, key, now_ms=now_ms)
        webhooks.add(connection, daily, "https://hooks.example/a", private_allowed=False, now_ms=now_ms)
        subscribers.add(connection, daily, "chief@daily.example", at_ms=now_ms, by="a test")
        both = {site.id: frozenset(["read"]) for site in (daily, weekly)}
        return editor_sessions.begin_for(connection, "ada@daily.example", both, now_ms=now_ms)


def verified(app: Flask) -> list[Any]:
    with app.app_context(), snapshot(db.engine) as connection:
        return [
            *integrity.differences(connection), *integrity.imported_differences(connection),
            *integrity.readers_differences(connection), *integrity.left_behind(connection), *sealing.differences(connection),
            *integrity.hold_differences(connection),
        ]  # fmt: skip


def rows_of(engine: Engine, site_id: int) -> dict[str, int]:
    """The rows that have the id of a site, and those of articles that no site has."""
    with engine.connect() as connection:
        known = set(connection.execute(select(tables.article.c.article_id)).scalars())
        left = {}
        for name, table in tables.metadata.tables.items():
            if "site_id" in table.c and (n := len(connection.execute(select(table).where(table.c.site_id == site_id)).all())):
                left[name] = n
            if "article_id" in table.c and name != "article":
                orphans = [i for i in connection.execute(select(table.c.article_id)).scalars() if i not in known]
                left |= {f"{name} of nobody": len(orphans)} if orphans else {}
        return left


def test_a_site_is_removed_with_everything_it_has_and_nothing_of_another(
    app: Flask, terminal: Terminal, database_url: str
) -> None:
    token = fill(app, database_url)
    with app.app_context(), current.reading() as connection:
        daily = sites.get(connection, "daily")
    asked = terminal.type("site", "remove", "daily", **QUICK)

    said = terminal.do("site", "remove", "daily", "--yes", **QUICK)

    assert asked.code == 2
    assert "This would delete The Daily (daily), its 3 articles with every vote, its 1 API key, alerts and imports" in asked.err
    assert said == "daily is removed, with 3 articles.\n"
    assert verified(app) == []
    with app.app_context():
        assert rows_of(db.engine, daily.id) == {}
        with current.reading() as connection:
            assert editor_sessions.find(connection, token, now_ms=current.now_ms()) is None
            assert connection.execute(select(tables.editor_session)).all() == []
    assert json.loads(terminal.do("verify", "--json")) == WELL
    assert [each["site"] for each in json.loads(terminal.do("site", "list", "--json"))["sites"]] == ["weekly"]
    assert "There is no site 'daily'" in terminal.fail("site", "remove", "daily", "--yes", **QUICK)


def test_another_site_that_gets_the_same_id_lets_nobody_of_the_old_one_in(
    app: Flask, terminal: Terminal, database_url: str
) -> None:
    token = fill(app, database_url)
    terminal.do("site", "remove", "weekly", "--yes", **QUICK)

    make.site(database_url, "evening")  # SQLite gives it the id that was the highest

    with app.app_context(), current.reading() as connection:
        assert editor_sessions.find(connection, token, now_ms=current.now_ms()) is None


def test_votes_for_a_site_that_is_being_removed_are_refused_and_others_counted(app: Flask, database_url: str) -> None:
    fill(app, database_url)
    client, statuses, over = app.test_client(), [], threading.Event()

    def vote_on_both() -> None:
        reader = 100
        while not over.is_set():
            reader += 1
            for site, article in (("daily", f"new-{reader}"), ("weekly", "a")):
                body = asking.ballot(article, "like", make.reader(reader))
                answer = client.put(f"/v1/sites/{site}/vote", json=body, headers={"Origin": make.ORIGIN})
                statuses.append((site, answer.status_code))

    with app.app_context():
        with current.reading() as connection:
            daily = sites.get(connection, "daily")
        box = current.parts().ballot_box
        voters = threading.Thread(target=vote_on_both)
        voters.start()
        editor = Editor(db.engine, box, daily, by="a test", now_ms=current.now_ms())
        removing.remove_site(editor, wait=lambda: over.wait(0.3) and None)
        over.set()
        voters.join()

    assert {status for site, status in statuses if site == "weekly"} == {200}
    assert {status for site, status in statuses if site == "daily"} <= {200, 404, 409}
    assert verified(app) == []
    with app.app_context():
        assert rows_of(db.engine, daily.id) == {}


def test_a_removal_that_was_cut_short_is_finished_by_running_it_again(app: Flask, terminal: Terminal, database_url: str) -> None:
    fill(app, database_url)

    class CutShort(Exception):
        pass

    def cut() -> None:
        raise CutShort

    with app.app_context():
        with current.reading() as connection:
            daily = sites.get(connection, "daily")
        editor = Editor(db.engine, current.parts().ballot_box, daily, by="a test", now_ms=current.now_ms())
        with pytest.raises(CutShort):
            removing.remove_site(editor, wait=cut)

    assert terminal.do("site", "remove", "daily", "--yes", **QUICK) == "daily is removed, with 3 articles.\n"
    assert verified(app) == []
