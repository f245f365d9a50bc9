"""Human text as the service stores it: one rule for headlines, names and labels, whichever way they come in.

The rule goes by Unicode property, not by what Python calls printable: joiners, soft hyphens, direction marks and emoji newer
than Python's own tables are text. Only what would break a line or a protocol is not: controls, surrogates, line and paragraph
separators.
"""

from __future__ import annotations

import re
import unicodedata

_REFUSED = {"Cc", "Cs", "Zl", "Zp"}
_UNSEEN = {*_REFUSED, "Zs", "Cf"}  # spaces, joiners, marks of direction
# Every character of the property Zs is in the Basic Multilingual Plane, below U+3001.
_SPACES = "".join(chr(code) for code in range(0x3001) if unicodedata.category(chr(code)) == "Zs")
_FOLDED = re.compile(rf"[\t\n\f\r{_SPACES}]+")


def folded(text: str) -> str:
    """The text with every run of spaces (tabs and line ends too) as one plain space, and none at either end."""
    return _FOLDED.sub(" ", text).strip(" ")


def has_space(text: str) -> bool:
    """True if any kind of space is in it, as in no web address."""
    return _FOLDED.search(text) is not None


def unusable(text: str) -> str | None:
    """The first character that text may not have, such as "U+0007"; None if there is none."""
    if text.isascii() and text.isprintable():
        return None
    return next((f"U+{ord(letter):04X}" for letter in text if unicodedata.category(letter) in _REFUSED), None)


def is_blank(text: str) -> bool:
    """True for text of which nothing is seen."""
    return all(unicodedata.category(letter) in _UNSEEN for letter in text)
