"""Sites: the publications that embed the widget, each with its origins, reaction set and policies.

The file is longer than others because every member of a site is checked in one place.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update

from reactions import languages, texts, times
from reactions.languages import decimal, gettext
from reactions.newsroom import alert_rules, outdated, reaction_sets
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.refusals import MalformedSite, UnknownSite
from reactions.storage import tables

POLICIES = ("open", "known")
SCOPES = ("article", "site")
FORGOTTEN = ("kept", "withdrawn")  # what becomes of the votes of a reader who wants to be forgotten
DEFAULTS: Mapping[str, Any] = {
    "time_zone": "UTC",
    "article_policy": "open",
    "new_articles_per_day": 10_000,
    "reader_scope": "article",
    "close_after_days": None,
    "section_reactions": {},
    "article_patterns": [],
    "forgotten_votes": "kept",
    "keep_votes_days": None,
    "alert_rules": {},
    "language": languages.SOURCE,
    "count_views": 0,
}
_OF_THE_SET = ("reactions", "section_reactions")
_MOST_A_DAY, _MOST_DAYS = 2**31 - 1, 36_500
_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_WITHOUT_ORIGIN = (
    "",
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "ws",
    "wss",
)  # browsers send "null", or none
_DEVIATING = re.compile("[ß\u1e9e\u03c2]")
_NO_SUCH_SITE = "There is no such site. The key is the one shown by `reactions site list`."
_MOST_PATTERNS = 100
_SHOWN = {"reactions", "section_reactions", "close_after_days", "count_views"}  # what readers are shown depends on
_REMEMBERED = 4096  # sites, known and unknown, that one process keeps in mind


@dataclass(frozen=True, eq=False)
class Site:
    """A site as it was read; two readings of the same site are two objects.

    `article_policy`: "open" registers an article with its first ballot, at most `new_articles_per_day` beside those whose key
    matches one of `article_patterns`; "known" takes ballots on registered articles only. `reader_scope`: "article" gives a reader
    another pseudonym on every article, "site" one for all.
    `keep_votes_days`: votes of articles that old are dropped; None keeps them for ever. `vanished_time_zone` is the one that was
    chosen, if this machine does not know it any more: until another is chosen the days are those of UTC. Dashboard, digest and
    alerts are in `language`. `count_views`: 0 counts no views, 1 each, 10 one page view in ten.
    """

    id: int
    key: str
    name: str
    origins: frozenset[str]
    reactions: ReactionSet = field(repr=False)
    time_zone: str
    article_policy: str
    new_articles_per_day: int
    reader_scope: str
    close_after_days: int | None
    section_reactions: Mapping[str, Sequence[str]] = field(repr=False)
    article_patterns: Sequence[str] = field(default=(), repr=False)
    forgotten_votes: str = "kept"
    keep_votes_days: int | None = None
    alert_rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    vanished_time_zone: str | None = None
    language: str = languages.SOURCE
    count_views: int = 0

    def offered_in(self, section: str | None) -> ReactionSet:
        """The reactions offered on the articles of a section: the site's set, or the part chosen for the section."""
        chosen = self.section_reactions.get(section or "")
        return self.reactions if chosen is None else self.reactions.limited_to(tuple(chosen))


def add(connection: Connection, *, key: str, name: str, origins: Sequence[str], reactions: ReactionSet, **policies: Any) -> None:
    """Add a site; `policies` are those of `Site`, with `DEFAULTS` for the rest. Raises MalformedSite."""
    if not _KEY.fullmatch(key):
        raise MalformedSite("A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald.")
    if _row(connection, key) is not None:
        raise MalformedSite(f"The site {key} already exists. `reactions site set {key}` changes it.")
    given = {**DEFAULTS, "name": name, "origins": origins, "reactions": reactions, **policies}
    connection.execute(insert(tables.site).values({"key": key, **_columns(given)}))


def change(connection: Connection, key: str, **changes: Any) -> None:
    """Change some of a site's name, origins, reactions, time_zone, policies. Raises UnknownSite or MalformedSite."""
    get(connection, key)
    connection.execute(update(tables.site).where(tables.site.c.key == key).values(_columns(changes)))
    if _SHOWN & changes.keys():
        outdated.note_site(connection, key)


def get(connection: Connection, key: str) -> Site:
    """The site `key`. Raises UnknownSite."""
    row = _row(connection, key)
    if row is None:
        raise UnknownSite(f"There is no site {key[:64]!r}.")
    return _site(row)


