"""A site with something in every state that the API can speak of: what schemathesis asks, and what the examples come from.

python -m tests.web.seeded       writes reactions/web/examples.json anew
python -m tests.web.seeded fuzz  lets schemathesis ask a service for half an hour (`make fuzz`; options are schemathesis's)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from reactions.app import create_app
from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import api_keys, editor_sessions, sites, subscribers
from reactions.notices import webhooks
from reactions.settings import load
from reactions.storage.engines import writing
from reactions.web import current
from tests import make
from tests.databases import PROJECT, SqliteFiles, product_environment
from tests.faults.stage import UNLIMITED, WIDE
from tests.service import running_service

SITE = "/v1/sites/daily"
READERS = 12
EXAMPLES = PROJECT / "reactions" / "web" / "examples.json"
CONFIG = Path(__file__).parent / "schemathesis.toml"
SETTINGS = {
    **UNLIMITED, **dict.fromkeys(["wrong_keys_per_network", "keyed_requests_per_network"], WIDE),
    "exports_per_key": 50, "site_memory_s": 0,
}  # fmt: skip

ARTICLES = {
    "sport/cup-final": "Cup final goes to penalties",
    "politics/budget": "The budget in ten numbers",
    "science/comet": "A comet returns after 80 years",
    "closed": "Voting has ended here",
    "hidden": "The numbers are hidden here",
    "merged": "The same cup final, seen twice",
    "moved": "Published under another address at first",
    "silent": "Nobody has reacted to this one",
}


def seed(app: Flask) -> dict[str, str]:
    """Fill the site "daily"; return a key for each scope, and the id of a key that may be revoked, as `spare`."""
    keys = {scope: _key(app, scope)[1] for scope in api_keys.SCOPES}
    client = app.test_client()
    _send(client, keys["write"], "PUT", "articles", {"articles": [_described(key, title) for key, title in ARTICLES.items()]})
    for number in range(READERS):
        _vote(client, number, "sport/cup-final", make.SEVEN[number % 7])
        _vote(client, number, "politics/budget", "angry" if number % 2 else "like")
        _vote(client, number, ("science/comet", "closed", "hidden", "merged", "moved")[number % 5], "love")
    _send(client, keys["review"], "POST", "articles/close", {"article": "closed"})
    _send(client, keys["review"], "POST", "articles/hide", {"article": "hidden"})
    _send(client, keys["review"], "POST", "articles/merge", {"article": "merged", "into": "sport/cup-final"})
    _send(client, keys["write"], "POST", "articles/move", {"article": "moved", "to": "moved/again"})
    with app.app_context(), writing(current.engine()) as connection:
        site = sites.get(connection, "daily")
        sites.change(connection, "daily", reactions=site.reactions.changed("wow", retired=True), count_views=1)
    return {**keys, "spare": _key(app, "read")[0], **_set_up(app)}


def _set_up(app: Flask) -> dict[str, str]:
    """What the settings list: a webhook whose receiver is away, as `hook`, an import, a subscriber, somebody who is signed in."""
    now_ms = current.now_ms()
    with app.app_context(), writing(current.engine()) as connection:
        site = sites.get(connection, "daily")
        hook = webhooks.add(connection, site, "http://127.0.0.1:9/reactions", private_allowed=True, now_ms=now_ms)
        subscribers.add(connection, site, "chief@example.org", at_ms=now_ms, by="a test")
        record.put(connection, Import(site.id, "old-blog", "csv", "old-blog.csv", "0" * 64, "a test", now_ms), known=None)
        editor_sessions.begin_for(connection, "ada@example.org", {site.id: frozenset(["read", "review"])}, now_ms=now_ms)
    return {"hook": hook.id, "imported": "old-blog"}


def _key(app: Flask, scope: str) -> tuple[str, str]:
    with app.app_context(), writing(current.engine()) as connection:
        site = sites.get(connection, "daily")
        made, text = api_keys.create(connection, site, scopes=[scope], label=f"for {scope}", now_ms=current.now_ms())
    return made.id, text


def _described(key: str, title: str) -> dict[str, Any]:
    published = datetime.now(UTC) - timedelta(hours=5)
    return {
        "key": key, "title": title, "url": f"https://daily.example/{key}", "section": key.partition("/")[0].title(),
        "authors": ["Ada Berg"], "tags": ["today"], "published_at": published.isoformat(timespec="seconds"),
    }  # fmt: skip


def _vote(client: FlaskClient, number: int, article: str, reaction: str) -> None:
    body = {"article": article, "reaction": reaction, "reader": make.reader(number + 1), "seq": int(time.time() * 1000)}
    assert client.put(f"{SITE}/vote", json=body).status_code == 200


def _send(client: FlaskClient, key: str, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {key}", **({"If-Match": "*"} if (method, path) == ("PUT", "set") else {})}
    sent = client.open(f"{SITE}/{path}".rstrip("/"), method=method, json=body, headers=headers)
    assert sent.status_code == 200, (path, sent.text)
    return sent.get_json() if sent.is_json else sent.text


# --- the examples ---

REQUESTS: dict[str, tuple[str, str, str, dict[str, Any] | None]] = {
    # operationId: scope, method, path, body
    "getReactions": ("read", "GET", "reactions?article=sport/cup-final", None),
    "getCounts": ("read", "GET", "counts?article=sport/cup-final&article=hidden", None),
    "mayVote": ("read", "GET", "vote", None),
    "castVote": (
        "read", "PUT", "vote", {"article": "sport/cup-final", "reaction": "love", "reader": "0f" * 16, "seq": 1732345678901},
    ),
    "countViews": ("read", "POST", "views", {"articles": ["sport/cup-final", "science/comet"]}),
    "getDashboard": ("read", "GET", "dashboard", None),
    "listArticles": ("read", "GET", "articles?limit=1", None),
    "getArticle": ("read", "GET", "articles/one?article=sport/cup-final", None),
    "getSeries": ("read", "GET", "series", None),
    "exportFile": ("read", "GET", "export/articles.csv?columns=article,title,total", None),
    "getAlertsFeed": ("read", "GET", "alerts.atom", None),
    "describeArticles": (
        "write", "PUT", "articles",
        {"articles": [{
            "key": "sport/cup-final", "title": "Cup final goes to penalties", "url": "https://daily.example/sport/cup-final",
            "section": "Sport", "authors": ["Ada Berg"], "tags": ["today"], "published_at": "2026-03-01T07:30:00+01:00",
        }]},
    ),
    "closeArticle": ("review", "POST", "articles/close", {"article": "sport/cup-final"}),
    "reopenArticle": ("review", "POST", "articles/reopen", {"article": "sport/cup-final"}),
    "hideArticle": ("review", "POST", "articles/hide", {"article": "sport/cup-final"}),
    "showArticle": ("review", "POST", "articles/show", {"article": "sport/cup-final"}),
    "resetArticle": ("review", "POST", "articles/reset", {"article": "sport/cup-final"}),
    "restoreArticle": ("review", "POST", "articles/restore", {"article": "sport/cup-final"}),
    "mergeArticle": ("review", "POST", "articles/merge", {"article": "science/comet", "into": "sport/cup-final"}),
    "moveArticle": ("write", "POST", "articles/move", {"article": "politics/budget", "to": "politics/2026/budget"}),
    "listHolds": ("review", "GET", "holds", None),
    "listVerdicts": ("review", "GET", "verdicts", None),
    "releaseVotes": ("review", "POST", "holds/release", {"article": "sport/cup-final"}),
    "rejectVotes": ("review", "POST", "holds/reject", {"article": "sport/cup-final", "from": "2026-03-01T07:30:00+01:00"}),
    "listKeys": ("keys", "GET", "keys", None),
    "createKey": ("keys", "POST", "keys", {"label": "CMS", "scopes": ["keys"]}),
    "revokeKey": ("keys", "DELETE", "keys/{spare}", None),
    "getSite": ("admin", "GET", "", None),
    "changeSite": ("admin", "PATCH", "", {"time_zone": "Europe/Berlin", "close_after_days": 30}),
    "getSet": ("admin", "GET", "set", None),
    "replaceSet": (
        "admin", "PUT", "set",
        {"reactions": [{"key": "like", "emoji": "👍", "mood": 1, "label": {"en": "Like", "de": "Gefällt mir"}}]},
    ),
    "getAlertRules": ("admin", "GET", "alert-rules", None),
    "changeAlertRules": ("admin", "PATCH", "alert-rules", {"surging": {"times": 6.0, "readers": 50}, "record": {"on": False}}),
    "listWebhooks": ("admin", "GET", "webhooks", None),
    "addWebhook": ("admin", "POST", "webhooks", {"url": "https://hooks.example.org/reactions"}),
    "testWebhook": ("admin", "POST", "webhooks/{hook}/test", None),
    "removeWebhook": ("admin", "DELETE", "webhooks/{hook}", None),
    "listImports": ("admin", "GET", "imports", None),
    "removeImport": ("admin", "DELETE", "imports/{imported}", None),
    "listSubscribers": ("admin", "GET", "digest/subscribers", None),
    "addSubscriber": ("admin", "POST", "digest/subscribers", {"address": "newsroom@example.org"}),
    "removeSubscriber": ("admin", "DELETE", "digest/subscribers", {"address": "chief@example.org"}),
    "listPeople": ("keys", "GET", "people", None),
    "endSessions": ("keys", "POST", "people/end-sessions", {"person": "ada@example.org"}),
    "forgetReader": ("read", "DELETE", "vote/reader", {"reader": "0f" * 16}),
    "deleteArticles": ("review", "DELETE", "articles", {"article": "silent"}),
}  # fmt: skip


def examples(app: Flask, keys: Mapping[str, str]) -> dict[str, Any]:
    """A request and its response for each operation, as the seeded site answers; long lists are cut to their first entry."""
    client, found = app.test_client(), {}
    for operation, (scope, method, path, body) in REQUESTS.items():
        response = _send(client, keys[scope], method, path.format(**keys), body)
        found[operation] = {**({"request": body} if body else {}), "response": _cut(response)}
    return found


def renewed(fresh: Mapping[str, Any]) -> dict[str, Any]:
    """The fresh examples, but the written one where only its values differ: times and ids would change at each writing."""
    written = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return {
        name: written[name] if name in written and alike(written[name], example) else example for name, example in fresh.items()
    }


def alike(one: Any, other: Any) -> bool:
    """True if two examples have the same members. Null and an empty list are like anything: the time of day decides some."""
    if one in (None, []) or other in (None, []):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(alike(entry, other[0]) for entry in one)
    return isinstance(one, type(other)) or {type(one), type(other)} == {int, float}


def _cut(response: Any) -> Any:
    """A response in short: one entry of a list, and no secret that was real."""
    if isinstance(response, list) and all(isinstance(entry, dict) for entry in response):
        return [_cut(entry) for entry in response[:1]]
    if isinstance(response, dict):
        return {name: _cut(value) for name, value in response.items()}
    if isinstance(response, str) and response.startswith("whsec_"):
        return f"whsec_{'A' * 43}="
    if isinstance(response, str) and response.startswith("rk_"):
        return "rk_5f0c2a9b7d31_" + "A" * 43
    return response


# --- schemathesis ---


def fuzz(url: str, keys: Mapping[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    """Let schemathesis ask the service at `url`, by `schemathesis.toml`, with a key for each scope."""
    words = [Path(sys.executable).parent / "schemathesis", "--config-file", CONFIG, "run", f"{url}/openapi.json", *options]
    environ = {f"{name.upper()}_KEY": key for name, key in keys.items()}
    return subprocess.run(
        list(map(str, words)), env={**product_environment(), **environ}, text=True, capture_output=True, check=False
    )


@contextmanager
def _app(folder: Path) -> Iterator[tuple[Flask, str]]:
    """An application on a database of its own, and the database's address."""
    url = SqliteFiles(folder).copy_to(folder)
    make.site(url)
    # What a process does every minute begins with its first vote, and would keep a dashboard that knows of no other.
    quiet = {**SETTINGS, "verify_articles_per_minute": 0}
    app = create_app(load({}, database_url=url, data_dir=str(folder), secret=make.SECRET, **quiet))
    yield app, url
    with app.app_context():
        current.parts().hot_path.views.close()  # or they would be written when the folder is gone


def main(words: list[str]) -> int:
    """Write the examples, or fuzz."""
    if words and words[0] != "fuzz":
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as name, _app(Path(name)) as (app, url):
        keys = seed(app)
        if not words:
            EXAMPLES.write_text(json.dumps(renewed(examples(app, keys)), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            return 0
        with running_service(url, settings=SETTINGS) as service:
            run = fuzz(service.url, keys, "--max-examples", "500", "--max-time", "1800", *words[1:])
            sys.stdout.write(run.stdout + run.stderr)
            return run.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
