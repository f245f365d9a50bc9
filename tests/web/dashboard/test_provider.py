"""Editors who sign in with the newsroom's own accounts: at a real provider, by their roles, for as long as a session lasts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from playwright.sync_api import Browser, expect

from reactions.commands.keys import end_sessions
from reactions.settings import InvalidSettings
from reactions.web import current
from tests import make
from tests.databases import SqliteFiles
from tests.engines import free_port, wait_until
from tests.service import running_service
from tests.web.conftest import MakeApp
from tests.web.dashboard.conftest import WithProvider

pytest.importorskip("joserfc")
from tests.web.dashboard.provider import (
    BACK,
    CLIENT,
    FRONT,
    GOOD,
    LEAVE,
    ROLES,
    SECRET,
    SIGN_IN,
    HostileProvider,
    address_of,
    left,
    signed_in,
    words_of,
)


@pytest.fixture(scope="module")
def real_provider() -> Iterator[str]:
    """The issuer of an independent provider, in a process of its own."""
    port = free_port()
    ada = json.dumps({"sub": "ada", "groups": ["editors"], "email": "ada@daily.example"})
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        "--require-nonce",
        "--user-claims",
        ada,
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_until(lambda: answers(port), timeout_s=30, why="the provider answers")
        yield f"http://localhost:{port}"
        process.terminate()


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://localhost:{port}/.well-known/openid-configuration", timeout=2).ok
    except requests.ConnectionError:
        return False


def test_an_editor_signs_in_at_a_real_provider_and_out_again(make_app: MakeApp, real_provider: str) -> None:
    app = make_app(oidc_issuer=real_provider, oidc_client_id=CLIENT, oidc_client_secret=SECRET, **ROLES)
    tab = app.test_client()
    assert f"Sign in with {urlsplit(real_provider).netloc}" in tab.get(SIGN_IN).text

    there = left(tab, next="/dashboard/articles")
    back = requests.post(there, data={"sub": "ada"}, allow_redirects=False, timeout=5)
    page = tab.get(BACK, query_string=urlsplit(back.headers["Location"]).query)

    assert (page.status_code, address_of(page)) == (200, "/dashboard/articles")
    assert tab.get(FRONT).status_code == 200
    copy = app.test_client()
    copy.set_cookie("reactions_session", tab.get_cookie("reactions_session").value)  # type: ignore[union-attr]
    assert copy.get(FRONT).status_code == 200
    tab.post("/dashboard/sign-out")
    assert (tab.get(FRONT).status_code, copy.get(FRONT).status_code) == (303, 303)


def test_a_browser_takes_its_session_home_from_another_sites_page(
    browser: Browser, real_provider: str, sqlite_files: SqliteFiles, tmp_path: Path
) -> None:
    """The session's cookie is Strict, and the request that brings the browser back is another site's."""
    url = sqlite_files.copy_to(tmp_path)
    make.site(url)
    settings = {
        "oidc_issuer": real_provider,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SECRET,
        "oidc_roles": ROLES["oidc_roles"][0],
    }
    with running_service(url, port=free_port(), settings=settings) as service:
        context = browser.new_context()  # what the provider's own page complains of is not ours to mend
        page = context.new_page()
        page.goto(f"{service.url}/dashboard/articles")
        page.get_by_role("link", name="Sign in with").click()
        page.locator("input[name=sub]").fill("ada")
        page.locator("input[name=sub]").press("Enter")
        page.wait_for_url(f"{service.url}/dashboard/articles")

        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        cookies = {cookie["name"]: cookie for cookie in context.cookies()}
        assert (cookies["reactions_session"]["sameSite"], "reactions_sign_in" in cookies) == ("Strict", False)
        context.close()


def test_what_is_asked_of_the_provider_is_bound_to_this_browser(with_provider: WithProvider, provider: HostileProvider) -> None:
    tab = with_provider().test_client()

    answer = tab.get(LEAVE)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}
    again = parse_qs(urlsplit(left(tab)).query)

    assert {name: asked[name] for name in ("response_type", "client_id", "redirect_uri", "scope")} == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": f"http://127.0.0.1:8000{BACK}",
        "scope": "openid email profile",
    }
    assert all(asked[name] != again[name][0] for name in ("state", "nonce", "code_challenge"))
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"} <= set(cookie.split("; "))


def test_the_cookie_of_a_sign_in_needs_https_where_the_service_has_it(with_provider: WithProvider) -> None:
    tab = with_provider(public_url="https://reactions.example.org").test_client()

    cookie = tab.get(LEAVE, base_url="https://reactions.example.org").headers["Set-Cookie"]

    assert cookie.startswith("__Host-reactions_sign_in=")
    assert "Secure" in cookie.split("; ")


def owner(email: object, verified: object = True) -> dict[str, Any]:
    return {"sub": "1", "email": email, "email_verified": verified}


PEOPLE: list[tuple[str, dict[str, Any], int, str]] = [
    ("by group", {"sub": "1", "groups": ["sport", "editors"]}, 200, ""),
    ("by one group", {"sub": "1", "groups": "editors"}, 200, ""),
    ("by address", owner("ben@daily.example"), 200, ""),
    ("by address in capitals", owner("Ben@Daily.Example"), 200, ""),
    ("unverified", owner("ben@daily.example", False), 403, "has not verified that ben@daily.example is yours"),
    ("unsaid", {"sub": "1", "email": "ben@daily.example"}, 403, "has not verified that ben@daily.example is yours"),
    ("verified in words", owner("ben@daily.example", "true"), 403, "has not verified"),
    ("another address", owner("eve@daily.example"), 403, "signed you in as eve@daily.example"),
    ("an address that looks alike", owner("ben@da\u0131ly.example"), 403, "gives you no role here"),
    ("an address of another shape", owner(["ben@daily.example"]), 403, "gives you no role here"),
    ("a group in another case", {"sub": "1", "groups": ["Editors"]}, 403, "gives you no role here"),
    ("groups of another shape", {"sub": "1", "groups": {"editors": True}}, 403, "gives you no role here"),
    ("an address as a group", {"sub": "1", "groups": ["ben@daily.example"]}, 403, "gives you no role here"),
    ("nothing", {"sub": "u-9"}, 403, "signed you in as u-9, but that gives you no role here. Ask whoever runs this service"),
]


@pytest.mark.parametrize(("user", "status", "words"), [case[1:] for case in PEOPLE], ids=[case[0] for case in PEOPLE])
def test_a_role_comes_from_a_group_or_a_verified_address(
    with_provider: WithProvider, provider: HostileProvider, user: dict[str, Any], status: int, words: str
) -> None:
    provider.user = user
    tab = with_provider().test_client()

    answer = signed_in(tab, provider)

    assert (answer.status_code, words in words_of(answer)) == (status, True)
    assert tab.get(FRONT).status_code == (200 if status == 200 else 303)


def test_claims_may_come_from_the_userinfo_endpoint(with_provider: WithProvider, provider: HostileProvider) -> None:
    provider.described["userinfo_endpoint"] = f"{provider.url}/userinfo"
    provider.user, provider.userinfo = {"sub": "u-1"}, {"sub": "u-1", "groups": ["editors"]}

    assert signed_in(with_provider().test_client(), provider).status_code == 200


def test_a_role_that_was_taken_away_ends_at_the_next_sign_in_or_when_the_session_is_ended(
    with_provider: WithProvider, provider: HostileProvider
) -> None:
    app = with_provider()
    tab = app.test_client()
    signed_in(tab, provider)
    provider.user = {**GOOD, "groups": []}

    assert tab.get(FRONT).status_code == 200
    assert signed_in(app.test_client(), provider).status_code == 403
    ended = app.test_cli_runner().invoke(end_sessions, ["ada@daily.example"])
    assert ended.output == "1 session of ada@daily.example is ended.\n"
    assert app.test_cli_runner().invoke(end_sessions, ["ada@daily.example"]).exit_code == 1
    assert tab.get(FRONT).status_code == 303


def test_a_session_ends_after_twelve_idle_hours_and_after_seven_days(
    with_provider: WithProvider, provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, start_ms = with_provider().test_client(), current.now_ms()
    signed_in(tab, provider)
    seen = []
    for hours in (*range(11, 168, 11), 168):
        monkeypatch.setattr(current, "now_ms", lambda hours=hours: start_ms + hours * 3_600_000 + 60_000)
        seen.append(tab.get(FRONT).status_code)

    assert seen == [200] * (len(seen) - 1) + [303]


def test_somebody_with_several_sites_chooses_one_and_sees_no_other(
    with_provider: WithProvider, provider: HostileProvider, database_url: str
) -> None:
    for key, name in (("weekly", "The Weekly"), ("other", "The Other")):
        make.site(database_url, key, name=name, origins=[f"https://{key}.example"])
    roles = ["editors=daily:read", "editors=weekly:read", "interns=other:read", "writers=other:write"]
    tab = with_provider(oidc_roles=roles).test_client()
    provider.user["groups"] = ["editors", "writers"]

    page = signed_in(tab, provider)
    offered = words_of(tab.get("/dashboard/sites"))
    chosen = tab.post("/dashboard/sites", data={"site": "weekly"})
    foreign = tab.post("/dashboard/sites", data={"site": "other"})

    assert address_of(page) == "/dashboard/sites"
    assert ("The Daily" in offered, "The Weekly" in offered, "The Other" in offered) == (True, True, False)
    assert (chosen.status_code, chosen.location, foreign.status_code) == (303, FRONT, 404)
    assert "The Weekly" in tab.get(FRONT).text


def test_without_a_provider_there_is_none(make_app: MakeApp) -> None:
    tab = make_app().test_client()

    assert "Sign in with" not in words_of(tab.get(SIGN_IN)).replace("Sign in with an API key", "")
    assert (tab.get(LEAVE).status_code, tab.get(BACK).status_code) == (404, 404)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"oidc_client_id": ""}, "oidc_client_id: needed with oidc_issuer"),
        ({"oidc_scopes": ["email"]}, 'oidc_scopes: must have "openid"'),
        ({"oidc_roles": [], "oidc_people": []}, "oidc_roles: with oidc_issuer, give oidc_roles or oidc_people"),
        ({"oidc_roles": ["editors"]}, "oidc_roles: 'editors' is no role. Write"),
        ({"oidc_people": ["ada@x.example=daily:owner"]}, "there is no scope owner"),
        ({"oidc_issuer": "http://login.example.org"}, "oidc_issuer: Write it as"),
        ({"oidc_issuer": "https://login.example.org?x"}, "oidc_issuer: Write it as"),
        ({"oidc_timeout_s": 60}, "oidc_timeout_s"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_stop_the_start(with_provider: WithProvider, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidSettings, match=re.escape(words)):
        with_provider(**settings)
