"""Roles as they are written in settings, and what they give."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from reactions.newsroom import roles

SITES: Any = [SimpleNamespace(id=1, key="daily"), SimpleNamespace(id=2, key="weekly")]


def given(*texts: str) -> dict[int, set[str]]:
    return {site: set(scopes) for site, scopes in roles.granted(roles.roles(texts), SITES).items()}


def test_roles_add_up_on_each_site_and_nothing_goes_without_reading() -> None:
    assert given("a=daily:read", "b=daily:review+read", "c=*:write") == {1: {"read", "review", "write"}}
    assert given("a=*:read") == {1: {"read"}, 2: {"read"}}
    assert given("a=weekly:review", "a=elsewhere:read") == {}


def test_a_name_may_have_whatever_a_directory_puts_into_it() -> None:
    (role,) = roles.roles(["cn=night editors,ou=desk,dc=example=daily:read"])

    assert role == ("cn=night editors,ou=desk,dc=example", "daily", {"read"})
    assert roles.of_claim([role], ["cn=night editors,ou=desk,dc=example"]) == [role]
    assert roles.of_claim([role], ["CN=night editors,ou=desk,dc=example", "cn"]) == []


@pytest.mark.parametrize(
    "text",
    ["", "a", "a=daily", "a=daily:", "=daily:read", " =daily:read", "a=DAILY:read", "a=daily:read+", "a=daily:all", "a=:read"],
)
def test_what_is_no_role_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no role|there is no scope"):
        roles.roles([text])


def test_an_address_that_only_looks_like_another_gives_nothing() -> None:
    """`'K'.lower()` is `k` for the Kelvin sign, too."""
    role = roles.roles(["kim@daily.example=daily:read"])

    assert roles.of_address(role, "KIM@Daily.Example") == role
    for alike in ("\u212aim@daily.example", "kim@da\u0131ly.example", "kim@daily.example ", "", "kim@daily.example.evil.example"):
        assert roles.of_address(role, alike) == []
