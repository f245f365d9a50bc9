"""What is typed wrong beside a command's words is one line with how to write it, exit code 2, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lengths import only_sqlite
from tests.web.terminal import Terminal

pytestmark = only_sqlite

DAY = "is not a day. Write it as 2025-11-25."
WRONG = [
    ("export daily votes --from 2026-02-30", f"Invalid value for '--from': '2026-02-30' {DAY}"),
    ("export daily votes --to yesterday", f"Invalid value for '--to': 'yesterday' {DAY}"),
    ("digest daily --day 2026-13-01", f"Invalid value for '--day': '2026-13-01' {DAY}"),
    ("digest daily --day ٢٠٢٦-٠١-٠١", f"Invalid value for '--day': '٢٠٢٦-٠١-٠١' {DAY}"),
    ("import views daily - --from ga4 --day 20260101", f"Invalid value for '--day': '20260101' {DAY}"),
    ("holds release daily --until 2026-03-29T02:30", "Invalid value for '--until': 2026-03-29T02:30 has no offset. Write it as "),
    ("verify --above 99999999999999999999", "Invalid value for '--above': '99999999999999999999' is not the id of an article."),
    ("verify --above ²", "Invalid value for '--above': '²' is not the id of an article."),
    ("verify --within nan", "Invalid value for '--within': 'nan' is not a number of seconds from 0 up."),
    ("verify --within 10s", "Invalid value for '--within': '10s' is not a number of seconds from 0 up."),
    ("db drop-months --keep-months 99999999999999999999", "Invalid value for '--keep-months': 99999999999999999999 is not in"),
    ("export daily votes --output=", "Invalid value for '-o' / '--output': the path is empty."),
    ("digest daily --html=", "Invalid value for '--html': the path is empty."),
    ("site add x --name x --origin https://x.example --reactions=", "Invalid value for '--reactions': the path is empty."),
    ("export daily", "Missing argument '{articles|series|votes|all}'. Choose from: articles, series, votes, all"),
    ("key add daily", "Missing option '--scope'. Choose from: read, write, review, keys, admin"),
    ("digest daily --to editor@daily.example", "--to is for mail: add --smtp."),
    ("demo --bind unix:/tmp/demo.sock", "The demo is for a browser: give it a port, as in --bind 127.0.0.1:8000."),
]


@pytest.mark.parametrize(("words", "line"), WRONG)
def test_what_is_typed_wrong_is_said_in_one_line(terminal: Terminal, words: str, line: str) -> None:
    said = terminal.type(*words.split(" "))

    usage, hint, empty, told = said.err.splitlines()
    assert (said.code, said.out, empty) == (2, "", "")
    assert usage.startswith("Usage: reactions ")
    assert hint.startswith("Try ")
    assert told.startswith(f"Error: {line}")


def test_an_empty_folder_is_not_the_one_that_one_is_in(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())

    for words in (("export", "daily", "all", "-o", ""), ("archive", "daily", ""), ("set", "apply", "daily", "")):
        assert "the path is empty." in terminal.type(*words).err
    assert sorted(tmp_path.iterdir()) == before
