"""Who gets in, what is let out, and what every answer says to browsers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.newsroom import api_keys, sites
from reactions.storage.engines import writing
from reactions.web.extensions import db
from tests import make
from tests.web.conftest import MakeApp
from tests.web.dashboard.newsroom import key_of

FRONT, SIGN_IN = "/dashboard", "/dashboard/sign-in"
PAGES = [FRONT, "/dashboard/articles", "/dashboard/article?article=a", "/dashboard/articles.csv"]
ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.fixture
def browser_tab(app: Flask) -> FlaskClient:
    """A client that keeps cookies."""
    return app.test_client()


@pytest.fixture
def key(app: Flask) -> str:
    return key_of(app)


def test_a_key_opens_a_session_that_scripts_and_other_sites_cannot_use(browser_tab: FlaskClient, key: str) -> None:
    answer = browser_tab.post(SIGN_IN, data={"key": f"  {key}\n"})

    assert (answer.status_code, answer.location) == (303, FRONT)
    attributes = answer.headers["Set-Cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    assert key.split("_", 2)[2] not in attributes[0]  # rk, the id and the secret, which may hold such a line itself
    assert browser_tab.get(FRONT).status_code == 200


def test_the_cookie_needs_https_where_the_service_has_it(make_app: MakeApp) -> None:
    app = make_app(public_url="https://reactions.example.org")

    answer = app.test_client().post(SIGN_IN, data={"key": key_of(app)}, base_url="https://reactions.example.org")

    cookie = answer.headers["Set-Cookie"].split("; ")
    assert {"Secure", "Path=/"} <= set(cookie)
    assert cookie[0].startswith("__Host-reactions_session=")
    assert not any(part.startswith("Domain") for part in cookie)


@pytest.mark.parametrize("text", ["", "rk_", "rk_0123456789ab_" + "x" * 43, "<script>", "é" * 200, "\0"])
def test_a_wrong_key_is_answered_clearly_and_opens_nothing(browser_tab: FlaskClient, text: str) -> None:
    answer = browser_tab.post(SIGN_IN, data={"key": text})

    assert answer.status_code == 401
    assert "This key is not known, was revoked, or lacks the scope read." in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert text not in answer.text or text == "" or text == "rk_"
    assert browser_tab.get(FRONT).status_code == 303


def test_a_key_that_may_not_read_does_not_open_the_door(app: Flask, browser_tab: FlaskClient) -> None:
    assert browser_tab.post(SIGN_IN, data={"key": key_of(app, scopes=["write"])}).status_code == 401


def test_a_revoked_key_closes_the_session_it_opened(app: Flask, browser_tab: FlaskClient, key: str) -> None:
    browser_tab.post(SIGN_IN, data={"key": key})
    with app.app_context(), writing(db.engine) as connection:
        api_keys.revoke(connection, sites.get(connection, "daily"), key.split("_")[1], now_ms=1)

    assert browser_tab.get(FRONT).status_code == 303


def test_signing_out_ends_the_session(browser_tab: FlaskClient, key: str) -> None:
    browser_tab.post(SIGN_IN, data={"key": key})

    copied = browser_tab.get_cookie("reactions_session")

    answer = browser_tab.post("/dashboard/sign-out")

    assert (answer.status_code, answer.location) == (303, SIGN_IN)
    assert browser_tab.get(FRONT).status_code == 303
    assert copied is not None
    browser_tab.set_cookie("reactions_session", copied.value)
    assert browser_tab.get(FRONT).status_code == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "http://[", "//[x]", ""])
def test_a_form_of_another_origin_opens_no_session(browser_tab: FlaskClient, key: str, origin: str) -> None:
    assert browser_tab.post(SIGN_IN, data={"key": key}, headers={"Origin": origin}).status_code == 403
    assert browser_tab.post(SIGN_IN, data={"key": key}, headers={"Origin": "http://localhost"}).status_code == 303


@pytest.mark.parametrize("page", PAGES)
def test_who_is_not_signed_in_is_led_to_the_door_and_back(browser_tab: FlaskClient, key: str, page: str) -> None:
    door = browser_tab.get(page)
    form = browser_tab.get(door.location)
    wanted = re.search(r'name="next" value="([^"]*)"', form.text)

    answer = browser_tab.post(SIGN_IN, data={"key": key, "next": wanted and wanted[1]})

    assert door.status_code == 303
    assert answer.location == page


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/dashboardx",
        "/dashboard\\x",
        "/dashboard\r\nX: y",
        "/v1/x",
        "x",
    ],
)
def test_the_way_back_leads_nowhere_else(browser_tab: FlaskClient, key: str, wanted: str) -> None:
    answer = browser_tab.post(SIGN_IN, data={"key": key, "next": wanted})

    assert (answer.status_code, answer.location) == (303, FRONT)


def test_a_link_from_elsewhere_is_asked_again_from_here_where_the_cookie_comes_along(browser_tab: FlaskClient) -> None:
    answer = browser_tab.get("/dashboard?period=7d&section=a;b", headers=ELSEWHERE)

    assert answer.status_code == 200
    door = "/dashboard/sign-in?next=/dashboard?period%3D7d%26section%3Da;b"
    assert f'<meta http-equiv="refresh" content="0; url={door}">' in answer.text


def test_a_script_that_refreshes_is_told_that_it_is_signed_out(browser_tab: FlaskClient) -> None:
    assert browser_tab.get(FRONT, headers={"Sec-Fetch-Dest": "empty", "Sec-Fetch-Site": "same-origin"}).status_code == 401


@pytest.mark.parametrize("path", [SIGN_IN, "/dashboard/sign-out"])
@pytest.mark.parametrize("where", ["cross-site", "same-site"])
def test_forms_of_other_sites_are_turned_away(browser_tab: FlaskClient, key: str, path: str, where: str) -> None:
    answer = browser_tab.post(path, data={"key": key}, headers={"Sec-Fetch-Site": where})

    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


def test_a_session_that_was_tampered_with_is_none(browser_tab: FlaskClient, key: str) -> None:
    browser_tab.post(SIGN_IN, data={"key": key})
    cookie = browser_tab.get_cookie("reactions_session")
    assert cookie is not None
    other = "B" if cookie.value[-9] == "A" else "A"  # not one of the last, whose bits may mean nothing
    browser_tab.set_cookie("reactions_session", cookie.value[:-9] + other + cookie.value[-8:])

    assert browser_tab.get(FRONT).status_code == 303


@pytest.mark.parametrize("page", [*PAGES, SIGN_IN, "/dashboard/nothing-here", "/dashboard?period=never", "/dashboard?from=x"])
@pytest.mark.parametrize("inside", [True, False])
def test_every_answer_keeps_to_itself(browser_tab: FlaskClient, key: str, page: str, inside: bool) -> None:
    if inside:
        browser_tab.post(SIGN_IN, data={"key": key})

    headers = browser_tab.get(page).headers

    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert headers["Cache-Control"] == "private, no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_demo_fills_its_key_in_and_says_so(app: Flask, browser_tab: FlaskClient) -> None:
    plain = browser_tab.get(SIGN_IN).text
    app.config["DEMO_KEY"] = "rk_demo"

    demo = browser_tab.get(SIGN_IN).text

    assert "demo" not in plain
    assert 'value="rk_demo"' in demo
    assert "This is the demo" in demo


def test_two_sites_see_each_their_own(app: Flask, database_url: str) -> None:
    make.site(database_url, "weekly", name="The Weekly")
    tabs: dict[str, FlaskClient] = {site: app.test_client() for site in ("daily", "weekly")}
    for site, tab in tabs.items():
        tab.post(SIGN_IN, data={"key": key_of(app, site)})

    shown: Callable[[str], str] = lambda site: tabs[site].get(FRONT).text  # noqa: E731

    assert "The Daily" in shown("daily")
    assert "The Weekly" not in shown("daily")
    assert "The Weekly" in shown("weekly")
    assert "The Daily" not in shown("weekly")
