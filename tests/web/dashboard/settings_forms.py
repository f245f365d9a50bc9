"""The forms of the settings, filled in and sent as a browser without JavaScript does; and whoever sends them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from reactions.newsroom import sites
from reactions.newsroom.sites import Site
from reactions.web import current
from tests.web.dashboard.newsroom import key_of
from tests.web.dashboard.test_pages import words

SETTINGS = "/dashboard/settings"
ALL = ["read", "write", "review", "keys", "admin"]


@pytest.fixture
def app(make_app: Any) -> Flask:
    app: Flask = make_app(site_memory_s=0, counts_memory_s=0, webhook_private_targets=True)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def admin(app: Flask) -> FlaskClient:
    return signed_in(app, ALL)


def signed_in(app: Flask, scopes: list[str]) -> FlaskClient:
    client = app.test_client()
    assert client.post("/dashboard/sign-in", data={"key": key_of(app, scopes=scopes)}).status_code == 303
    return client


class Filled(HTMLParser):
    """What the form with this action would send if nobody changed a field."""

    def __init__(self, html: str, action: str) -> None:
        super().__init__()
        self.fields: MultiDict[str, str] = MultiDict()
        self._wanted, self._action, self._select, self._area = action, "", "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._action = given.get("action", "")
        if self._action != self._wanted:
            return
        if tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.fields.add(given["name"], given.get("value", ""))
        self._select = given["name"] if tag == "select" else self._select
        if tag == "option" and "selected" in given:
            self.fields.add(self._select, given["value"])
        if tag == "textarea":
            self._area = given["name"]
            self.fields.add(self._area, "")

    def handle_data(self, data: str) -> None:
        if self._area:
            self.fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        self._area = "" if tag == "textarea" else self._area
        self._action = "" if tag == "form" else self._action


def filled(client: FlaskClient, part: str, action: str = "save") -> MultiDict[str, str]:
    return Filled(client.get(f"{SETTINGS}/{part}").text, f"{SETTINGS}/{part}/{action}").fields


def send(client: FlaskClient, part: str, action: str, form: Any) -> TestResponse:
    return client.post(f"{SETTINGS}/{part}/{action}", data=form)


def saved(client: FlaskClient, part: str, action: str, form: Any) -> str:
    """Send a form that is accepted; the words of the page that follows."""
    answer = send(client, part, action, form)
    assert (answer.status_code, answer.location) == (303, f"{SETTINGS}/{part}"), words(answer.text)
    return words(client.get(answer.location).text)


def refused(client: FlaskClient, part: str, action: str, form: Any) -> tuple[int, str]:
    """Send a form that is refused; the status and why."""
    answer = send(client, part, action, form)
    found = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert found, words(answer.text)
    return answer.status_code, words(found[1])


def stored(app: Flask) -> Site:
    with app.app_context(), current.reading() as connection:
        return sites.get(connection, "daily")
