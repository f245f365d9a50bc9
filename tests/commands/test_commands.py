"""The `reactions` command: sites, reaction sets, articles, tables and checks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from reactions import __version__
from reactions.commands import COMMANDS, database
from reactions.newsroom import reaction_sets
from reactions.settings import NAMES
from reactions.storage.engines import writing
from reactions.web import widget
from tests import make
from tests.lengths import only_sqlite
from tests.make import ADA, BEN
from tests.web.asking import counts, problem, row, vote
from tests.web.conftest import MakeApp
from tests.web.terminal import Terminal

ROW = "👍 like, 👎 dislike, ❤️ love, 😂 funny, 😠 angry, 😢 sad, 😮 wow"


@pytest.fixture
def bare_terminal(tmp_path: Path, bare_database_url: str) -> Iterator[Terminal]:
    """A terminal at an empty database."""
    opened = Terminal(tmp_path, bare_database_url)
    yield opened
    opened.close()


def shown(name: str = "The Weekly", origins: str = "https://weekly.example", zone: str = "UTC", **others: str) -> str:
    """What `site show` prints before the snippet."""
    fields = {
        "key": "weekly", "name": name, "origins": origins, "time zone": zone, "articles": "open, at most 10,000 new ones a day",
        "reader scope": "article", "reactions": ROW, "retired": "none", **others,
    }  # fmt: skip
    return "".join(f"{field:14}{value}\n" for field, value in fields.items())


def snippet(address: str = "http://127.0.0.1:8000") -> str:
    return (
        f'<script async src="{address}/widget/v1.js"></script>\n'
        '<reader-reactions site="weekly" article="/PATH/OF/THE/ARTICLE"></reader-reactions>\n\n'
        "To pin the script, use this line instead:\n\n"
        f'<script async src="{address}/widget/{widget.version()}.js" integrity="{widget.integrity()}" '
        'crossorigin="anonymous"></script>\n'
    )


ADD = ("site", "add", "weekly", "--name", "The Weekly", "--origin", "https://weekly.example")


def test_adding_a_site_prints_what_to_paste(terminal: Terminal) -> None:
    said = terminal.do(*ADD, public_url="https://reactions.example")

    assert said == (
        f"Site weekly added. Paste this where the reactions should appear:\n\n{snippet('https://reactions.example')}"
        "\nReports count days in UTC. To count them where your readers live, before the first report: reactions site set weekly "
        "--time-zone Europe/Berlin\n"
    )
    assert "UTC" not in terminal.do(*ADD[:2], "berlin", *ADD[3:], "--time-zone", "Europe/Berlin")
    terminal.do("site", "remove", "berlin", "--yes")
    assert terminal.do("site", "list") == "weekly                   The Weekly  (https://weekly.example)\n"
    assert terminal.do("site", "show", "weekly").startswith(shown()[:60])
    assert snippet() in terminal.do("site", "show", "weekly")


def test_a_site_is_changed_in_what_is_said_and_the_rest_stays(terminal: Terminal) -> None:
    terminal.do(*ADD)

    told = terminal.do(
        "site", "set", "weekly", "--name", "Weekly", "--origin", "https://A.example/", "--origin", "https://b.example"
    )
    terminal.do("site", "set", "weekly", "--time-zone", "Europe/Berlin", "--new-articles-per-day", "5")

    assert "name          Weekly\norigins       https://a.example, https://b.example\ntime zone     UTC\n" in told
    shown = terminal.do("site", "show", "weekly")
    assert "time zone     Europe/Berlin\nlanguage      en (English)\narticles      open, at most 5 new ones a day\n" in shown
    assert terminal.type("site", "set", "weekly").code == 2


def test_a_site_is_added_with_a_reaction_set_of_its_own(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[[reaction]]\nkey = "clap"\nemoji = "👏"\nlabel = "Clap"\n', encoding="utf-8")

    terminal.do(*ADD, "--reactions", str(file))

    assert (
        terminal.do("set", "show", "weekly") == '[[reaction]]\nkey = "clap"\nemoji = "👏"\nmood = 0\nlabel = { "en" = "Clap" }\n'
    )


def test_what_is_shown_of_a_set_can_be_edited_and_applied(terminal: Terminal, tmp_path: Path) -> None:
    terminal.do(*ADD)
    file = tmp_path / "edited.toml"
    before = terminal.do("set", "show", "weekly")
    file.write_text(before.replace('"Like"', '"Agree"').replace("👍", "🤝"), encoding="utf-8-sig")  # as Windows saves it

    said = terminal.do("set", "apply", "weekly", str(file))

    assert reaction_sets.from_toml(before) == make.reactions()
    assert said.startswith(f"weekly offers: {ROW.replace('👍', '🤝')}\n\nChanged:\n")
    assert "  offered: + 🤝 like  - 👍 like\n" in said
    assert terminal.do("set", "show", "weekly") == file.read_text(encoding="utf-8-sig")


@only_sqlite
def test_no_change_of_a_set_loses_a_count(make_app: MakeApp, terminal: Terminal, tmp_path: Path) -> None:
    client = make_app(site_memory_s=0, counts_memory_s=0).test_client()
    vote(client, reaction="love", reader=ADA)
    vote(client, reaction="sad", reader=BEN)
    only_love = tmp_path / "love.toml"
    only_love.write_text('[[reaction]]\nkey = "love"\nemoji = "💙"\nlabel = "Adore"\n', encoding="utf-8")

    def told(*words: str) -> dict[str, int]:
        terminal.do("set", *words)
        counted: dict[str, int] = counts(client, ["a"]).get_json()["articles"][0]["counts"]
        return {key: n for key, n in counted.items() if n} | {"offered": len(counted)}

    assert told("rename", "daily", "love", "Adore") == {"love": 1, "sad": 1, "offered": 7}
    assert told("rename", "daily", "love", "Ich liebe es", "--lang", "de") == {"love": 1, "sad": 1, "offered": 7}
    assert told("order", "daily", "sad", "love") == {"sad": 1, "love": 1, "offered": 7}
    assert told("retire", "daily", "sad") == {"love": 1, "offered": 6}
    assert told("revive", "daily", "sad") == {"sad": 1, "love": 1, "offered": 7}
    assert told("apply", "daily", str(only_love)) == {"love": 1, "offered": 1}
    assert told("revive", "daily", "sad") == {"love": 1, "sad": 1, "offered": 2}
    assert row(client, "a", lang="de").get_json()["reactions"] == [
        {"key": "love", "label": "Adore", "emoji": "💙", "count": 1},
        {"key": "sad", "label": "Traurig", "emoji": "😢", "count": 1},
    ]
    assert terminal.do("verify") == "2 votes recounted, 0 numbers differ.\n"


@only_sqlite
def test_voting_on_an_article_is_ended_and_opened_again(client: FlaskClient, terminal: Terminal) -> None:
    vote(client, article="caf\u00e9", reader=ADA)

    closed = terminal.do("article", "close", "daily", "cafe\u0301")
    refused = vote(client, article="caf\u00e9", reader=BEN)
    reopened = terminal.do("article", "reopen", "daily", "caf\u00e9")
    counted = vote(client, article="caf\u00e9", reader=BEN)

    assert (closed, reopened) == ("Voting on cafe\u0301 has ended.\n", "Voting on caf\u00e9 is open again.\n")
    detail = "Voting on this article has ended. Its counts stay visible."
    assert refused.json == problem("article-closed", 409, "Voting has ended", detail, "#/article")
    assert counted.get_json()["total"] == 2


def test_a_closed_article_shows_its_counts(make_app: MakeApp, terminal: Terminal) -> None:
    client = make_app(counts_memory_s=0).test_client()
    vote(client, article="a")
    terminal.do("article", "close", "daily", "a")

    assert (row(client, "a").get_json()["open"], row(client, "a").get_json()["total"]) == (False, 1)


def test_tables_are_made_checked_and_removed(bare_terminal: Terminal) -> None:
    assert bare_terminal.fail("db", "check") == (
        "The tables are not those of this version. `reactions db upgrade` upgrades them."
    )
    assert bare_terminal.do("db", "upgrade") == "The tables were upgraded.\n"
    assert bare_terminal.do("db", "upgrade") == "The tables are up to date.\n"
    assert bare_terminal.do("db", "check") == "The tables are those of this version.\n"
    assert bare_terminal.do("db", "downgrade", "base", "--yes") == "The tables are at base.\n"
    assert bare_terminal.type("db", "check").code == 1
    assert bare_terminal.do("db", "upgrade") == "The tables were upgraded.\n"


def test_tables_are_not_removed_without_a_yes(terminal: Terminal) -> None:
    terminal.do(*ADD)

    said = terminal.type("db", "downgrade", "base")

    assert said.code == 1
    assert terminal.do("site", "list").startswith("weekly")


def test_a_revision_nobody_knows_is_named_in_one_line(terminal: Terminal) -> None:
    assert terminal.fail("db", "downgrade", "9999", "--yes").startswith("There is no revision '9999'. There are: 0001, ")


def test_tables_of_a_newer_version_are_left_alone(terminal: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")

    assert terminal.fail("db", "upgrade").startswith(
        "The tables are at revision 9999, which a newer version of the service made."
    )
    assert terminal.type("db", "check").out == "The tables are at revision 9999, that of a newer version of the service.\n"


def test_the_recount_says_that_all_is_well_or_what_is_not(make_app: MakeApp, terminal: Terminal, engine: Engine) -> None:
    client = make_app().test_client()
    vote(client, reaction="love", reader=ADA)
    vote(client, reaction="love", reader=BEN)
    well = terminal.type("verify")
    with writing(engine) as connection:
        connection.exec_driver_sql("update tally set n = 3 where reaction = 'love'")

    tampered = terminal.type("verify")

    assert (well.code, well.out) == (0, "2 votes recounted, 0 numbers differ.\n")
    assert tampered.code == 1
    assert "reaction='love', served=3, recounted=2, folded=2, hourly=2" in tampered.out
    assert tampered.out.endswith("2 votes recounted, 1 number differs.\n")


def test_a_recount_that_stops_says_how_to_go_on_and_finds_the_same(
    make_app: MakeApp, terminal: Terminal, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_ARTICLES", 2)
    client = make_app().test_client()
    for number in range(5):
        vote(client, article=f"article-{number}", reaction="love", reader=ADA)
    with writing(engine) as connection:
        connection.exec_driver_sql("update tally set n = 7 where article_id = (select max(article_id) from tally)")

    said = [terminal.type("verify", "--within", "0")]
    while "Not finished" in said[-1].out:
        said.append(terminal.type(*said[-1].out.rpartition("reactions ")[2].split(), "--within", "0"))

    assert [each.code for each in said] == [3, 3, 1]
    assert [each.out.partition(" ")[0] for each in said[:2]] == ["2", "2"]
    assert "served=7, recounted=1" in said[-1].out
    assert terminal.type("verify").out.endswith("5 votes recounted, 1 number differs.\n")


@only_sqlite
def test_a_recount_whose_database_fails_is_not_a_difference(terminal: Terminal, engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("drop table imported_amount")

    stopped = terminal.type("verify")

    assert (stopped.code, stopped.out) == (3, "")
    assert stopped.err.startswith("Error: The database reported an error: no such table: imported_amount.")


@only_sqlite
def test_settings_are_shown_all_and_secrets_not(terminal: Terminal) -> None:
    canaries = {"secret": "canary-1" * 4, "metrics_token": "canary-2", "limiter_url": "redis://:canary-3@h/0"}

    said = terminal.do("settings", **canaries, database_url="postgresql://u:canary-4@h/d", oidc_client_secret="canary-5")

    lines = {name: value.strip("'") for name, value in (line.split(maxsplit=1) for line in said.splitlines())}
    assert list(lines) == NAMES
    assert "canary" not in said
    assert (lines["secret"], lines["metrics_token"], lines["workers"]) == ("(set)", "(set)", "1")
    assert (lines["limiter_url"], lines["database_url"]) == ("redis://***@h/0", "postgresql://***@h/d")


@only_sqlite
def test_the_command_says_its_version_and_what_it_can(terminal: Terminal) -> None:
    assert terminal.do("--version") == f"reactions, version {__version__}\n"
    assert "What's your reaction?" in terminal.do("-h")
    for name in COMMANDS:
        assert terminal.do(name, "--help").startswith(f"Usage: reactions {name} ")


def test_the_version_is_said_without_loading_the_service() -> None:
    script = (
        "import sys; from reactions.commands import main; sys.argv[1:] = ['--version']\ntry: main()\nexcept SystemExit: pass\n"
    )
    loaded = "print(*sorted({'flask', 'sqlalchemy', 'marshmallow'} & set(sys.modules)))"

    said = subprocess.run([sys.executable, "-c", script + loaded], capture_output=True, text=True, check=True).stdout

    assert said == f"reactions, version {__version__}\n\n"


@only_sqlite
def test_an_empty_list_says_so(terminal: Terminal) -> None:
    assert terminal.do("site", "list") == "none yet\n"
    terminal.do(*ADD)
    assert terminal.do("key", "list", "weekly") == "none yet\n"
    assert terminal.do("webhooks", "list", "weekly") == "none yet\n"
    assert terminal.do("import", "list", "weekly") == "none yet\n"
