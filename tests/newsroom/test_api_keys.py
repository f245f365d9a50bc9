"""API keys: shown once, proven by their secret, ended at once. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from reactions.newsroom import api_keys, editor_sessions
from reactions.refusals import MalformedApiKey, UnknownApiKey
from reactions.storage import tables
from reactions.storage.engines import writing
from tests import make
from tests.boxes import NOON_MS, Booth, booth


def created(daily: Booth, *scopes: str) -> tuple[api_keys.ApiKey, str]:
    with writing(daily.engine) as connection:
        return api_keys.create(connection, daily.site, scopes=scopes or ("read",), label="CMS", now_ms=NOON_MS)


def proven(daily: Booth, text: str, now_ms: int = NOON_MS) -> api_keys.ApiKey | None:
    with daily.engine.connect() as connection:
        return api_keys.proven(connection, text, now_ms=now_ms)


def test_a_key_proves_itself_and_its_secret_is_nowhere_in_the_database(daily: Booth) -> None:
    key, text = created(daily, "write", "read")

    assert proven(daily, text) == key
    assert (key.scopes, key.label, key.last_used_at, key.revoked_at) == ({"read", "write"}, "CMS", None, None)
    with daily.engine.connect() as connection:
        (row,) = connection.execute(select(tables.api_key)).all()
    assert text.split("_", 2)[2].encode() not in bytes(row.secret_hash)
    assert len(bytes(row.secret_hash)) == 32


@pytest.mark.parametrize(
    "spoil", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.upper(), lambda t: t[:16] + "A" * 43, lambda _: ""]
)
def test_a_wrong_key_proves_nothing(daily: Booth, spoil: object) -> None:
    _, text = created(daily)

    assert proven(daily, spoil(text)) is None  # type: ignore[operator]


def test_a_revoked_key_proves_nothing_and_is_still_listed(daily: Booth) -> None:
    key, text = created(daily)
    with writing(daily.engine) as connection:
        api_keys.revoke(connection, daily.site, key.id, now_ms=NOON_MS + 1)
        api_keys.revoke(connection, daily.site, key.id, now_ms=NOON_MS + 2)

    assert proven(daily, text) is None
    with daily.engine.connect() as connection:
        assert [entry.revoked_at for entry in api_keys.all_of(connection, daily.site)] == [NOON_MS + 1]
        assert api_keys.still_good(connection, key.id, now_ms=NOON_MS) is None


def test_use_is_noted_to_the_minute(daily: Booth) -> None:
    key, text = created(daily)
    assert api_keys.use_is_news(key, NOON_MS)
    with writing(daily.engine) as connection:
        api_keys.note_use(connection, key, now_ms=NOON_MS)

    used = proven(daily, text)

    assert used is not None
    assert (api_keys.use_is_news(used, NOON_MS + 59_999), api_keys.use_is_news(used, NOON_MS + 60_000)) == (False, True)


@pytest.mark.parametrize(
    ("scopes", "label"), [((), "x"), (("all",), "x"), (("read",), " "), (("read",), "a\nb"), (("read",), "x" * 101)]
)
def test_a_key_without_scope_or_label_is_refused(daily: Booth, scopes: tuple[str, ...], label: str) -> None:
    with writing(daily.engine) as connection, pytest.raises(MalformedApiKey):
        api_keys.create(connection, daily.site, scopes=scopes, label=label, now_ms=NOON_MS)


def test_a_site_cannot_revoke_another_sites_key(engine: Engine, database_url: str, daily: Booth) -> None:
    make.site(database_url, "weekly")
    key, _ = created(daily)

    with writing(engine) as connection, pytest.raises(UnknownApiKey):
        api_keys.revoke(connection, booth(engine, "weekly").site, key.id, now_ms=NOON_MS)


def test_revoking_a_key_ends_every_key_that_was_made_with_it(daily: Booth) -> None:
    with writing(daily.engine) as connection:
        make_key = lambda by: api_keys.create(  # noqa: E731
            connection, daily.site, scopes=["read"], label="x", now_ms=NOON_MS, made_by=by
        )[0]
        first, other = make_key(None), make_key(None)
        second = make_key(first)
        third = make_key(second)
        api_keys.revoke(connection, daily.site, first.id, now_ms=NOON_MS)
        revoked = {key.id for key in api_keys.all_of(connection, daily.site) if key.revoked_at}

    assert revoked == {first.id, second.id, third.id}
    assert other.id not in revoked


def test_a_key_expires_and_so_do_those_made_with_it(daily: Booth) -> None:
    with writing(daily.engine) as connection:
        chosen = {"scopes": ["read"], "label": "x", "now_ms": NOON_MS}
        key, text = api_keys.create(connection, daily.site, **chosen, expires_at=NOON_MS + 10)
        made, _ = api_keys.create(connection, daily.site, **chosen, made_by=key, expires_at=NOON_MS + 99)
        with pytest.raises(MalformedApiKey):
            api_keys.create(connection, daily.site, **chosen, expires_at=NOON_MS)

    assert made.expires_at == NOON_MS + 10
    assert proven(daily, text, NOON_MS + 9) == key
    assert proven(daily, text, NOON_MS + 10) is None


def test_a_session_ends_when_idle_when_old_and_at_sign_out(daily: Booth) -> None:
    key, _ = created(daily)
    hour = 3_600_000
    with writing(daily.engine) as connection:
        token = editor_sessions.begin(connection, key, now_ms=NOON_MS)
        good = lambda hours: editor_sessions.find(connection, token, now_ms=NOON_MS + hours * hour) is not None  # noqa: E731
        assert (good(11), good(12)) == (True, False)
        for hours in range(10, 168, 10):
            editor_sessions.note_use(connection, token, now_ms=NOON_MS + hours * hour)
        assert (good(167), good(168)) == (True, False)
        editor_sessions.end(connection, token)
        assert not good(161)
