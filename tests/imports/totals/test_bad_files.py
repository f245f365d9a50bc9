"""Files that cannot be imported: a line, a reason, an exit code that is not 0, and nothing changed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from reactions.storage import engines
from tests.databases import SqliteFiles
from tests.imports.totals import samples
from tests.imports.totals.conftest import ImportFile, everything


@pytest.fixture
def database_url(sqlite_files: SqliteFiles, tmp_path: object) -> str:
    """SQLite alone: a file is refused before the database is asked."""
    return sqlite_files.copy_to(tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def engine(database_url: str) -> Engine:
    engine = create_engine(database_url)
    engines.prepare(engine)
    return engine


HEADER = "post_id,re_like\n"
LONG = HEADER + "".join(f"{number},{number}\n" for number in range(5000))
TORN = gzip.compress(LONG.encode())[:-3000]
FLIPPED = bytearray(gzip.compress(LONG.encode()))
FLIPPED[5000] ^= 0xFF

BAD = {
    "unknown reaction": ("varient", "post_id,re_like,re_omg\na,1,0\nb,1,2\n", "Line 3: has 2 of 'omg', and nothing says which"),
    "no mapping": ("waline", samples.WALINE_CSV, "Line 2: has 3 of '0', and nothing says which reaction that is."),
    "negative": ("varient", HEADER + "a,1\nb,-4\n", "Line 3: like is -4, and no total is less than 0."),
    "overflow": ("varient", HEADER + "a,2147483648\n", "Line 2: like is 2147483648, more than 2,147,483,647."),
    "huge": ("varient", HEADER + f"a,{'9' * 5000}\n", "Line 2: like is 9999"),
    "fraction": ("varient", HEADER + "a,1.5\n", "Line 2: like is '1.5', which is not a whole number."),
    "words": ("varient", HEADER + "a,many\n", "Line 2: like is 'many', which is not a whole number."),
    "other digits": ("varient", HEADER + "a,٣\n", "Line 2: like is '٣', which is not a whole number."),
    "encoding": ("varient", HEADER.encode() + b"a,1\n\xfcber,2\n", "Error: Line 3: not UTF-8."),
    "UTF-16 without its mark": ("varient", (HEADER + "a,1\n").encode("utf-16-le"), "Line 1: not UTF-8, or UTF-16 with"),
    "torn UTF-16": ("varient", (HEADER + "a,1\n").encode("utf-16")[:-1], "Error: Line 2: not UTF-16-LE."),
    "twice": ("varient", HEADER + "a,1\nb,1\na,2\n", "Line 4: 'a' has like already, from line 2. --add-up adds up"),
    "twice, and 0": ("varient", HEADER + "a,0\na,2\n", "Line 3: 'a' has like already, from line 2."),
    "torn gzip": ("varient", TORN, "the gzip file cannot be unpacked: it ends too early."),
    "damaged gzip": ("varient", bytes(FLIPPED), "the gzip file cannot be unpacked: it is damaged."),
    "wrong header": ("varient", "id,name\n1,x\n", "Error: Line 1: the columns are id, name. Varient's reactions have"),
    "header twice": ("varient", "post_id,re_like,re_like\n", "Error: Line 1: the header has 're_like' more than once."),
    "cells": ("varient", HEADER + "a,1,2\n", "Line 2: has 3 cells, but the header has 2. Put cells"),
    "quotes": ("varient", HEADER + 'a,"1\n', "Error: Line 2: not CSV: the quotation mark of a cell is never closed."),
    "NUL": ("varient", HEADER + "a\0b,1\n", "U+0000"),
    "shortened": ("varient", HEADER + "1.23457E+14,1\n", "Line 2: has the post_id 1.23457E+14, a number that a spreadsheet has"),
    "no key": ("varient", HEADER + ",1\n", "Line 2: has no post_id."),
    "long key": ("varient", HEADER + f"{'k' * 300},1\n", "Line 2: An article key has 1 to 200 characters; this one has 300."),
    "empty": ("varient", "", "Error: Line 1: the file is empty"),
    "only a header": ("varient", HEADER, "Error: The file holds no reaction at all."),
    "only zeros": ("varient", HEADER + "a,0\n", "Error: The file holds no reaction at all."),
    "no JSON": ("applause", "{", "Error: Line 1: not JSON: Expecting property name"),
    "no JSON later": ("applause", '{"url": "a", "claps": 1}\n{"url": "b", "claps": \n', "Error: Line 2: not JSON"),
    "deep": ("applause", "[" * 100_000, "Error: The file is not strict JSON: it is nested too deeply."),
    "digits": ("open-heart", f'{{"a": {{"👍": {"9" * 5000}}}}}', "not strict JSON: a number in it is too long."),
    "NaN": ("open-heart", '{"a": {"👍": NaN}}', "Error: The file is not strict JSON: NaN is not a JSON number."),
    "true": ("open-heart", '{"a": {"👍": true}}', "Answer 1: 👍 is 'True', which is not a whole number."),
    "list": ("open-heart", '["👍"]', "Error: An Open Heart answer is an object"),
    "no article": ("open-heart", '{"👍": 3}', "Answer 1: '👍' has no object of emoji and counts."),
    "member twice": ("open-heart", '{"a": {"👍": 1, "👍": 2}}', "the member '👍' stands twice in one object."),
    "emoji twice": ("open-heart", '{"a": {"❤": 1, "❤️": 2}}', "Answer 1: has one emoji twice"),
    "unknown emoji": ("open-heart", '{"a": {"🥨": 1}}', "Answer 1: has 1 of '🥨', and nothing says which reaction that is."),
    "no counters": ("waline", '{"data": {"Comment": []}}', "Error: The file has no counters"),
    "no url": ("waline", '[{"reaction0": 1}]', "Counter 1: has no url."),
    "claps": ("applause", samples.APPLAUSE, "Item 1: has 7 of 'claps', and nothing says which reaction that is."),
    "no item": ("applause", "[3, null]", "Item 1: has no url and claps."),
    "no artrans": ("artalk", '[{"vote_up": "1"}]', "Comment 1: has no page_key"),
    "artalk, no mapping": ("artalk", samples.ARTALK, "Comment 1: has 3 of 'vote_up', and nothing says which reaction that is."),
    "no reactions": ("disqus", '{"/rain": {"response": {}}}', "Answer 1: '/rain' has no list of reactions with text and votes."),
    "one answer": ("disqus", json.dumps(samples.DISQUS_ONE), "add --article KEY."),
    "disqus, another text": ("disqus", samples.DISQUS.replace("Love", "Hate"), "has 2 of 'hate', and nothing says which"),
    "ulike's comments": ("ulike", "comment_id,status\n1,like\n", "Error: Line 1: the columns are comment_id, status."),
    "ulike's status": ("ulike", "post_id,status\n1,meh\n", "Line 2: has 1 of 'meh', and nothing says which reaction"),
    "up and down": ("lyket", json.dumps(samples.lyket("a", -3, "score")), "Button 1: has neither total_likes nor total_claps."),
    "no button": ("lyket", "[1]", "Button 1: has no id and attributes"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_refused_with_its_line_and_reason_and_changes_nothing(
    import_file: ImportFile, engine: Engine, case: str
) -> None:
    tool, content, told = BAD[case]
    import_file("varient", samples.VARIENT_CSV)
    before = everything(engine)

    said = import_file(tool, content)

    assert said.code == 1
    assert said.out == ""
    assert told in said.err
    assert "Traceback" not in said.err
    assert all(len(line) < 400 for line in said.err.splitlines())
    assert everything(engine) == before


@pytest.mark.parametrize("tool", ["varient", "waline"])
@pytest.mark.parametrize("dump", samples.DUMPS)
def test_an_sql_dump_is_refused_with_what_to_do_instead(import_file: ImportFile, dump: str, tool: str) -> None:
    said = import_file(tool, samples.DUMPS[dump])

    assert said.code == 1
    assert said.err.startswith("Error: This is an SQL dump. Export the one table as CSV instead: docs/import.md has a line for")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--reaction", "like=joy"), "This site has no reaction 'joy'."),
        (("--reaction", "like"), "'like' is not a pair."),
        (("--key", "{slug}"), "there is no {slug}. The names are: post_id, re_like"),
        (("--key", "news/{post-id}"), "there is no {post-id}. The names are: post_id, re_like"),
        (("--key", "news/{ post_id }"), "there is no { post_id }. The names are: post_id, re_like"),
        (("--key", "news/{post_id"), "a brace stands alone in it. A name is written as {post_id}."),
        (("--key", "news/{{post_id}}"), "a brace stands alone in it. A name is written as {post_id}."),
        (("--source", "Old Blog"), "a name has 1 to 64 of a-z"),
    ],
)
def test_a_bad_option_is_refused(import_file: ImportFile, engine: Engine, options: tuple[str, ...], told: str) -> None:
    before = everything(engine)

    said = import_file("varient", HEADER + "a,1\n", *options)

    assert said.code != 0
    assert told in said.err
    assert everything(engine) == before


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("key =", "The mapping is not TOML"),
        ("\ufeffkey =", "The mapping is not TOML: Invalid value (at end of document)."),  # and not of its byte order mark
        ("key = '\udcff'", "The mapping is not UTF-8."),
        ('[reactions]\na = "like"', 'The mapping needs key = "{slug}"'),
        ('key = "{a}"', "The mapping needs"),
        ('key = "{a}"\nkeys = "x"\n[reactions]\na = "like"', "The mapping has 'keys'."),
        ('key = "{a}"\nreaction = "r"\n[reactions]\na = "like"', "reaction and total go together"),
        ('key = "{a}"\n[reactions]\nb = "like"', "Line 1: there is no column 'b', which the mapping names."),
        ('key = "{a}"\n[reactions]\nn = "joy"', "This site has no reaction 'joy'."),
    ],
)
def test_a_bad_mapping_is_refused(import_file: ImportFile, tmp_path: object, mapping: str, told: str) -> None:
    file = tmp_path / "mapping.toml"  # type: ignore[operator]
    file.write_text(mapping, encoding="utf-8", errors="surrogateescape")

    said = import_file("csv", "a,n\nx,1\n", "--mapping", str(file))

    assert said.code == 1
    assert told in said.err


def test_a_row_without_what_its_key_is_made_of_is_named(import_file: ImportFile, tmp_path: Path, engine: Engine) -> None:
    before = everything(engine)
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('key = "news/{slug}"\n[reactions]\nn = "like"\n')

    said = import_file("csv", "slug,n\na,1\n,2\nNULL,3\n", "--mapping", str(mapping))
    front_page = '[{"url": "https://daily.example/", "claps": 1}]'
    at_root = import_file("applause", front_page, "--key", "news/{slug}", "--reaction", "claps=love")

    assert said.err.splitlines()[:2] == [
        "Line 3: has no slug, and the key is made of it: news/{slug}.",
        "Line 4: has no slug, and the key is made of it: news/{slug}.",
    ]
    assert at_root.err.startswith("Item 1: has no slug, and the key is made of it: news/{slug}.")
    assert everything(engine) == before


def test_faults_are_told_up_to_a_number(import_file: ImportFile) -> None:
    said = import_file("varient", HEADER + "a,x\n" * 1000)

    assert len(said.err.splitlines()) == 21
    assert said.err.splitlines()[-1].endswith("so nothing was. These are the first.")


def test_sums_beyond_the_most_are_refused(import_file: ImportFile) -> None:
    said = import_file("varient", HEADER + "a,2147483647\na,1\n", "--add-up")

    assert "Line 3: The sum of like is 2,147,483,648, more than 2,147,483,647." in said.err
