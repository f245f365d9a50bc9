"""The one reader of CSV: what spreadsheets and databases write is read alike, and what is torn is refused with its line."""

from __future__ import annotations

import gzip
import re
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions.exports import formats
from reactions.imports import sources
from reactions.imports.sources import Fault, Row, Source
from reactions.refusals import UnreadableImport
from tests.databases import PROJECT

PLAIN = "slug,title,likes\na,Crème brûlée,5\nb,,1\n"
ROWS = [{"slug": "a", "title": "Crème brûlée", "likes": "5"}, {"slug": "b", "title": "", "likes": "1"}]

FORMS = {
    "commas": PLAIN.encode(),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "a line sep=": b"sep=,\r\n" + PLAIN.replace("\n", "\r\n").encode(),
    "a line sep=;": b"SEP=;\n" + PLAIN.replace(",", ";").encode(),
    "a line sep=; in quotes": b'"sep=;"\r\n' + PLAIN.replace(",", ";").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "a mark and sep=": b"\xef\xbb\xbfsep=;\r\n" + PLAIN.replace(",", ";").encode(),
    "UTF-16 of Excel": PLAIN.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "Windows": PLAIN.replace("\n", "\r\n").encode(),
    "old Macs": PLAIN.replace("\n", "\r").encode(),
    "no line end at the end": PLAIN.rstrip().encode(),
    "quotes": b'"slug","title","likes"\n"a","Cr\xc3\xa8me br\xc3\xbbl\xc3\xa9e","5"\n"b","","1"\n',
    "quotes and tabs": b'"slug"\t"title"\t"likes"\n"a"\t"Cr\xc3\xa8me br\xc3\xbbl\xc3\xa9e"\t"5"\n"b"\t""\t"1"\n',
    "a comma in a quoted header": PLAIN.replace("title", '"title"').encode(),
    "empty columns": "slug,title,likes,,\na,Crème brûlée,5,,\nb,,1,,\n".encode(),
    "empty columns in the rows alone": "slug,title,likes\na,Crème brûlée,5,,\nb,,1,\n".encode(),
    "an empty column between": "slug,,title,likes\na,,Crème brûlée,5\nb,,,1\n".encode(),
    "empty rows": "\n\nslug,title,likes\n\na,Crème brûlée,5\n,,\n  ,,\nb,,1\n,,\n,,\n\n".encode(),
    "spaces around": "Slug , TITLE,likes\n a ,Crème brûlée , 5\nb,,1\n".encode(),
    "gzip": gzip.compress(PLAIN.encode()),
}


def read(content: bytes) -> list[Row | Fault]:
    return list(sources.read_table(Source(BytesIO(content)), lambda _: None))


def cells(content: bytes) -> list[dict[str, str | None]]:
    rows = read(content)
    assert [row for row in rows if isinstance(row, Fault)] == []
    return [dict(row.cells) for row in rows if isinstance(row, Row)]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_alike(form: str) -> None:
    assert cells(FORMS[form]) == ROWS


def test_lines_are_those_of_the_file() -> None:
    rows = read(b'sep=,\n\nslug,title\na,"one\ntwo"\n\n,,\nb,c\nd\n')

    assert [row.line for row in rows if isinstance(row, Row)] == [4, 8]
    assert rows[-1] == Fault("Line 9", "has 1 cell, but the header has 2.")


@pytest.mark.parametrize("separator", [",", "\t"])
def test_what_databases_write_for_nothing(separator: str) -> None:
    table = f"a{separator}b\nNULL{separator}x\n\\N{separator}\nnull{separator}NULL\n"

    assert cells(table.encode()) == [{"a": None, "b": "x"}, {"a": "null", "b": None}]


def test_a_table_of_mysql_batch() -> None:
    rows = cells(b'key\ttitle\tn\na\tHe said "no"\t1\nb\t"Quoted" twice\\nover\t2\nc\tC:\\\\new\\ttab\\0\t3\nd\t\\\\N\tNULL\n')

    assert [row["title"] for row in rows] == ['He said "no"', '"Quoted" twice\nover', "C:\\new\ttab\0", "\\N"]
    assert rows[-1]["n"] is None


