"""Article keys: the publisher's own name for an article, in one form, and the id it hashes to.

The id is the same on every node, so no look-up precedes a vote.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import urlsplit

from reactions.refusals import MalformedKey

KEY_CHARACTERS = 200
_PLAIN = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_RULE = f"An article key has 1 to {KEY_CHARACTERS} characters"
# Controls, surrogates, private use, separators of lines; then what turns the direction of text, and what nobody can see:
# two keys that look alike would be two articles. The joiners U+200C and U+200D are part of words and emoji, but never at an end.
_REFUSED_CATEGORIES = {"Cc", "Cs", "Co", "Zl", "Zp"}
_REFUSED = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad\u180e\u200b\u2060")

# What `decodeURI` of a browser leaves as it is: characters that would mean something else once decoded.
_DECODABLE = re.compile("(?:%(?!3B|2F|3F|3A|40|26|3D|2B|24|2C|23)[0-9A-F]{2})+", re.IGNORECASE)


def canonical_key(key: str) -> str:
    """The one form of an article key: Unicode NFC, 1 to 200 characters, no space at either end, no control character.

    Slashes, spaces inside, capitals and any script are kept as they are: "News/1" and "news/1" are two articles.
    Raises MalformedKey.
    """
    if key.isascii() and _PLAIN.fullmatch(key):
        return key
    if len(key) > KEY_CHARACTERS * 4:
        raise MalformedKey(f"{_RULE}; this one is far longer. A slug, a path or the CMS id will do.")
    key = unicodedata.normalize("NFC", key)
    if not 1 <= len(key) <= KEY_CHARACTERS:
        raise MalformedKey(f"{_RULE}; this one has {len(key)}.")
    if key != key.strip().strip("\u200c\u200d"):
        raise MalformedKey("An article key must not start or end with a space or a joiner.")
    if bad := [c for c in key if c in _REFUSED or unicodedata.category(c) in _REFUSED_CATEGORIES]:
        raise MalformedKey(f"An article key must not contain U+{ord(bad[0]):04X}: no control, direction or invisible characters.")
    return key


class ArticleKey(NamedTuple):
    """A canonical key of a site's article, and its id: hashed once for each request, and handed on."""

    text: str
    id: int


def article_key(site_key: str, text: str) -> ArticleKey:
    """The key that a publisher's text stands for on a site. Raises MalformedKey."""
    key = canonical_key(text)
    return ArticleKey(key, id_of(site_key, key))


def path_key(url: str) -> str:
    """The key that the widget takes on the page at `url` when it is given none: the decoded path of the address."""
    return _DECODABLE.sub(_decoded, urlsplit(url).path) or "/"


def _decoded(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def id_of(site_key: str, key: str) -> int:
    """The signed 64-bit id of an article: BLAKE2b over the site's key and the canonical article key."""
    digest = hashlib.blake2b(f"{site_key}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
