"""What goes wrong at the command line is one clear line on standard error and an exit code that is not 0."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.databases import PROJECT, SqliteFiles, product_environment
from tests.engines import free_port
from tests.web.terminal import Terminal

SITE = ("site", "add", "weekly", "--name", "The Weekly", "--origin", "https://weekly.example")


@pytest.fixture
def terminal(tmp_path: Path, sqlite_files: SqliteFiles) -> Iterator[Terminal]:
    opened = Terminal(tmp_path, sqlite_files.copy_to(tmp_path))
    yield opened
    opened.close()


KEY_RULE = "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."
REFUSED = [
    (("site", "show", "nobody"), "There is no site 'nobody'."),
    (("site", "set", "nobody", "--name", "x"), "There is no site 'nobody'."),
    (("set", "show", "nobody"), "There is no site 'nobody'."),
    (("article", "close", "nobody", "a"), "There is no site 'nobody'."),
    (("site", "add", "The Weekly", "--name", "x", "--origin", "https://a.example"), KEY_RULE),
    ((*SITE, "--origin", "a.example"), "'a.example' is no origin. Write https://www.example.org, without a path."),
    ((*SITE, "--time-zone", "Berlin"), "'Berlin' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ((*SITE, "--new-articles-per-day", "-1"), "new_articles_per_day is a number from 0 to 2,147,483,647."),
    ((*SITE, "--name", "a\nb"), "A site's name has 1 to 200 printable characters."),
]


@pytest.mark.parametrize(("words", "line"), REFUSED)
def test_what_the_domain_refuses_is_said_in_one_line(terminal: Terminal, words: tuple[str, ...], line: str) -> None:
    assert terminal.fail(*words) == line


def test_what_a_known_site_refuses_is_said_in_one_line(terminal: Terminal, tmp_path: Path) -> None:
    terminal.do(*SITE)
    broken, wrong, binary = tmp_path / "broken.toml", tmp_path / "wrong.toml", tmp_path / "binary.toml"
    broken.write_text("[[reaction")
    wrong.write_text("reaction = [1]")
    binary.write_bytes(b"\xff\xfe")

    assert terminal.fail(*SITE) == "The site weekly already exists. `reactions site set weekly` changes it."
    assert terminal.fail("set", "retire", "weekly", "nope").startswith("This site has no reaction 'nope'. It has: like, dislike,")
    assert terminal.fail("set", "rename", "weekly", "like", "") == (
        "like: a label has 1 to 60 printable characters and a language such as en."
    )
    assert terminal.fail("set", "order", "weekly", "nope").startswith("This site has no reaction 'nope'.")
    assert terminal.fail("set", "apply", "weekly", str(broken)).startswith("The reaction set is not TOML: ")
    assert terminal.fail("set", "apply", "weekly", str(wrong)).startswith("Reaction 1 must be a [[reaction]] table")
    assert terminal.fail("set", "apply", "weekly", str(binary)) == f"{binary} cannot be read: it is not UTF-8."
    assert terminal.fail("set", "apply", "weekly", str(tmp_path)) == f"{tmp_path} cannot be read: Is a directory."
    assert terminal.fail("set", "apply", "weekly", "none.toml") == "none.toml cannot be read: No such file or directory."
    assert terminal.fail("article", "close", "weekly", "unheard") == "weekly has no article 'unheard'."
    assert terminal.fail("article", "close", "weekly", " a") == "An article key must not start or end with a space."
    assert terminal.fail("article", "close", "weekly", "k" * 201) == "An article key has 1 to 200 characters; this one has 201."


def test_tables_that_are_missing_are_named_with_what_makes_them(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, f"sqlite:///{tmp_path / 'bare.db'}")

    for words in (SITE, ("site", "list"), ("verify",), ("set", "show", "weekly")):
        line = terminal.fail(*words)

        assert line.startswith("The database reported an error: ")
        assert line.endswith("Has `reactions db upgrade` been run?")


ENGINES = "database_url: write sqlite:////path/to/file.db or postgresql://user:password@host/database."
PATH_ALONE = "database_url: name a path and nothing else, as in sqlite:////path/to/file.db."
DATABASES = {
    "an engine that is not served": ("mysql://h/d", ENGINES),
    "no address": ("nonsense", ENGINES),
    "another driver": ("postgresql+asyncpg://u:hunter2@h/d", ENGINES),
    "a file on a host": ("sqlite://host/reactions.db", PATH_ALONE),
    "an option of a file": ("sqlite:////tmp/a.db?foo=bar", PATH_ALONE),
    "a port that there is not": ("postgresql://u:hunter2@h:99999/d", "database_url: a port is a number from 1 to 65535."),
    "an option that is a number": (
        "postgresql://h/d?connect_timeout=2s",
        "database_url: connect_timeout is a number (it is '2s').",
    ),
    "in memory": ("sqlite://", "database_url: in memory nothing would last. Name a file, as in sqlite:////path/to/file.db."),
    "in memory, by name": ("sqlite:///:memory:", "database_url: in memory nothing would last."),
    "a folder that does not exist": ("sqlite:////no/such/folder/a.db", "No such file or directory"),
    "a server that is not there": (
        "postgresql://u:hunter2@127.0.0.1:{port}/d",
        "Is database_url right, and may this user use it?",
    ),
    "a host that is not there": ("postgresql://u:hunter2@nobody.invalid/d", "Is database_url right, and may this user use it?"),
}


@pytest.mark.parametrize("name", DATABASES)
def test_a_database_that_cannot_be_used_is_said_in_one_line(terminal: Terminal, name: str) -> None:
    url, said = DATABASES[name]

    for words in (("db", "upgrade"), ("serve",), ("site", "list")):
        line = terminal.fail(*words, database_url=url.format(port=free_port()), bind=f"127.0.0.1:{free_port()}")

        assert said in line or "unable to open database file" in line
        assert "hunter2" not in line


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://:hunter2@127.0.0.1/0?nonsense=1", "an option that Redis does not have: 'nonsense'."),
        ("redis://:hunter2@127.0.0.1/0?db=x", "Invalid value for 'db' in connection URL."),
        ("rediss://:hunter2@127.0.0.1/0?ssl_cert_reqs=maybe", "Invalid SSL Certificate Requirements Flag: maybe"),
    ],
)
def test_an_address_of_redis_that_cannot_be_used_is_said_in_one_line(terminal: Terminal, url: str, said: str) -> None:
    line = terminal.fail("site", "list", limiter_url=url)

    assert line.startswith(f"limiter_url: {said}")
    assert "hunter2" not in line


def test_a_file_that_is_no_database_is_said_in_one_line(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 100)

    assert "file is not a database" in terminal.fail("db", "upgrade", database_url=f"sqlite:///{tmp_path}/text.db")


def test_settings_that_cannot_be_used_stop_every_command(terminal: Terminal) -> None:
    for words in (("serve",), ("db", "upgrade"), ("site", "list"), ("settings",), ("verify",), ("demo",)):
        assert terminal.fail(*words, threads="many") == "threads: Not a valid integer. (it is 'many')"


def test_a_server_that_is_not_served_is_named(terminal: Terminal) -> None:
    assert terminal.fail("serve", server="waitress") == "server: Must be one of: gunicorn, granian. (it is 'waitress')"
    assert terminal.fail("serve", server="granian", worker_class="gthread") == (
        "worker_class: gthread is one of gunicorn's. Set server to gunicorn, or leave worker_class out."
    )


def test_several_workers_with_a_limiter_of_one_are_refused_at_the_start(terminal: Terminal) -> None:
    assert terminal.fail("serve", workers=2).startswith("limiter_url: memory:// counts for one process only")


HINT = "Stop what listens there, or choose another address: REACTIONS_BIND=127.0.0.1:8080 (demo: --bind)."


def test_a_port_in_use_is_said_at_once(terminal: Terminal) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"

        assert terminal.fail("serve", bind=bind) == f"bind: {bind} cannot be used: Address already in use. {HINT}"
        assert terminal.fail("demo", "--bind", bind) == f"bind: {bind} cannot be used: Address already in use. {HINT}"


@pytest.mark.parametrize(
    "bind", ["192.0.2.1:8000", "no-such-host.invalid:8000", "a..b:8000", "[::ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80"]
)
def test_an_address_that_is_not_ours_is_said_at_once(terminal: Terminal, bind: str) -> None:
    line = terminal.fail("serve", bind=bind)

    assert line.startswith(f"bind: {bind} cannot be used: ")
    assert line.endswith(HINT)


def test_a_socket_whose_folder_is_missing_is_said_at_once(terminal: Terminal) -> None:
    assert terminal.fail("serve", bind="unix:/no/such/folder/a.sock") == "bind: /no/such/folder is not writable."


def test_a_data_folder_that_cannot_be_made_is_said_at_once(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "folder"

    for words in (("serve",), ("demo", "--bind", f"127.0.0.1:{free_port()}"), ("db", "upgrade")):
        line = terminal.fail(*words, data_dir=folder, database_url="", bind=f"127.0.0.1:{free_port()}")

        assert line == f"data_dir: {folder} cannot be made: Not a directory."


@contextmanager
def somebody_without_rights() -> Iterator[None]:
    """Root may write everywhere, so it becomes somebody else for a while."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_data_folder_that_cannot_be_written_is_said_at_once(terminal: Terminal) -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    terminal.do("settings")

    with somebody_without_rights():
        without_secret = terminal.fail("db", "upgrade", data_dir=folder, database_url="", secret="")
        with_secret = terminal.fail("db", "upgrade", data_dir=folder, database_url="")
    folder.rmdir()

    assert without_secret == f"data_dir: {folder / 'secret'} cannot be read or written: Permission denied."
    assert with_secret == f"{folder}/reactions.db.migrating: Permission denied."


