"""A site that is removed: its keys, sessions, articles and all else that it has go, and nothing of another. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, Engine, func, select

from reactions.newsroom import api_keys, editor_sessions, sites
from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import integrity, removing, sealing
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.make import ADA, BEN


def with_webhook(connection: Connection, site_id: int) -> None:
    hook = {"id": f"hook {site_id}", "site_id": site_id, "url": "https://chat.example", "created_at": NOON_MS}
    connection.execute(tables.webhook.insert().values(hook))
    waiting = {
        "id": f"to {site_id}", "webhook_id": hook["id"], "alert_id": "x", "body": "", "state": "waiting", "attempts": 0,
        "next_at": NOON_MS,
    }  # fmt: skip
    connection.execute(tables.delivery.insert().values(waiting))


def left_of(engine: Engine, site: Site) -> set[str]:
    """The tables that have anything of a site."""
    with engine.connect() as connection:
        found = {
            table.name
            for table in tables.metadata.tables.values()
            if "site_id" in table.c and connection.execute(select(table).where(table.c.site_id == site.id).limit(1)).first()
        }
        known = connection.execute(select(tables.site.c.id).where(tables.site.c.id == site.id)).first()
        deliveries = select(tables.delivery.c.id).where(tables.delivery.c.webhook_id == f"hook {site.id}")
        return found | ({"site"} if known else set()) | ({"delivery"} if connection.execute(deliveries).first() else set())


def test_a_site_goes_with_all_it_has_and_nothing_of_another_does(
    daily: Booth, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removing, "_ARTICLES_AT_ONCE", 2)
    make.site(database_url, "weekly")
    weekly = booth(daily.engine, "weekly")
    sessions = {}
    for each in (daily, weekly):
        for key in ("a", "b", "c", "d", "e"):
            each.cast(ADA, "like", seq=1, article=key)
        with writing(daily.engine) as connection:
            key, _ = api_keys.create(connection, each.site, scopes=["admin"], label="a test", now_ms=NOON_MS)
            sessions[each.site.key] = editor_sessions.begin(connection, key, now_ms=NOON_MS)
            with_webhook(connection, each.site.id)
    with writing(daily.engine) as connection:  # another site may get the id that a person's session names
        grants = {site.id: frozenset(["editor"]) for site in (daily.site, weekly.site)}
        people = [
            editor_sessions.begin_for(connection, "ann@daily.example", grants, now_ms=NOON_MS),
            editor_sessions.begin_for(connection, "bob", {weekly.site.id: frozenset(["editor"])}, now_ms=NOON_MS),
        ]
    before = left_of(daily.engine, weekly.site)
    waited = []

    def wait() -> None:
        """A process that still takes the site for one where readers register articles."""
        with daily.engine.connect() as connection:
            policy = sites.get(connection, "daily").article_policy
            (key,) = api_keys.all_of(connection, daily.site)
        waited.append((policy, key.revoked_at))
        daily.cast(BEN, "like", seq=1, article="f")

    assert removing.remove_site(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), wait=wait) == 6

    assert waited == [("known", NOON_MS)]
    assert (left_of(daily.engine, daily.site), left_of(daily.engine, weekly.site)) == (set(), before)
    assert before >= {"site", "article", "api_key", "webhook", "delivery"}
    with snapshot(daily.engine) as connection:
        assert [*integrity.differences(connection), *integrity.left_behind(connection), *sealing.differences(connection)] == []
    assert weekly.shown("a") == {"like": 1}
    with daily.engine.connect() as connection:
        found = [editor_sessions.find(connection, token, now_ms=NOON_MS) is not None for token in [*sessions.values(), *people]]
        kept = connection.execute(select(func.count()).select_from(tables.editor_session)).scalar_one()
    assert (found, kept) == ([False, True, False, True], 2)
