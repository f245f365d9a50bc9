"""Sign-in at an identity provider that lies, is slow, or is not there, and by people who are not who they say."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.web.dashboard.conftest import WithProvider

pytest.importorskip("joserfc")
from tests.web.dashboard.provider import (
    BACK,
    CLIENT,
    FRONT,
    GOOD,
    LEAVE,
    SIGN_IN,
    HostileProvider,
    address_of,
    left,
    new_key,
    signed_in,
    words_of,
)

NOW = int(time.time())
LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"claims": {"iss": "https://evil.example"}},
    "no issuer": {"claims": {"iss": None}},
    "another audience": {"claims": {"aud": "another client"}},
    "no audience": {"claims": {"aud": None}},
    "several audiences and no party": {"claims": {"aud": [CLIENT, "another"]}},
    "another party": {"claims": {"aud": [CLIENT, "another"], "azp": "another"}},
    "expired": {"claims": {"exp": NOW - 3600, "iat": NOW - 7200}},
    "never expires": {"claims": {"exp": None}},
    "made tomorrow": {"claims": {"iat": NOW + 86_400, "nbf": NOW + 86_400, "exp": NOW + 90_000}},
    "another nonce": {"claims": {"nonce": "x" * 43}},
    "no nonce": {"claims": {"nonce": None}},
    "another access token": {"claims": {"at_hash": "x" * 22}},
    "nobody": {"claims": {"sub": None}},
    "alg none": {"signed": "none"},
    "HS256 with the public key": {"signed": "HS256 with the public key"},
    "HS256 with the client's secret": {"signed": "HS256 with the client's secret"},
    "another key": {"published": [new_key("one")]},
    "a key that nobody knows": {"published": [new_key("two")]},
    "no keys": {"answers": {"/jwks": (200, b'{"keys":[]}', {})}},
    "keys that are none": {"answers": {"/jwks": (200, b'{"keys":[{"kty":"RSA"},7]}', {})}},
    "no token": {"token": {"id_token": None}},
    "a token that is none": {"token": {"id_token": "a.b"}},
    "a token of numbers": {"token": {"id_token": 7}},
    "an error": {"answers": {"/token": (400, b'{"error":"invalid_grant"}', {"Content-Type": "application/json"})}},
    "somebody else": {"claims": {"groups": None}, "userinfo": {"sub": "u-2", "groups": ["editors"]}},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_token_that_is_not_right_in_all_signs_nobody_in(
    with_provider: WithProvider, provider: HostileProvider, lie: str
) -> None:
    if "userinfo" in LIES[lie]:
        provider.described["userinfo_endpoint"] = f"{provider.url}/userinfo"
    tab = with_provider().test_client()
    assert address_of(signed_in(tab, provider)) == FRONT, "the truth must work, or the lie proves nothing"
    tab.post("/dashboard/sign-out")
    tab = with_provider().test_client()
    for name, value in LIES[lie].items():
        setattr(provider, name, value)

    answer = signed_in(tab, provider)

    assert (answer.status_code, "could not be verified. Start again." in words_of(answer)) == (401, True)
    assert tab.get(FRONT).status_code == 303


def test_only_the_browser_that_began_a_sign_in_can_end_it_and_only_once(
    with_provider: WithProvider, provider: HostileProvider
) -> None:
    app = with_provider()
    ada, eve = app.test_client(), app.test_client()
    brought = provider.comes_back(left(ada))
    left(eve)

    others = eve.get(BACK, query_string=brought)
    without = app.test_client().get(BACK, query_string=brought)
    mixed = ada.get(BACK, query_string={**brought, "state": "x" * 43})
    late = ada.get(BACK, query_string=brought)
    brought = provider.comes_back(left(ada))
    first, second = ada.get(BACK, query_string=brought), ada.get(BACK, query_string=brought)

    assert [answer.status_code for answer in (others, without, mixed, late)] == [400, 400, 400, 400]
    assert "does not belong to the sign-in that this browser began" in words_of(others)
    assert "begun in another browser, or more than ten minutes ago" in words_of(without)
    assert (first.status_code, second.status_code) == (200, 400)
    assert eve.get(FRONT).status_code == 303


def test_a_code_that_somebody_slips_in_is_worth_nothing_without_its_verifier(
    with_provider: WithProvider, provider: HostileProvider
) -> None:
    app = with_provider()
    ada, eve = app.test_client(), app.test_client()
    stolen = provider.comes_back(left(ada))["code"]
    own = provider.comes_back(left(eve))

    answer = eve.get(BACK, query_string={**own, "code": stolen})

    assert answer.status_code == 401
    assert "of the provider" not in answer.text


def test_an_answer_that_names_another_provider_is_refused(with_provider: WithProvider, provider: HostileProvider) -> None:
    tab = with_provider().test_client()

    answer = tab.get(BACK, query_string={**provider.comes_back(left(tab)), "iss": "https://evil.example"})

    assert (answer.status_code, "/token" in provider.asked) == (400, False)


def test_a_sign_in_that_is_refused_there_says_so_in_our_words(with_provider: WithProvider, provider: HostileProvider) -> None:
    tab = with_provider().test_client()
    state = provider.comes_back(left(tab))["state"]

    answer = tab.get(
        BACK, query_string={"state": state, "error": "access_denied", "error_description": "<script>alert(1)</script>"}
    )

    assert answer.status_code == 403
    assert "Newsroom ID did not sign you in: it was cancelled or not allowed there." in words_of(answer)
    assert "alert(1)" not in answer.text


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "/dashboard/../../evil", "/dashboardevil",
        "javascript:alert(1)", "/dashboard\n//evil", "/dashboard/\\evil.example", "",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere_after_signing_in(with_provider: WithProvider, provider: HostileProvider, wanted: str) -> None:
    tab = with_provider().test_client()

    address = address_of(signed_in(tab, provider, next=wanted))

    assert address.startswith("/dashboard")
    assert "evil.example" not in urlsplit(f"http://localhost{address}").netloc
    assert address in (FRONT, wanted)


def describe_failure(app: Flask) -> tuple[int, str, float]:
    began = time.monotonic()
    answer = app.test_client().get(LEAVE)
    return answer.status_code, words_of(answer), time.monotonic() - began


AWAY = "Newsroom ID cannot be reached at the moment. Try again later, or sign in with an API key."
BROKEN: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "an error": (500, b"{}", {}),
    "a page": (200, b"<html>maintenance</html>", {}),
    "a list": (200, b"[]", {}),
    "elsewhere": (302, b"", {"Location": "/jwks"}),
    "two megabytes": (200, b'{"issuer":"' + b"x" * 2_000_000 + b'"}', {}),
    "nothing": (200, b"", {}),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_provider_that_does_not_answer_as_one_is_said_to_be_away(
    with_provider: WithProvider, provider: HostileProvider, broken: str
) -> None:
    provider.answers["/.well-known/openid-configuration"] = BROKEN[broken]

    status, words, _ = describe_failure(with_provider())

    assert (status, AWAY in words) == (503, True)
    assert "/jwks" not in provider.asked


def test_a_provider_that_is_not_there_or_too_slow_delays_nobody_for_long(
    with_provider: WithProvider, provider: HostileProvider
) -> None:
    provider.delays_s = {"/.well-known/openid-configuration": 3}
    slow = describe_failure(with_provider(oidc_timeout_s=0.2))
    gone = describe_failure(with_provider(oidc_issuer="http://127.0.0.1:9"))

    for status, words, _ in (slow, gone):
        assert (status, AWAY in words) == (503, True)
    assert slow[2] < 3


def test_every_request_to_the_provider_has_its_deadline(with_provider: WithProvider, provider: HostileProvider) -> None:
    provider.described["userinfo_endpoint"] = f"{provider.url}/userinfo"
    provider.user = {"sub": "u-1"}
    for path in ("/token", "/jwks", "/userinfo"):
        tab = with_provider(oidc_timeout_s=0.4).test_client()
        brought = provider.comes_back(left(tab))
        provider.delays_s = {path: 3}

        answer = tab.get(BACK, query_string=brought)

        assert (answer.status_code, AWAY in words_of(answer)) == (503, True), path
        provider.delays_s = {}


@pytest.mark.parametrize(
    "described",
    [{"issuer": "https://evil.example"}, {"issuer": None}, {"token_endpoint": None}, {"jwks_uri": "file:///etc/passwd"},
     {"authorization_endpoint": "javascript:alert(1)"}],
)  # fmt: skip
def test_a_provider_that_describes_another_is_not_used(
    with_provider: WithProvider, provider: HostileProvider, described: dict[str, Any]
) -> None:
    provider.described = described

    status, words, _ = describe_failure(with_provider())

    assert (status, "Newsroom ID is not set up as this service expects" in words) == (503, True)


def test_a_provider_that_is_back_is_used_again(
    with_provider: WithProvider, provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reactions.web.oidc._FAILED_S", 0.0)
    tab = with_provider().test_client()
    provider.answers["/.well-known/openid-configuration"] = BROKEN["an error"]
    assert tab.get(LEAVE).status_code == 503
    provider.answers.clear()

    assert signed_in(tab, provider).status_code == 200


def test_a_new_key_of_the_provider_is_fetched(
    with_provider: WithProvider, provider: HostileProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reactions.web.oidc._KEYS_S", 0.0)
    tab = with_provider().test_client()
    assert signed_in(tab, provider).status_code == 200
    provider.key = new_key("two")

    assert signed_in(tab, provider).status_code == 200
    assert provider.asked.count("/.well-known/openid-configuration") == 1


def test_every_attempt_counts_in_the_limit_on_sign_ins(with_provider: WithProvider, provider: HostileProvider) -> None:
    app = with_provider(sign_ins_per_network="3/minute")
    provider.user = {"sub": "nobody"}
    tab = app.test_client()
    refused = [signed_in(tab, provider).status_code for _ in range(2)] + [tab.get(BACK).status_code]
    provider.user = dict(GOOD)

    too_many = signed_in(tab, provider)
    with_a_key = tab.post(SIGN_IN, data={"key": "rk_"})

    assert refused == [403, 403, 400]
    assert (too_many.status_code, with_a_key.status_code) == (429, 429)
    assert "Too many attempts" in words_of(too_many)
