"""The settings of a site at the dashboard: who may see and change them, and what happens to a form that cannot be saved."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from reactions.newsroom import api_keys, editor_sessions, sites
from reactions.newsroom.api_keys import ApiKey
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.web import current
from reactions.web.extensions import db
from tests.web.dashboard.settings_forms import (
    SETTINGS,
    Filled,
    admin,
    app,
    filled,
    refused,
    saved,
    send,
    signed_in,
    stored,
)
from tests.web.dashboard.test_pages import words

__all__ = ["admin", "app"]


@pytest.mark.parametrize("scopes", [["read"], ["read", "write", "review"]])
def test_a_key_without_the_scope_sees_no_settings_and_changes_none(app: Flask, scopes: list[str]) -> None:
    client = signed_in(app, scopes)

    page = client.get(f"{SETTINGS}/site")
    sent = send(client, "site", "save", {"name": "Mine"})

    assert (page.status_code, sent.status_code) == (403, 403)
    assert "sign in with a key that has the scope admin" in words(sent.text)
    assert stored(app).name == "The Daily"
    assert "Settings" not in words(client.get("/dashboard").text)


def test_a_key_for_keys_alone_sees_keys_alone(app: Flask) -> None:
    client = signed_in(app, ["read", "keys"])

    assert client.get(SETTINGS).location == f"{SETTINGS}/keys"
    assert client.get(f"{SETTINGS}/reactions").status_code == 403
    assert "Reactions" not in words(client.get(f"{SETTINGS}/keys").text).partition("Keys Each opens")[0].partition("Settings")[2]


def test_what_is_saved_unchanged_stays_as_it_was(app: Flask, admin: FlaskClient) -> None:
    before = stored(app)

    saved(admin, "site", "save", filled(admin, "site"))
    saved(admin, "reactions", "save", filled(admin, "reactions"))
    saved(admin, "alerts", "save", filled(admin, "alerts"))

    after = stored(app)
    assert (sites.version_of_settings(after), sites.version_of_set(after)) == (
        sites.version_of_settings(before), sites.version_of_set(before)
    )  # fmt: skip


def test_the_settings_are_changed(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "site")
    form["name"], form["time_zone"], form["close_after_days"] = "Daily", "Europe/Lisbon", "30"
    form["origins"] = "https://a.example\n https://B.example/ "
    form["article_policy"] = "known"

    said = saved(admin, "site", "save", form)

    site = stored(app)
    assert "The settings are saved." in said
    assert (site.name, site.time_zone, site.close_after_days, site.article_policy) == ("Daily", "Europe/Lisbon", 30, "known")
    assert site.origins == {"https://a.example", "https://b.example"}


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        (
            "origins",
            "https://a.example/blog",
            "'https://a.example/blog' is no origin. Write https://www.example.org, without a path.",
        ),
        ("origins", "", "A site needs at least one origin, such as https://www.example.org."),
        ("time_zone", "Mars/Phobos", "'Mars/Phobos' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
        ("close_after_days", "soon", "Voting ends after: write a whole number, or nothing."),
        ("article_patterns", "*", "'*' matches every key, so anybody could fill the tables. Begin it with a prefix: news/*."),
        ("article_policy", "closed", "'closed' is not one of open, known."),
    ],
)
def test_a_setting_that_cannot_be_comes_back_as_it_was_written(
    app: Flask, admin: FlaskClient, field: str, value: str, why: str
) -> None:
    form = filled(admin, "site")
    form["name"], form[field] = "Half done", value

    status, said = refused(admin, "site", "save", form)

    assert (status, said) == (422, f"{why} Nothing was changed.")
    assert stored(app).name == "The Daily"
    assert 'value="Half done"' in send(admin, "site", "save", form).text


def test_a_time_zone_that_vanished_is_said_and_can_be_mended(app: Flask, admin: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(update(tables.site).values(time_zone="Europe/Atlantis"))

    pages = [admin.get(path).status_code for path in ("/dashboard", "/dashboard/articles", f"{SETTINGS}/keys")]
    page = words(admin.get(f"{SETTINGS}/site").text)
    form = filled(admin, "site")
    form["time_zone"] = "Europe/Lisbon"
    saved(admin, "site", "save", form)

    assert pages == [200, 200, 200]
    assert "This machine no longer knows the time zone Europe/Atlantis." in page
    assert "no longer knows" not in words(admin.get(f"{SETTINGS}/site").text)


def test_of_two_who_change_the_settings_at_once_the_second_is_told_and_may_insist(app: Flask, admin: FlaskClient) -> None:
    mine, theirs = filled(admin, "site"), filled(admin, "site")
    mine["name"], theirs["name"] = "Mine", "Theirs"
    saved(admin, "site", "save", theirs)

    answer = send(admin, "site", "save", mine)

    assert answer.status_code == 409
    assert "Somebody else changed these settings while you did. Nothing of yours is saved yet" in words(answer.text)
    assert stored(app).name == "Theirs"
    saved(admin, "site", "save", Filled(answer.text, f"{SETTINGS}/site/save").fields)
    assert stored(app).name == "Mine"


def keys(app: Flask) -> dict[str, ApiKey]:
    with app.app_context(), current.reading() as connection:
        return {key.label: key for key in api_keys.all_of(connection, sites.get(connection, "daily"))}


def test_a_key_is_made_shown_once_and_revoked(app: Flask, admin: FlaskClient) -> None:
    made = send(admin, "keys", "add", {"label": "CMS", "scope": ["write"], "expires_after_days": "30"})
    text = re.search(r"rk_[0-9a-f]{12}_[\w-]{43}", made.text)

    assert made.status_code == 200
    assert text
    assert made.headers["Cache-Control"] == "private, no-store"
    assert text[0] not in admin.get(f"{SETTINGS}/keys").text
    key = keys(app)["CMS"]
    assert (key.scopes, key.made_by is not None) == ({"write"}, True)
    assert "The key “CMS” is revoked" in saved(admin, "keys", "revoke", {"id": key.id})
    assert keys(app)["CMS"].revoked_at


def test_nobody_makes_a_key_that_may_do_more_than_their_own(app: Flask) -> None:
    client = signed_in(app, ["read", "keys"])

    status, said = refused(client, "keys", "add", {"label": "Mine", "scope": ["admin", "review"]})

    assert (status, said.startswith("A key has one or more of the scopes")) == (422, True)
    assert "Mine" not in keys(app)
    assert send(client, "keys", "add", {"label": "Mine", "scope": ["admin", "read"]}).status_code == 200
    assert keys(app)["Mine"].scopes == {"read"}


@pytest.mark.parametrize(
    ("part", "action", "form"),
    [
        ("site", "save", {"name": "Too late"}),
        ("reactions", "save", {"emoji.like": "🐍"}),
        ("keys", "add", {"label": "Too late", "scope": ["read"]}),
        ("alerts", "add", {"url": "https://late.example/hook"}),
        ("digest", "add", {"address": "late@daily.example"}),
    ],
)
def test_a_page_that_was_open_while_its_key_was_revoked_changes_nothing(
    app: Flask, admin: FlaskClient, part: str, action: str, form: dict[str, Any]
) -> None:
    whole = filled(admin, part, action)
    for name, value in form.items():
        whole[name] = value
    before = rows(app)
    with app.app_context(), writing(db.engine) as connection:
        connection.execute(update(tables.api_key).values(revoked_at=1))

    late = send(admin, part, action, whole)

    assert (late.status_code, late.location) == (303, f"/dashboard/sign-in?next={SETTINGS}&ended=1")
    assert "Your session has ended, so nothing was changed." in words(admin.get(late.location).text)
    assert rows(app) == before


def rows(app: Flask) -> list[Any]:
    watched = (tables.site, tables.webhook, tables.digest_subscriber)
    with app.app_context(), current.reading() as connection:
        kept = [connection.execute(table.select()).all() for table in watched]
        return [*kept, len(connection.execute(tables.api_key.select()).all())]


def test_no_key_outlives_the_one_that_made_it_though_both_happen_at_once(app: Flask) -> None:
    with app.app_context(), writing(db.engine) as connection:
        site = sites.get(connection, "daily")
        maker, _ = api_keys.create(connection, site, scopes=["keys"], label="maker", now_ms=1)
        api_keys.revoke(connection, site, maker.id, now_ms=2)
        with pytest.raises(Exception, match="was revoked or has expired"):
            api_keys.create(connection, site, scopes=["keys"], label="made", now_ms=3, made_by=maker)


def test_somebody_who_is_signed_in_is_listed_and_signed_out(app: Flask, admin: FlaskClient) -> None:
    with app.app_context(), writing(db.engine) as connection:
        site, now_ms = sites.get(connection, "daily"), current.now_ms()
        token = editor_sessions.begin_for(connection, "ada@daily.example", {site.id: frozenset(["read"])}, now_ms=now_ms)

    page = words(admin.get(f"{SETTINGS}/keys").text)
    said = saved(admin, "keys", "sign-out", {"person": "ada@daily.example"})

    assert "ada@daily.example read since" in page
    assert "ada@daily.example is signed out everywhere." in said
    with app.app_context(), current.reading() as connection:
        assert editor_sessions.find(connection, token, now_ms=now_ms) is None


@pytest.mark.parametrize(
    ("days", "status"), [("0", 422), ("3651", 422), ("999999999", 422), ("9" * 30, 422), ("-1", 422), ("3650", 200)]
)
def test_a_key_expires_within_ten_years(admin: FlaskClient, days: str, status: int) -> None:
    answer = send(admin, "keys", "add", {"label": "CMS", "scope": "read", "expires_after_days": days})

    assert answer.status_code == status
    assert admin.get(f"{SETTINGS}/keys").status_code == 200
