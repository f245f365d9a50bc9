"""Which text is stored: by Unicode property, whatever this Python's tables call printable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions import texts

STORED = [
    "رئیس\u200cجمهور می\u200cرود",  # Persian, with its joiners
    "क्\u200dष",  # Hindi
    "Women in tech 👩\u200d💻",
    "Family 👨\u200d👩\u200d👧",
    "Shaking 🫨 face",  # Unicode 15
    "A face of a later day \U0001fae9",
    "Donau\u00addampf\u00adschiff",
    "\u200fשלום\u200e \u2067Zürich\u2069",
    "\ufeffmark",
    "e\u0301",
    "\U000f0000",  # private use
]


@pytest.mark.parametrize("text", STORED)
def test_human_text_is_stored_as_it_is(text: str) -> None:
    assert texts.unusable(text) is None
    assert texts.folded(text) == text


@pytest.mark.parametrize(
    ("text", "character"),
    [("a\0", "U+0000"), ("a\x1bb", "U+001B"), ("\x7f", "U+007F"), ("\x85", "U+0085"), ("\x92", "U+0092"), ("\ud800", "U+D800"),
     ("a\u2028b", "U+2028"), ("a\u2029b", "U+2029"), ("a\nb", "U+000A")],
)  # fmt: skip
def test_controls_surrogates_and_separators_are_named(text: str, character: str) -> None:
    assert texts.unusable(text) == character


@given(st.text())
def test_only_those_properties_are_refused(text: str) -> None:
    assert (texts.unusable(text) is not None) == any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text)


def test_every_space_is_folded() -> None:
    spaces = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) == "Zs"]

    assert len(spaces) == 17
    assert texts.folded("".join(f"{space}a" for space in [*spaces, "\t", "\r\n", "\f"]) + " \u3000") == " ".join("a" * 20)
    assert texts.folded("Budget\u202f: le\u00a0 vote") == "Budget : le vote"


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert texts.folded(texts.folded(text)) == texts.folded(text)
