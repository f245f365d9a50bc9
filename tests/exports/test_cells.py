"""Text in cells: safe, and exactly the same once it is read."""

from __future__ import annotations

import csv
import io
import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions.exports import formats
from reactions.exports.columns import Column
from reactions.times import LATEST_MS

CHARACTERS = st.one_of(st.sampled_from("=+-@'\"\\;,\t\r\n\0u0 a＝＋－＠\u202e\ud800"), st.characters())


@given(st.text(CHARACTERS))
def test_every_text_comes_back_as_it_was(text: str) -> None:
    assert formats.text_of(formats.cell_of(text)) == text


@given(st.lists(st.text(CHARACTERS)))
def test_every_list_comes_back_as_it_was(names: list[str]) -> None:
    assert json.loads(formats.cell_of_names(names)) == names


@given(st.text(CHARACTERS))
def test_no_part_of_a_cell_begins_like_a_formula(text: str) -> None:
    for cell in (formats.cell_of(text), formats.cell_of_names([text])):
        parts = cell.replace("\t", ";").replace("\n", ";").replace("\r", ";").split(";")
        assert [part for part in parts if part.lstrip(" \"'").startswith(tuple("=+-@＝＋－＠")) and part != parts[0]] == []
        assert not parts[0].lstrip().startswith(tuple("=+-@＝＋－＠"))
        assert not cell.startswith(("\t", "\r", "\n"))
        cell.encode()


@pytest.mark.parametrize(
    "text", ["", "Cup final", "Züri: 3,5 %", "a\nb", "C:\\temp", "it's", "50-50", 'He said "no"', "😀", "שלום"]
)
def test_ordinary_text_stands_as_it_is(text: str) -> None:
    assert formats.cell_of(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("'tis", "''tis"),
        ("=C:\\x", "'=C:\\\\x"),
        ("a\0b", "'a\\u0000b"),
        ("a\r\nb", "'a\\u000d\nb"),
        ("a;=1", "'a\\u003b=1"),
    ],
)
def test_what_is_not_safe_is_marked(text: str, cell: str) -> None:
    assert formats.cell_of(text) == cell


NUMBERS = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**10), 10**10).map(lambda millionths: millionths / 10**6),
)
TEXTS = st.one_of(st.none(), st.text(CHARACTERS))


@given(st.lists(st.tuples(st.text(CHARACTERS), TEXTS, st.integers(-(2**63), 2**63 - 1), NUMBERS, NUMBERS, TEXTS, NUMBERS)))
def test_lines_are_those_of_the_csv_module(rows: list[tuple[object, ...]]) -> None:
    kinds = ("string", "string", "integer", "number", "number", "string", "number")
    columns = [Column(kind[0], kind, "", free=kind == "string") for kind in kinds]
    expected = io.StringIO(newline="")
    safe = [[formats.cell_of(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    csv.writer(expected).writerows([[column.name for column in columns], *safe])

    written = b"".join(formats.csv_lines(columns, [list(zip(*rows, strict=True))] if rows else []))

    assert written.decode() == expected.getvalue()


MOMENTS = st.one_of(st.none(), st.integers(0, LATEST_MS))


@given(st.lists(st.tuples(TEXTS, TEXTS, MOMENTS), min_size=1), st.sampled_from([1, 1000]))
def test_columns_of_hardly_any_repeats_are_written_like_all_others(rows: list[tuple[object, ...]], unit_ms: int) -> None:
    kinds = ("string", "string", "datetime")
    columns = [Column(kind, kind, "", free=kind == "string", precision_ms=unit_ms) for kind in kinds]
    batch = list(zip(*rows, strict=True))

    written = list(formats.csv_lines([column.changed(own=True) for column in columns], [batch]))

    assert written == list(formats.csv_lines(columns, [batch]))


def test_text_that_is_printed_and_has_no_semicolon_needs_a_mark_at_its_beginning_alone() -> None:
    """What columns of hardly any repeats rely on."""
    printed = "".join(character for character in map(chr, range(sys.maxunicode + 1)) if character.isprintable())

    assert formats.cell_of("a" + printed.replace(";", "")) == "a" + printed.replace(";", "")


def test_small_batches_are_sent_together() -> None:
    columns, batch = [Column("a", "string", "", free=True)], [["x" * 998]]

    header, *pieces = formats.csv_lines(columns, [batch] * 250)

    assert header == b"a\r\n"
    assert [len(piece) for piece in pieces] == [100_000, 100_000, 50_000]


def test_small_shares_are_written_as_python_writes_them() -> None:
    shares = [millionths / 10**6 for millionths in [*range(2000), *range(2000, 1_000_001, 997)]]
    shares += [-share for share in shares if share]

    written = b"".join(formats.csv_lines([Column("share", "number", "")], [[[*shares, None]]]))

    assert written.decode().split("\r\n")[1:] == [*map(repr, shares), '""', ""]


def test_the_only_cell_of_a_line_is_never_nothing_at_all() -> None:
    """An empty line would be no row to whoever reads the file."""
    written = b"".join(formats.csv_lines([Column("a", "string", "", free=True)], [[["b", None, "", "c,d"]]]))

    assert written == b'a\r\nb\r\n""\r\n""\r\n"c,d"\r\n'
