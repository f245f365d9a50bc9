"""Who gets the digest of a site by mail: addresses, and who put each on the list."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from reactions import texts
from reactions.languages import gettext
from reactions.newsroom.sites import Site
from reactions.refusals import MalformedSubscriber, UnknownSubscriber
from reactions.storage import tables
from reactions.storage.engines import insert_for

MOST = 100
# Python's mail client sends to ASCII addresses only; `notices.mail` has the same form.
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_s = tables.digest_subscriber.c


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An address that gets the digest; `at` is when it was added, UTC milliseconds, and `by` whoever did."""

    address: str
    at: int
    by: str


def all_of(connection: Connection, site: Site) -> list[Subscriber]:
    """The site's subscribers, by address."""
    rows = connection.execute(select(_s.address, _s.at, _s.by).where(_s.site_id == site.id).order_by(_s.address))
    return [Subscriber(*row) for row in rows]


def add(connection: Connection, site: Site, address: str, *, at_ms: int, by: str) -> Subscriber:
    """Send the site's digest to an address from now on; doing it again changes nothing. Raises MalformedSubscriber."""
    plain = address.strip()
    if not _ADDRESS.fullmatch(plain) or len(plain) > 254 or texts.unusable(plain):
        raise MalformedSubscriber(
            gettext("%(address)s is not a mail address. Write newsroom@example.org, in ASCII.", address=repr(plain[:80]))
        )
    present = {each.address.lower(): each for each in all_of(connection, site)}
    if plain.lower() in present:
        return present[plain.lower()]
    if len(present) >= MOST:
        raise MalformedSubscriber(gettext("The digest goes to at most %(n)s addresses. Give a mailing list's instead.", n=MOST))
    row = {"site_id": site.id, "address": plain, "at": at_ms, "by": by}
    connection.execute(insert_for(connection)(tables.digest_subscriber).on_conflict_do_nothing(), [row])
    return Subscriber(plain, at_ms, by)


def remove(connection: Connection, site: Site, address: str) -> None:
    """Take an address off the list. Raises UnknownSubscriber."""
    mine = (_s.site_id == site.id, _s.address == address)
    removed = _ADDRESS.fullmatch(address) and connection.execute(delete(tables.digest_subscriber).where(*mine)).rowcount
    if not removed:
        raise UnknownSubscriber(
            gettext("%(address)s does not get the digest of %(site)s.", address=repr(address[:80]), site=site.key)
        )
