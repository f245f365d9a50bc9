"""What each tool's files bring. On both engines."""

from __future__ import annotations

import gzip
import json

import pytest
from sqlalchemy import Engine

from tests.imports.totals import samples
from tests.imports.totals.conftest import ImportFile, faults, imported
from tests.lengths import only_sqlite

WALINE = ("--reaction", "0=like", "--reaction", "reaction1=sad")
RAIN_AND_SUN = {"/rain": {"love": 7}, "/sun/": {"love": 2}}

CASES = {
    "Varient, phpMyAdmin": ("varient", samples.VARIENT_CSV, (), samples.VARIENT_COUNTS),
    "Varient, rows": ("varient", samples.VARIENT_ROWS, (), samples.VARIENT_COUNTS),
    "Varient, mysql --batch": ("varient", samples.VARIENT_BATCH, (), samples.VARIENT_COUNTS),
    "Varient, packed": ("varient", gzip.compress(samples.VARIENT_CSV.encode()), (), samples.VARIENT_COUNTS),
    "Varient, BOM": ("varient", b"\xef\xbb\xbf" + samples.VARIENT_CSV.encode(), (), samples.VARIENT_COUNTS),
    "Waline, SQLite": ("waline", samples.WALINE_SQLITE, WALINE, samples.WALINE_COUNTS),
    "Waline, JSON": ("waline", samples.WALINE_JSON, WALINE, samples.WALINE_COUNTS),
    "Waline, its API": ("waline", samples.WALINE_ADMIN, WALINE, samples.WALINE_COUNTS),
    "Waline, LeanCloud": ("waline", samples.WALINE_LEANCLOUD, WALINE, samples.WALINE_COUNTS),
    "Waline, LeanCloud's lines": ("waline", samples.WALINE_LEANCLOUD_LINES, WALINE, samples.WALINE_COUNTS),
    "Waline, JSON lines": ("waline", samples.WALINE_LINES, WALINE, samples.WALINE_COUNTS),
    "Waline, CSV": ("waline", samples.WALINE_CSV, WALINE, samples.WALINE_COUNTS),
    "Waline, paths without a slash": (
        "waline", '[{"url": "2021/05/08/hello/", "reaction0": 3}, {"url": "/2021/b?x=1", "reaction0": 1}]', WALINE,
        {"2021/05/08/hello/": {"like": 3}, "/2021/b": {"like": 1}},
    ),
    "Artalk": (
        "artalk", samples.ARTALK, ("--reaction", "vote_up=like", "--reaction", "vote_down=dislike"),
        {"/news/rain.html": {"like": 5, "dislike": 1}, "/sun": {"like": 1}},
    ),
    "Disqus, one": ("disqus", json.dumps(samples.DISQUS_ONE), ("--article", "rain"), {"rain": {"like": 5, "love": 2, "wow": 1}}),
    "Disqus, many": ("disqus", samples.DISQUS, (), {"/rain": {"like": 5, "love": 2, "wow": 1}}),
    "WP ULike": ("ulike", samples.ULIKE, (), {"12": {"like": 2}, "7": {"dislike": 1}}),
    "Open Heart, one": ("open-heart", samples.OPEN_HEART, ("--article", "rain"), {"rain": {"like": 14, "love": 12}}),
    "Open Heart, many": ("open-heart", samples.OPEN_HEARTS, (), {"/rain": {"love": 3}, "/sun": {"like": 1}}),
    "applause": ("applause", samples.APPLAUSE, ("--reaction", "claps=love"), RAIN_AND_SUN),
    "applause, no hosts": (
        "applause", '[{"url": "2021/rain.html", "claps": 3}, {"url": "sun.html", "claps": 2}, {"url": "a.example", "claps": 1}]',
        ("--reaction", "claps=love"), {"/2021/rain.html": {"love": 3}, "/sun.html": {"love": 2}, "/": {"love": 1}},
    ),
    "applause, DynamoDB": ("applause", samples.APPLAUSE_DYNAMO, ("--reaction", "claps=love"), RAIN_AND_SUN),
    "Lyket, one": ("lyket", samples.LYKET_ONE, (), {"rain": {"like": 4}}),
    "Lyket, many": (
        "lyket", samples.LYKET_MANY, ("--reaction", "claps=love", "--key", "{namespace}/{id}"),
        {"news/rain": {"like": 4}, "news/sun": {"love": 2}},
    ),
    "Lyket, rank": ("lyket", samples.LYKET_RANK, ("--reaction", "claps="), {"rain": {"like": 4}}),
}  # fmt: skip


@only_sqlite
@pytest.mark.parametrize("case", CASES)
def test_a_file_of_a_tool_brings_its_totals(import_file: ImportFile, engine: Engine, case: str) -> None:
    tool, content, options, expected = CASES[case]

    said = import_file(tool, content, *options)

    assert (said.code, said.err) == (0, "")
    assert imported(engine) == expected
    assert faults(engine) == []


@pytest.mark.parametrize(
    ("mapping", "content", "expected"),
    [
        (samples.MAPPING_WIDE, samples.WIDE, {"news/rain": {"like": 3, "love": 1}, "news/sun": {"love": 2}}),
        (samples.MAPPING_ROWS, samples.ROWS, {"/rain": {"like": 3, "love": 1}, "/sun": {"love": 2}}),
    ],
    ids=["a column each", "a row each"],
)
def test_any_table_is_imported_with_a_mapping(
    import_file: ImportFile, engine: Engine, tmp_path: object, mapping: str, content: str, expected: object
) -> None:
    file = tmp_path / "mapping.toml"  # type: ignore[operator]
    file.write_text(mapping, encoding="utf-8")

    said = import_file("csv", content, "--mapping", str(file))

    assert (said.code, said.err) == (0, "")
    assert imported(engine) == expected


def test_keys_are_made_by_a_template(import_file: ImportFile, engine: Engine) -> None:
    import_file("waline", samples.WALINE_CSV, *WALINE, "--key", "news/{slug}")

    assert imported(engine) == {"news/rain": {"like": 3}, "news/über": {"sad": 2}}


def test_a_key_may_be_a_path_without_its_slashes(import_file: ImportFile, engine: Engine) -> None:
    claps = '[{"url": "https://daily.example/sport/cup-final/", "claps": 4}]'

    import_file("applause", claps, "--reaction", "claps=love", "--key", "{bare_path}")

    assert imported(engine) == {"sport/cup-final": {"love": 4}}


def test_two_of_theirs_may_be_one_of_ours(import_file: ImportFile, engine: Engine) -> None:
    import_file("varient", samples.VARIENT_CSV, "--reaction", "love=like", "--reaction", "sad=")

    assert imported(engine) == {"12": {"like": 7, "wow": 1}, "2": {"like": 1}}
