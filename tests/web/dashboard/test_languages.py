"""The dashboard, the door and the errors speak the site's language, and the API goes on in English."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.newsroom import sites
from reactions.storage.engines import writing
from reactions.web.extensions import db
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