def get_to_change(connection: Connection, key: str) -> Site:
    """The site `key`, which nobody else changes for the rest of the transaction. Raises UnknownSite."""
    row = connection.execute(_SELECT.with_for_update(), {"key": key}).one_or_none()
    if row is None:
        raise UnknownSite(f"There is no site {key[:64]!r}.")
    return _site(row)


def replace_set(connection: Connection, site: Site, new: ReactionSet, *, sections: Mapping[str, Sequence[str]]) -> None:
    """Offer another reaction set, and in `sections` a part of it. What the new set lacks is retired: no change loses a count.

    Raises MalformedReactionSet or UnknownReaction.
    """
    whole = site.reactions.replaced_by(new)
    for chosen in sections.values():
        for key in chosen:
            whole.get(key)
    change(connection, site.key, reactions=whole, section_reactions=sections)


def version_of_set(site: Site) -> str:
    """A short text that is another one after each change of the site's reaction set or its sections."""
    return _version([reaction_sets.stored(site.reactions), dict(site.section_reactions)])


def version_of_settings(site: Site) -> str:
    """A short text that is another one after each change of the site, its reaction set apart."""
    fields = {name: getattr(site, name) for name in _FORM_OF if name not in _OF_THE_SET}
    return _version({**fields, "origins": sorted(site.origins), "vanished": site.vanished_time_zone})


def _version(content: Any) -> str:
    return hashlib.blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


def by_id(connection: Connection, site_id: int) -> Site:
    """The site with this id; there must be one."""
    return _site(connection.execute(select(tables.site).where(tables.site.c.id == site_id)).one())


def all_sites(connection: Connection) -> list[Site]:
    """Every site, by key."""
    return [_site(row) for row in connection.execute(select(tables.site).order_by(tables.site.c.key))]


