"""Readers: pseudonyms that tell nothing, and networks that are what they seem."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reactions.votes import readers

KEY = b"a key of the tests"
READER = st.binary(min_size=16, max_size=16)
PINNED_KEY = "54c162d338f2b54ac1869b816d58421d5fbd79133b6e2ca96ea6cff5e9b52f99"
PINNED_ARTICLE = "9e1d5a7dc5e6bf0e6495f71c4ae5bd48"
PINNED_SITE = "db80e2026e299c9d798f85d92f0d9e9a"


def test_a_pseudonym_is_the_same_for_the_same_vote_and_another_for_any_other() -> None:
    own = readers.pseudonym(KEY, site="daily", article_id=1, reader=b"ada")

    others = {
        readers.pseudonym(b"other", site="daily", article_id=1, reader=b"ada"),
        readers.pseudonym(KEY, site="weekly", article_id=1, reader=b"ada"),
        readers.pseudonym(KEY, site="daily", article_id=2, reader=b"ada"),
        readers.pseudonym(KEY, site="daily", article_id=None, reader=b"ada"),
        readers.pseudonym(KEY, site="daily", article_id=1, reader=b"ben"),
    }

    assert own == readers.pseudonym(KEY, site="daily", article_id=1, reader=b"ada")
    assert len(own) == readers.PSEUDONYM_BYTES == 16
    assert len(others | {own}) == 6


def test_pseudonyms_do_not_change_from_release_to_release() -> None:
    """If they did, every reader could vote a second time."""
    key = readers.derived_key(b"0123456789abcdef0123456789abcdef", "pseudonym")
    ada = bytes.fromhex("ada" + "0" * 29)

    assert key.hex() == PINNED_KEY
    assert readers.pseudonym(key, site="daily", article_id=-42, reader=ada).hex() == PINNED_ARTICLE
    assert readers.pseudonym(key, site="daily", article_id=None, reader=ada).hex() == PINNED_SITE


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {readers.derived_key(b"secret", purpose) for purpose in ("pseudonym", "limits")} | {
        readers.derived_key(b"other", "limits")
    }

    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}


@given(READER, READER)
def test_what_a_limit_counts_under_tells_nothing_of_whom_it_counts(one: bytes, other: bytes) -> None:
    key = readers.limit_key(KEY, "daily", one.hex())

    assert re.fullmatch(r"[0-9a-f]{24}", key)
    assert (key == readers.limit_key(KEY, "daily", other.hex())) == (one == other)
    assert key != readers.limit_key(b"another key", "daily", one.hex())
    assert key != readers.limit_key(KEY, "weekly", one.hex())


def test_a_reader_without_an_id_is_another_one_on_each_article_network_and_browser() -> None:
    """The article must be part of it: a site may tell readers across articles by their ids, but nobody by an address."""
    asked = {"article_id": 1, "network": "198.51.100.7", "browser": "Firefox"}
    changes: list[dict[str, Any]] = [{}, {"article_id": 2}, {"network": "198.51.100.8"}, {"browser": "Safari"}]

    ids = [readers.nameless(b"k" * 32, **{**asked, **change}) for change in changes]

    assert len(set(ids)) == 4
    assert {len(each) for each in ids} == {16}
    assert ids[0] == readers.nameless(b"k" * 32, **asked) != readers.nameless(b"l" * 32, **asked)
