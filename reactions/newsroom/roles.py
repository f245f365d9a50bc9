"""Roles: what people may do on which site, decided by their identity provider's claims or by their e-mail address.

A role is written `WHO=SITE:SCOPE+SCOPE`, as in `editors=daily:read+review`; the site * means every site. WHO is a value of a
claim, or an address. The last = ends it, so that a name of LDAP (`cn=editors,dc=example`) can be one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from reactions.newsroom.api_keys import SCOPES
from reactions.newsroom.sites import Site

_FORM = re.compile(r"(.+)=(\*|[a-z0-9-]{1,63}):([a-z]+(?:\+[a-z]+)*)")

Grants = Mapping[int, frozenset[str]]  # the scopes by the id of their site


class Role(NamedTuple):
    """What somebody may do on a site, or on every site (*)."""

    who: str
    site: str
    scopes: frozenset[str]


def roles(texts: Iterable[str]) -> list[Role]:
    """The roles in a setting. Raises ValueError."""
    return [_role(text) for text in texts]


def _role(text: str) -> Role:
    form = _FORM.fullmatch(text)
    if form is None or not form[1].strip():
        raise ValueError(f'{text!r} is no role. Write "editors=daily:read+review".')
    scopes = frozenset(form[3].split("+"))
    if unknown := sorted(scopes - set(SCOPES)):
        raise ValueError(f"{text!r}: there is no scope {unknown[0]}. There are: {', '.join(SCOPES)}.")
    return Role(form[1].strip(), form[2], scopes)


def granted(mine: Collection[Role], sites: Sequence[Site]) -> Grants:
    """The scopes that roles give on each of the sites; a site without any is left out. One must read to do anything else."""
    found = {site.id: frozenset().union(*(role.scopes for role in mine if role.site in ("*", site.key))) for site in sites}
    return {site_id: scopes for site_id, scopes in found.items() if "read" in scopes}


def of_claim(every: Iterable[Role], values: Collection[str]) -> list[Role]:
    """The roles of somebody for whom the provider sent these values."""
    return [role for role in every if role.who in values]


def of_address(every: Iterable[Role], email: str) -> list[Role]:
    """The roles of the owner of an e-mail address, which upper and lower case do not change.

    Addresses beyond ASCII have none: lower() turns the Kelvin sign into a k, and with it one person into another.
    """
    return [role for role in every if email.isascii() and role.who.lower() == email.lower()]
