"""API keys: shown once, proven by their secret, ended at once. On both engines."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, select

from reactions.newsroom import api_keys
from reactions.refusals import MalformedApiKey, UnknownApiKey
from reactions.storage import tables
from reactions.storage.engines import writing
from tests import make
from tests.boxes import NOON_MS, Booth, booth


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url)
    return booth(engine)


def created(daily: Booth, *scopes: str) -> tuple[api_keys.ApiKey, str]:
    with writing(daily.engine) as connection:
        return api_keys.create(connection, daily.site, scopes=scopes or ("read",), label="CMS", now_ms=NOON_MS)


def proven(daily: Booth, text: str) -> api_keys.ApiKey | None:
    with daily.engine.connect() as connection:
        return api_keys.proven(connection, text)


def test_a_key_proves_itself_and_its_secret_is_nowhere_in_the_database(daily: Booth) -> None:
    key, text = created(daily, "write", "read")

    assert proven(daily, text) == key
    assert (key.scopes, key.label, key.last_used_at, key.revoked_at) == ({"read", "write"}, "CMS", None, None)
    with daily.engine.connect() as connection:
        (row,) = connection.execute(select(tables.api_key)).all()
    assert text.rpartition("_")[2].encode() not in bytes(row.secret_hash)
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
        assert api_keys.still_good(connection, key.id) is None


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