TWICE = 'Within quotation marks, write each quotation mark twice ("").'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'a,b\n"x,1\ny,2\nz,3\n', f"Line 2: not CSV: the quotation mark of a cell is never closed. {TWICE}"),
        (b'a\tb\n"x\t1\ny\t2\n', f"Line 2: not CSV: the quotation mark of a cell is never closed. {TWICE}"),
        (b'sep=;\na;b\n"x"y;1\n', f"Line 3: not CSV: text follows the quotation mark that ends a cell. {TWICE}"),
        (b'a,b\nw,1\n"x,1\n' + b"y,2\n" * 50_000, "Line 3: not CSV: a cell has more than 131,072 characters. Is its quotation"),
        (b"a,b\nx,\xff\n", "Line 2: not UTF-8."),
        (b"a,b\r\rx,\xff\r", "Line 3: not UTF-8."),
        (b"x" * 100_000 + b"\n\xff", "Line 2: not UTF-8."),
        ("a,b\n".encode("utf-16") + b"\x00\xd8\n\x00", "Line 2: not UTF-16-LE."),
        ("a,b\nx,1\n".encode("utf-16-le"), "Line 1: not UTF-8, or UTF-16 without its byte order mark."),
        (b"PK\x03\x04\x14\0\6\0", "The file is a workbook or an archive. Save its table as CSV (UTF-8), and import that."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "The file is a workbook or an archive."),
        (b"", "Line 1: the file is empty"),
        (b"sep=;\n", "Line 2: the file is empty"),
        (b"a,b,a\n", "Line 1: the header has 'a' more than once."),
    ],
)
def test_what_is_torn_is_refused_with_its_line(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read(content)

    assert refusal.value.detail.startswith(why)


QUOTE = "Put cells that hold a separator into quotation marks."


def test_content_without_a_name_is_a_fault() -> None:
    assert read(b"a,,\n1,,x\n") == [Fault("Line 2", "has something in column 3, which has no name in the header.")]
    assert read(b"a\n1,x\n") == [Fault("Line 2", f"has 2 cells, but the header has 1. {QUOTE}")]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_what_our_exports_write_is_read_exactly(rows: list[list[str]]) -> None:
    columns = [formats.Column("a", "string", "", free=True), formats.Column("b", "string", "", free=True)]
    written = b"".join(formats.csv_lines(columns, [list(zip(*rows, strict=True))] if rows else []))

    (_, header), *found = sources.read_csv(Source(BytesIO(written)).lines(), place="Line")

    assert header == ["a", "b"]
    assert [[formats.text_of(cell) for cell in row] for _, row in found] == rows


def test_nothing_else_reads_csv() -> None:
    readers = [
        str(path.relative_to(PROJECT))
        for path in Path(PROJECT, "reactions").rglob("*.py")
        if re.search(r"csv\.(?:reader|DictReader)", path.read_text(encoding="utf-8"))
    ]

    assert readers == ["reactions/imports/sources.py"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1}\n\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('#filetype:JSON-streaming {"type":"Class"}\n{"a": 1}\n', {"a": 1}),
        ('#filetype:JSON-streaming {"type":"Class"}\n{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ("[1,\n2]", [1, 2]),
    ],
)
def test_json_is_one_value_or_one_a_line(text: str, value: object) -> None:
    assert sources.read_json(Source(BytesIO(text.encode()))) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('#filetype:JSON-streaming {}\n{"a": 1}\n{"a"\n', "Line 3: not JSON: "),
        ('{"a": 1}\n{"a": 2, "a": 3}\n', "The file is not strict JSON: the member 'a' stands twice in one object."),
        ('{"a": Infinity}', "The file is not strict JSON: Infinity is not a JSON number."),
        (r'{"a": "\ud800"}', "The file is not strict JSON: it is not UTF-8, or holds a lone surrogate."),
    ],
)
def test_json_that_is_not_strict_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        sources.read_json(Source(BytesIO(text.encode())))

    assert refusal.value.detail.startswith(why)


@pytest.mark.parametrize("packed", [False, True])
def test_json_is_read_up_to_a_size_however_it_is_cut_into_lines(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_WHOLE", 1000)
    lines = b'{"a": 1}\n' * 200

    with pytest.raises(UnreadableImport) as refusal:
        sources.read_json(Source(BytesIO(gzip.compress(lines) if packed else lines)))

    assert refusal.value.detail == "The file is larger than 1,000 bytes. Import it in parts."
