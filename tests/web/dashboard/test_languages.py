"""The dashboard, the door and the errors speak the site's language, and the API goes on in English."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions import languages
from reactions.newsroom import article_keys, interventions, sites
from reactions.storage import outages, tables
from reactions.storage.engines import writing
from reactions.web.extensions import db
from tests.web.dashboard.conftest import WithProvider
from tests.web.dashboard.newsroom import Newsroom, key_of
from tests.web.dashboard.test_pages import words

PAGES = ["/dashboard", "/dashboard/articles", "/dashboard/article?article=bridge", "/dashboard/review", "/dashboard/nothing"]


@pytest.fixture(params=["de", "fr", "es"])
def language(request: pytest.FixtureRequest, app: Flask, politics: Newsroom) -> str:
    with app.app_context(), writing(db.engine) as connection:
        sites.change(connection, "daily", language=request.param)
    return str(request.param)


def test_every_page_speaks_the_sites_language(editor: FlaskClient, language: str) -> None:
    overview = {"de": "Übersicht", "fr": "Vue d’ensemble", "es": "Resumen"}[language]
    for page in PAGES:
        html = editor.get(page).text
        assert f'<html lang="{language}">' in html
        assert overview in html
        for english in ("Overview", "Sign out", ">Reactions<", "What the numbers mean", "Filters in use", "There is no"):
            assert english not in html


def test_a_refusal_is_in_the_pages_language_and_the_api_in_english(app: Flask, editor: FlaskClient, language: str) -> None:
    said = {"de": "höchstens 366 Tage", "fr": "au plus 366 jours", "es": "como máximo 366 días"}[language]
    key = key_of(app)

    assert said in words(editor.get("/dashboard?from=2010-01-01&to=2020-01-01").text)
    answer = app.test_client().get(
        "/v1/sites/daily/series?from=2010-01-01&to=2020-01-01", headers={"Authorization": f"Bearer {key}"}
    )
    assert "at most 366 days" in answer.json["detail"]


def test_reactions_have_their_labels_in_the_language(editor: FlaskClient, language: str) -> None:
    angry = {"de": "Macht wütend", "fr": "En colère", "es": "Me enfada"}[language]

    assert angry in editor.get("/dashboard").text


def test_the_door_speaks_the_browsers_language(app: Flask) -> None:
    client = app.test_client()

    assert "Melden Sie sich" in client.get("/dashboard/sign-in", headers={"Accept-Language": "de-AT,de;q=0.9"}).text
    assert "Sign in with an API key" in client.get("/dashboard/sign-in", headers={"Accept-Language": "ja"}).text


REFUSALS = {
    "an import that is not there": "daily hat keinen Import",
    "a description without words": "Titel: Schreiben Sie lesbaren Text.",
    "a title that is too long": "Titel: Die Länge muss zwischen 1 und 500 liegen.",
    "an address that is none": "Adresse: Schreiben Sie eine Webadresse",
    "a key that is too long": "Ein Artikelschlüssel hat 1 bis 200 Zeichen; dieser hat 300.",
    "a key that is far too long": "dieser ist weit länger",
    "a key with something invisible": "darf hier kein U+0007 enthalten",
    "a key that begins with a space": "darf nicht mit einem Leerzeichen beginnen",
    "votes that are gone": "Die Stimmen dieses Artikels wurden wegen ihres Alters gelöscht.",
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_a_form_cannot_have_is_said_in_the_sites_language(app: Flask, politics: Newsroom, what: str) -> None:
    bridge = article_keys.shown_id(article_keys.id_of("daily", "bridge"))
    with app.app_context(), writing(db.engine) as connection:
        sites.change(connection, "daily", language="de")
        interventions.close(connection, politics.site, "bridge", at_ms=1, by="a test")
        aged = tables.article.update().where(tables.article.c.key == "bridge")
        connection.execute(aged.values(votes_dropped_at=1 if what == "votes that are gone" else None))
    chief = app.test_client()
    chief.post("/dashboard/sign-in", data={"key": key_of(app, scopes=["read", "write", "review", "keys", "admin"])})
    path, fields = {
        "an import that is not there": ("settings/imports/remove", {"source": "nonesuch"}),
        "a description without words": ("article/describe", {"title": " "}),
        "a title that is too long": ("article/describe", {"title": "x" * 501}),
        "an address that is none": ("article/describe", {"title": "x", "url": "javascript:alert(1)"}),
        "a key that is too long": ("article/move", {"to": "x" * 300}),
        "a key that is far too long": ("article/move", {"to": "x" * 900}),
        "a key with something invisible": ("article/move", {"to": "bri\x07dge"}),
        "a key that begins with a space": ("article/move", {"to": " bridge"}),
        "votes that are gone": ("article/reopen", {}),
    }[what]

    answer = chief.post(f"/dashboard/{path}", data={"id": bridge, **fields})

    assert answer.status_code >= 400
    assert REFUSALS[what] in words(answer.text)


def test_a_database_that_is_away_is_told_in_the_language_in_use() -> None:
    with languages.speaking("de"):
        assert outages.away().detail.startswith("Der Dienst erreicht seine Datenbank nicht.")
    assert outages.away().detail.startswith("The service cannot reach its database.")


def test_a_sign_in_that_fails_is_told_in_the_browsers_language(with_provider: WithProvider) -> None:
    client = with_provider().test_client()

    told = client.get("/dashboard/sign-in/callback?state=x&code=y", headers={"Accept-Language": "fr"})

    assert told.status_code == 400
    assert "Cette connexion a été commencée dans un autre navigateur" in words(told.text)