def origin_of(text: str) -> str:
    """The origin in `text` as browsers send it: scheme, host in lower case and IDNA, port if unusual. Raises MalformedSite.

    A hybrid app may have a scheme of its own, such as capacitor://localhost.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        raise MalformedSite(
            gettext("%(text)s is no origin. Write https://www.example.org, without a path.", text=repr(text[:200]))
        ) from None
    bare = parts.path in ("", "/") and not (parts.query or parts.fragment or "@" in parts.netloc)
    plain = texts.unusable(text.strip()) is None and re.fullmatch(r"[a-z0-9.:_-]+", host) and port != 0
    if parts.scheme in _WITHOUT_ORIGIN or not plain or not bare:
        raise MalformedSite(
            gettext("%(text)s is no origin. Write https://www.example.org, without a path.", text=repr(text[:200]))
        )
    if _DEVIATING.search(parts.netloc):
        raise MalformedSite(
            gettext(
                "Write the host of %(text)s in its xn-- form, as a browser copies it from its address bar.", text=repr(text[:200])
            )
        )
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


class Directory:
    """Sites by key, remembered for a while: a vote should not cost a query for what changes once a month."""

    def __init__(self, engine: Engine, *, memory_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._memory_s = memory_s
        self._clock = clock
        self._remembered: dict[str, tuple[float, Site | None]] = {}
        self._being_read: set[str] = set()

    def remembered(self, key: str) -> Site | None:
        """The site `key` if it was read lately, or is being read anew just now; asks no database."""
        until, site = self._remembered.get(key, (0.0, None))
        return site if site is not None and (self._clock() < until or key in self._being_read) else None

    def find(self, key: str) -> Site:
        """The site `key`, as it was at most `memory_s` seconds ago. Raises UnknownSite."""
        if not _KEY.fullmatch(key):
            raise UnknownSite(_NO_SUCH_SITE)
        until, site = self._remembered.get(key, (0.0, None))
        if self._clock() >= until and (site is None or key not in self._being_read):
            self._being_read.add(key)  # one thread reads it again, however long that takes; the others go on with what they have
            if site is not None:
                self._remembered[key] = (self._clock() + self._memory_s, site)
            try:
                site = self._read(key)
            finally:
                self._being_read.discard(key)
        if site is None:
            raise UnknownSite(_NO_SUCH_SITE)
        return site

    def _read(self, key: str) -> Site | None:
        with self._engine.connect() as connection:
            row = _row(connection, key)
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = (self._clock() + self._memory_s, site := _site(row) if row else None)
        return site


_SELECT = select(tables.site).where(tables.site.c.key == bindparam("key"))


def _row(connection: Connection, key: str) -> Row[Any] | None:
    return connection.execute(_SELECT, {"key": key}).one_or_none()


def _site(row: Row[Any]) -> Site:
    fields = dict(row._mapping)
    fields["origins"] = frozenset(fields["origins"])
    fields["reactions"] = reaction_sets.from_stored(fields["reactions"])
    if times.zone(fields["time_zone"]) is None:  # an update of the system's tables can take one away
        fields |= {"time_zone": "UTC", "vanished_time_zone": fields["time_zone"]}
    return Site(**fields)


def _columns(given: dict[str, Any]) -> dict[str, Any]:
    """Check what was given and bring it into the form of the row."""
    columns = {}
    for name, value in given.items():
        try:
            columns[name] = _FORM_OF[name](value)
        except MalformedSite as refusal:
            raise MalformedSite(refusal.detail, pointer=f"#/{name}") from None
    return columns


def _name(value: str) -> str:
    if not 1 <= len(value.strip()) <= 200 or texts.is_blank(value) or texts.unusable(value):
        raise MalformedSite(gettext("A site's name has 1 to 200 printable characters."))
    return value.strip()


def _origins(value: Sequence[str]) -> list[str]:
    if not value:
        raise MalformedSite(gettext("A site needs at least one origin, such as https://www.example.org."))
    return sorted({origin_of(text) for text in value})


def _time_zone(value: str) -> str:
    if times.zone(value) is None:
        raise MalformedSite(
            gettext("%(zone)s is not a time zone. Write Europe/Berlin, America/New_York or UTC.", zone=repr(value[:64]))
        )
    return value


def _quota(value: int) -> int:
    if not 0 <= value <= _MOST_A_DAY:
        raise MalformedSite(gettext("new_articles_per_day is a number from 0 to %(most)s.", most=decimal(_MOST_A_DAY)))
    return value


def _sampling(value: int) -> int:
    if not 0 <= value <= 1000:
        raise MalformedSite(gettext("count_views is 0 (none), 1 (each page view) or a number up to 1000 (one in so many)."))
    return value


def _days(name: str) -> Callable[[int | None], int | None]:
    def days(value: int | None) -> int | None:
        if value is not None and not 1 <= value <= _MOST_DAYS:
            said = gettext("%(name)s is a number of days from 1 to %(most)s, or none.", name=name, most=decimal(_MOST_DAYS))
            raise MalformedSite(said)
        return value

    return days


def _section_reactions(value: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Sections with the keys of the reactions offered there; `offered_in` ignores keys that the set no longer has."""
    for section, chosen in value.items():
        if not section.strip() or not chosen:
            raise MalformedSite(gettext("Section %(section)s needs a name and at least one reaction.", section=repr(section)))
    return {section: list(dict.fromkeys(chosen)) for section, chosen in value.items()}


def patterns(value: Sequence[str]) -> list[str]:
    """Patterns of article keys, none of which matches every key. Raises MalformedSite."""
    if len(value) > _MOST_PATTERNS or not all(0 < len(pattern) <= 200 and pattern.isprintable() for pattern in value):
        raise MalformedSite(
            gettext(
                "A site has at most %(n)s patterns of article keys, such as news/*, of 1 to 200 characters.", n=_MOST_PATTERNS
            )
        )
    if too_wide := [pattern for pattern in value if not pattern.strip("*?[]!-")]:
        raise MalformedSite(
            gettext(
                "%(pattern)s matches every key, so anybody could fill the tables. Begin it with a prefix: news/*.",
                pattern=repr(too_wide[0]),
            )
        )
    return list(dict.fromkeys(value))


def _one_of(choices: Sequence[str]) -> Callable[[str], str]:
    def chosen(value: str) -> str:
        if value not in choices:
            raise MalformedSite(gettext("%(value)s is not one of %(choices)s.", value=repr(value), choices=", ".join(choices)))
        return value

    return chosen


_FORM_OF: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "origins": _origins,
    "reactions": reaction_sets.stored,
    "time_zone": _time_zone,
    "article_policy": _one_of(POLICIES),
    "new_articles_per_day": _quota,
    "reader_scope": _one_of(SCOPES),
    "close_after_days": _days("close_after_days"),
    "keep_votes_days": _days("keep_votes_days"),
    "section_reactions": _section_reactions,
    "article_patterns": patterns,
    "forgotten_votes": _one_of(FORGOTTEN),
    "alert_rules": alert_rules.checked,
    "language": _one_of(languages.KNOWN),
    "count_views": _sampling,
}
