"""The hot path reads a vote as the schema reads it, only faster: what it takes at once, the strict way takes too, and alike."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from reactions.web import hot_path, requests
from reactions.web.hot_path import _WIDGETS_BODY
from tests.lengths import amount, played_at_length

ARTICLES = st.one_of(
    st.text(st.characters(min_codepoint=9, max_codepoint=130), max_size=8), st.just("a" * 200), st.just("a" * 201)
)
REACTIONS = st.sampled_from(['"love"', "null", '""', '"LOVE"', '"a b"', '"-x"', "true", '"' + "x" * 33 + '"'])
READERS = st.sampled_from(["0" * 32, "f" * 31 + "g", "F" * 32, "0" * 31, "0" * 33])
SEQS = st.sampled_from(["0", "1", "007", "-1", "1e3", "1.0", "9" * 15, "9" * 16, "9" * 20, "", '"1"', "00"])
SPACES = st.sampled_from(["", "", "", " ", "\n"])


@played_at_length
@settings(max_examples=amount(1000, 3000), deadline=None)
@given(ARTICLES, REACTIONS, READERS, SEQS, SPACES, SPACES)
def test_what_is_read_at_once_is_what_the_schema_reads(
    article: str, reaction: str, reader: str, seq: str, before: str, after: str
) -> None:
    text = f'{before}{{"article":"{article}","reaction":{reaction},"reader":"{reader}","seq":{seq}}}{after}'
    body = text.encode()

    if _WIDGETS_BODY.fullmatch(body) is None:
        return
    strict = hot_path._body.load(requests.json_object(body))
    expected = (strict["article"], strict["reaction"], bytes.fromhex(strict["reader"]), strict["seq"], None, None)
    assert hot_path._read(body) == expected


def test_a_number_that_json_does_not_know_is_left_to_the_schema() -> None:
    """Found by the corpus: 007 was taken for 7."""
    with pytest.raises(ValidationError):
        hot_path._read(b'{"article":"a","reaction":"love","reader":"' + b"0" * 32 + b'","seq":007}')
