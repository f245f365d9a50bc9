"""What may be part of an article key: every code point by its Unicode properties."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reactions.newsroom import article_keys
from reactions.refusals import MalformedKey
from tests.newsroom import write_characters
from tests.newsroom.write_characters import FILE, members, rendered

JOINERS = {0x200C, 0x200D}
ODD = "\u200c\u200d\ufe0f\u0301\u094d\u0915\u09b0\u09cd\u0628\u0627\U0001f469\U0001f3fd\U0001f680\u00a0\u115f\u1100\u1161 a"


def outcome(key: str) -> str | None:
    try:
        return article_keys.canonical_key(key)
    except MalformedKey:
        return None


def test_the_table_of_characters_is_what_the_properties_say() -> None:
    assert FILE.read_text(encoding="utf-8") == rendered()


def test_no_ignorable_code_point_makes_another_key() -> None:
    ignorable = members(r"[\p{Default_Ignorable_Code_Point}]")

    kept = [point for point in ignorable if outcome(f"a{chr(point)}b") not in (None, "ab")]

    assert len(ignorable) >= 4_174
    assert kept == []


def test_variation_selectors_fold_away_and_every_other_ignorable_is_refused() -> None:
    ignorable = set(members(r"[\p{Default_Ignorable_Code_Point}]"))
    selectors = set(members(write_characters.CLASSES["FOLDED"][0]))

    folded = {point for point in ignorable if outcome(f"a{chr(point)}b") == "ab"}

    assert folded == selectors


def test_no_code_point_without_a_character_is_taken() -> None:
    points = members(r"[\p{Noncharacter_Code_Point}\p{Cs}\p{Co}\p{Cc}]")
    points += [point for point in range(0x110000) if unicodedata.category(chr(point)) == "Cn"][::97]

    assert [point for point in points if outcome(f"a{chr(point)}b") is not None] == []


def test_a_refusal_names_the_code_point() -> None:
    with pytest.raises(MalformedKey, match=r"U\+E0041"):
        article_keys.canonical_key("a\U000e0041b")


@settings(max_examples=1_000, deadline=None)
@given(st.text(st.one_of(st.sampled_from(ODD), st.characters()), min_size=1, max_size=12))
@example("\u1100\ufe0f\u1161")
@example("a\u0301\ufe0f\u0323")
def test_the_form_of_a_key_is_final_and_does_not_depend_on_how_it_was_composed(key: str) -> None:
    canonical = outcome(key)

    if canonical is not None:
        assert article_keys.canonical_key(canonical) == canonical
        assert outcome(unicodedata.normalize("NFD", canonical)) == canonical
        assert outcome(canonical + "\ufe0f") == canonical


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("news/cup", []),
        ("новости/cup-2026", []),
        ("café/naïve", []),
        ("5G网络", []),
        ("p\u0430ypal/login", ["p\u0430ypal"]),
        ("ne\u03bds", ["ne\u03bds"]),
    ],
)
def test_words_of_mixed_alphabets_are_reported(key: str, words: list[str]) -> None:
    assert article_keys.mixed_words(article_keys.canonical_key(key)) == words