def test_a_reader_who_stops_reading_is_no_fault(tmp_path: Path) -> None:
    environ = product_environment(data_dir=tmp_path)
    script = f"{sys.executable} -m reactions openapi | head -c 10"

    done = subprocess.run(script, shell=True, cwd=PROJECT, env=environ, capture_output=True, text=True, timeout=60)

    assert (len(done.stdout), done.stderr) == (10, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sites", "list"), "No such command: sites. Did you mean site?"),
        (("servee",), "No such command: servee. Did you mean serve"),
        (("start",), "No such command: start. Did you mean serve?"),
        (("key", "create"), "No such command: create. Did you mean add?"),
        (("import", "wline"), "No such command: wline. Did you mean waline"),
        (("article", "zzz"), "No such command: zzz. There are: close, delete, hide, merge, move, reopen, reset, restore, show."),
        (("site", "set", "a", "--orgin", "https://a.example"), "No such option: --orgin. Did you mean --origin"),
        (("article", "close", "--yess", "a", "b"), "No such option: --yess. There is: --help."),
        (("--zzz",), "No such option: --zzz. There are: --version, --help."),
    ],
)
def test_what_there_is_not_is_answered_with_the_nearest(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    refused = terminal.type(*words)

    assert refused.code == 2
    assert said in refused.err


def test_an_article_is_opened_as_people_type_it(terminal: Terminal) -> None:
    terminal.do(*SITE)
    refused = terminal.fail("article", "open", "weekly", "nope")

    assert refused == terminal.fail("article", "reopen", "weekly", "nope")
    assert "open  " not in terminal.do("article", "--help").replace("reopen  ", "")
