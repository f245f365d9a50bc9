"""`reactions articles import`, as it is typed. On both engines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from reactions.storage import tables
from tests import make
from tests.boxes import booth
from tests.imports.articles import samples
from tests.lengths import only_sqlite
from tests.make import ADA
from tests.web.terminal import Said, Terminal

BAD = samples.table("a,A,,,,,", ",B,,,,,", "c,C,,,,,yesterday")


@pytest.fixture
def terminal(tmp_path: Path, database_url: str) -> Iterator[Terminal]:
    make.site(database_url, time_zone="Europe/Berlin")
    with Terminal(tmp_path, database_url) as opened:
        yield opened


def import_(terminal: Terminal, content: bytes, *options: str) -> Said:
    file = terminal.folder / "articles"
    file.write_bytes(content)
    return terminal.type("articles", "import", "daily", str(file), *options)


def keys(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(tables.article.c.key)))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (samples.RSS, {"/news/tom-and-jerry", "/weather/über-regen%2F2"}),
        (samples.ATOM, {"/sport/goals", "/quiet"}),
        (samples.SITEMAP, {"/economy/pie"}),
        (samples.CSV, {"pie", "rain"}),
    ],
)
def test_each_format_is_found_out(terminal: Terminal, engine: Engine, content: bytes, found: set[str]) -> None:
    said = import_(terminal, content)

    number = f"{len(found)} article" + "s" * (len(found) > 1)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{number} read: {len(found)} new, 0 changed, 0 unchanged.\n"
    assert keys(engine) == found


def test_repeating_it_changes_nothing(terminal: Terminal) -> None:
    import_(terminal, samples.CSV)

    assert import_(terminal, samples.CSV).out == "2 articles read: 0 new, 0 changed, 2 unchanged.\n"


def test_a_file_with_a_bad_line_is_rejected_with_every_bad_line_named(terminal: Terminal, engine: Engine) -> None:
    said = import_(terminal, BAD)

    assert said.code == 1
    assert said.err.splitlines() == [
        "Line 3: has no url to take the article's key from.",
        "Line 4: published_at 'yesterday' is not a time such as 2026-03-01T07:30:00+01:00.",
        "Error: 2 of 3 articles cannot be imported, so nothing was. Correct the file, or import the rest with --partial.",
    ]
    assert keys(engine) == set()


def test_the_rest_of_a_bad_file_is_imported_when_asked_for(terminal: Terminal, engine: Engine) -> None:
    said = import_(terminal, BAD, "--partial")

    assert said.code == 0
    assert said.out == "1 article read: 1 new, 0 changed, 0 unchanged.\n"
    assert said.err.splitlines()[-1] == "2 lines left out."
    assert len(said.err.splitlines()) == 3
    assert keys(engine) == {"a"}


@only_sqlite
@pytest.mark.parametrize("options", [(), ("--partial",)])
@pytest.mark.parametrize("content", [samples.BOMB, samples.EXTERNAL, b"<rss>", b"hello", b"", samples.long_table(50_001)])
def test_a_file_that_is_none_is_refused_in_a_line(
    terminal: Terminal, engine: Engine, content: bytes, options: tuple[str, ...]
) -> None:
    said = import_(terminal, content, *options)

    assert said.code == 1
    assert said.err.startswith("Error: ")
    assert len(said.err.splitlines()) == 1
    assert "root:" not in said.err
    assert keys(engine) == set()


def test_the_key_and_the_section_are_chosen(terminal: Terminal, engine: Engine) -> None:
    assert import_(terminal, samples.RSS, "--key", "guid", "--section", "News", "--format", "rss").code == 0

    assert keys(engine) == {"cms-17", "https://daily.example/weather/%C3%BCber-regen%2F2"}
    with engine.connect() as connection:
        assert set(connection.scalars(select(tables.article.c.section))) == {"News"}


def test_a_missing_file_and_a_missing_site_are_said_in_a_line(terminal: Terminal) -> None:
    assert "No such file" in terminal.type("articles", "import", "daily", "nonesuch.xml").err
    file = terminal.folder / "rss.xml"
    file.write_bytes(samples.RSS)
    assert terminal.fail("articles", "import", "herald", str(file)) == "There is no site 'herald'."


@pytest.mark.parametrize(
    ("voted", "key"), [("https://daily.example/sport/goals", "url"), ("tag:daily.example,2026:goals", "guid")]
)
def test_keys_are_taken_from_where_they_have_votes(terminal: Terminal, engine: Engine, voted: str, key: str) -> None:
    booth(engine).cast(ADA, "like", seq=1, article=voted)

    said = import_(terminal, samples.ATOM)

    assert (said.code, said.err) == (0, "")
    assert said.out == "2 articles read: 1 new, 1 changed, 0 unchanged.\n"
    assert voted in keys(engine)


def test_titles_that_reach_no_article_with_votes_are_reported(terminal: Terminal, engine: Engine) -> None:
    daily = booth(engine)
    daily.cast(ADA, "like", seq=1, article="goals")
    daily.cast(ADA, "like", seq=1, article="quiet-day")
    daily.cast(ADA, "like", seq=1, article="withdrawn")
    daily.cast(ADA, None, seq=2, article="withdrawn")

    said = import_(terminal, samples.ATOM)

    assert said.code == 0
    assert said.err == (
        "Warning: none of these 2 has votes; 2 articles with votes have no title, such as 'goals'. "
        "Try another --key, or give the widget the keys of the file.\n"
    )
    assert import_(terminal, samples.table("goals,Five goals,,,,,")).err == ""
    assert import_(terminal, samples.ATOM).err.startswith("Warning: none of these 2 has votes; 1 article with votes has no title")


def test_one_bad_headline_does_not_block_the_others(terminal: Terminal, engine: Engine) -> None:
    said = import_(terminal, samples.table("a,A,,,,,", "b,B\u2028C,,,,,"), "--partial")

    assert said.code == 0
    assert said.err.splitlines()[0] == "Line 3: title contains U+2028, a control character or line separator."
    assert keys(engine) == {"a"}


FEED_OF_ONE = samples.table(",Cup final,https://www.example.org/sport/caf%C3%A9,,,,")


def voted(engine: Engine, *voted_keys: str) -> None:
    daily = booth(engine)
    for key in voted_keys:
        daily.cast(ADA, "like", seq=1, article=key)


def test_a_key_without_the_slash_of_the_path_is_found_by_itself(terminal: Terminal, engine: Engine) -> None:
    voted(engine, "sport/café")

    assert import_(terminal, FEED_OF_ONE).err == ""
    assert keys(engine) == {"sport/café"}


def test_the_option_that_would_make_keys_meet_is_named(terminal: Terminal, engine: Engine) -> None:
    voted(engine, "sport/café")

    said = import_(terminal, FEED_OF_ONE, "--key", "path")

    assert said.err.endswith("such as 'sport/café'. Add --key bare-path: with it, articles of the file have votes.\n")


@pytest.mark.parametrize(
    ("key", "how"),
    [
        ("/sport/café/", "slashes at its ends"),
        ("/sport/caf%C3%A9", "percent-encoding"),
        ("http://example.org/sport/café", "the scheme and host"),
        ("//www.example.org/sport/caf%c3%a9/", "the scheme and host and slashes at its ends and percent-encoding"),
    ],
)
def test_keys_that_all_but_meet_are_told_with_the_way_to_join_them(
    terminal: Terminal, engine: Engine, key: str, how: str
) -> None:
    voted(engine, "a-first", key)

    said = import_(terminal, FEED_OF_ONE)

    assert f"such as {key!r}. The file has '/sport/café', which differs from {key!r} only by {how}." in said.err
    join = shlex.split(re.search("`(.+)`", said.err)[1])  # type: ignore[index]
    assert join == ["reactions", "article", "merge", "daily", key, "/sport/café"]
    terminal.do(*join[1:])
    assert import_(terminal, FEED_OF_ONE).err == ""


def test_keys_of_other_articles_are_not_taken_for_near(terminal: Terminal, engine: Engine) -> None:
    voted(engine, "/sport/CAFÉ", "/sport", "sport/café/2", "https://[")

    assert import_(terminal, FEED_OF_ONE).err.endswith("Try another --key, or give the widget the keys of the file.\n")
