"""Article keys: the publisher's own name for an article, in one form, and the id it hashes to.

The id is the same on every node, so no look-up precedes a vote.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from reactions.languages import gettext
from reactions.newsroom import characters
from reactions.refusals import MalformedKey

KEY_CHARACTERS = 200
_PLAIN = re.compile(r"[!-~](?:[ -~]{0,198}[!-~])?")
_NON_JOINER, _JOINER = "\u200c", "\u200d"
_RA = "\u09b0\u0cb0"  # of Bengali and Kannada: a joiner between it and a virama tells two conjuncts apart

_FOLDED = re.compile(f"[{characters.FOLDED}]+")
_INVISIBLE = re.compile(f"[{characters.INVISIBLE}]")
# Where a joiner is seen: UAX #31 for the orthography of words, UTS #51 for emoji. Each looks at what is left and right of it.
_JOINED_ON_THE_LEFT = re.compile(f"[{characters.JOINS_LEFT}][{characters.TRANSPARENT}]*\\Z")
_JOINED_ON_THE_RIGHT = re.compile(f"[{characters.TRANSPARENT}]*[{characters.JOINS_RIGHT}]")
_CONJUNCT = re.compile(rf"\w[{characters.TRANSPARENT}]*[{characters.VIRAMA}][{characters.TRANSPARENT}]*\Z")
_CONSONANT = re.compile(rf"[{characters.TRANSPARENT}]*\w")
_DEPENDENT_VOWEL = re.compile(f"[{characters.DEPENDENT_VOWEL}]")
_PICTOGRAPH = re.compile(f"[{characters.PICTOGRAPH}]")
_PICTOGRAPH_BEFORE = re.compile(f"[{characters.PICTOGRAPH}][\U0001f3fb-\U0001f3ff]?\\Z")
_WORD = re.compile(r"[^\W\d_]+")
_LETTER_OF = {script: re.compile(f"[{letters}]") for script, letters in characters.LETTERS_OF.items()}
_SHOWN_ID = re.compile("[0-9a-f]{16}")

_ADDRESS = re.compile("(?:https?:)?//[^/]+", re.IGNORECASE)  # the scheme and host of a web address

# What `decodeURI` of a browser leaves as it is: characters that would mean something else once decoded.
_DECODABLE = re.compile("(?:%(?!3B|2F|3F|3A|40|26|3D|2B|24|2C|23)[0-9A-F]{2})+", re.IGNORECASE)


def canonical_key(key: str) -> str:
    """The one form of an article key: Unicode NFC, 1 to 200 characters, nothing that cannot be seen.

    What looks alike is one key: variation selectors are left out, every kind of space is U+0020. Joiners stay where a word or an
    emoji is written with them. Slashes, spaces inside, capitals and any script are kept: "News/1" and "news/1" are two articles.
    Raises MalformedKey.
    """
    if key.isascii() and _PLAIN.fullmatch(key):
        return key
    if len(key) > KEY_CHARACTERS * 4:
        raise MalformedKey(
            gettext(
                "An article key has 1 to %(most)s characters; this one is far longer. A slug, a path or the CMS id will do.",
                most=KEY_CHARACTERS,
            )
        )
    key = unicodedata.normalize("NFC", "".join(map(_folded, _FOLDED.sub("", key))))
    if not 1 <= len(key) <= KEY_CHARACTERS:
        raise MalformedKey(
            gettext("An article key has 1 to %(most)s characters; this one has %(n)s.", most=KEY_CHARACTERS, n=len(key))
        )
    if key != key.strip():
        raise MalformedKey(gettext("An article key must not start or end with a space."))
    if (bad := next((at for at in range(len(key)) if not _is_seen(key, at)), None)) is not None:
        raise MalformedKey(
            gettext(
                "An article key must not contain U+%(code)s here: no control, direction, invisible or unassigned characters, and "
                "joiners only where a word or an emoji is written with them.",
                code=format(ord(key[bad]), "04X"),
            )
        )
    return key


def mixed_words(key: str) -> list[str]:
    """The words of a key whose letters are of several alphabets that share shapes, as Latin and Cyrillic do.

    They are reported, not refused: such a key looks like another one, and some names are written so.
    """
    return [word for word in _WORD.findall(key) if not word.isascii() and sum(map(bool, _alphabets(word))) > 1]


def _alphabets(word: str) -> list[re.Match[str] | None]:
    return [letter.search(word) for letter in _LETTER_OF.values()]


def _folded(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


def _is_seen(key: str, at: int) -> bool:
    """True for a character that can be told from its absence. Unassigned ones may one day be anything."""
    character = key[at]
    if character in (_NON_JOINER, _JOINER):
        return _is_joiner_needed(key[:at], character, key[at + 1 :])
    return not (_INVISIBLE.match(character) or unicodedata.category(character) == "Cn")


def _is_joiner_needed(before: str, joiner: str, after: str) -> bool:
    if joiner == _NON_JOINER and _JOINED_ON_THE_LEFT.search(before) and _JOINED_ON_THE_RIGHT.match(after):
        return True
    if _CONJUNCT.search(before):
        return bool(_CONSONANT.match(after)) if joiner == _NON_JOINER else not _DEPENDENT_VOWEL.match(after)
    if joiner == _NON_JOINER:
        return False
    conjunct_of_ra = before[-1:] in set(_RA) and bool(re.match(f"[{characters.VIRAMA}]", after))
    return conjunct_of_ra or bool(_PICTOGRAPH_BEFORE.search(before) and _PICTOGRAPH.match(after))


class ArticleKey(NamedTuple):
    """A canonical key of a site's article, and its id: hashed once for each request, and handed on."""

    text: str
    id: int


@lru_cache(maxsize=4096)
def article_key(site_key: str, text: str) -> ArticleKey:
    """The key that a publisher's text stands for on a site. Raises MalformedKey."""
    key = canonical_key(text)
    return ArticleKey(key, id_of(site_key, key))


def path_key(url: str) -> str:
    """The key that the widget takes on the page at `url` when it is given none: the decoded path of the address."""
    return _DECODABLE.sub(_decoded, urlsplit(url).path) or "/"


def place_of(key: str) -> str:
    """What a key names however it is written: without scheme and host, slashes at its ends, and percent-encoding."""
    return unquote(_ADDRESS.sub("", key)).strip("/")


def difference(one: str, other: str) -> str:
    """In what two keys of one place differ: "the scheme and host", "slashes at its ends", "percent-encoding"."""
    said = []
    if _ADDRESS.match(one) or _ADDRESS.match(other):
        said.append("the scheme and host")
    paths = [unquote(_ADDRESS.sub("", key)) for key in (one, other)]
    if paths[0] != paths[1]:
        said.append("slashes at its ends")
    if unquote(one) != one or unquote(other) != other:
        said.append("percent-encoding")
    return " and ".join(said)


def _decoded(escapes: re.Match[str]) -> str:
    try:
        return bytes.fromhex(escapes[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return escapes[0]


def shown_id(article_id: int) -> str:
    """An article's id as addresses have it: 16 hexadecimal digits, which tell nothing of its key."""
    return f"{article_id % 2**64:016x}"


def id_shown(text: str) -> int | None:
    """The id that `shown_id` wrote; None for any other text."""
    return int.from_bytes(bytes.fromhex(text), "big", signed=True) if _SHOWN_ID.fullmatch(text) else None


def id_of(site_key: str, key: str) -> int:
    """The signed 64-bit id of an article: BLAKE2b over the site's key and the canonical article key."""
    digest = hashlib.blake2b(f"{site_key}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
