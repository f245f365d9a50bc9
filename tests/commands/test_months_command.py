"""`reactions db drop-months`, and what exports, the archive and editors are told afterwards. On both engines."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactions.exports import scope
from reactions.refusals import VotesDropped
from reactions.storage import partitions
from reactions.storage.engines import snapshot
from reactions.times import DAY_MS, HOUR_MS, now_ms, rfc3339
from reactions.votes import ledger, revising
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import Booth, booth, prepared
from tests.databases import PROJECT, product_environment
from tests.make import ADA, BEN, CIA
from tests.web.terminal import Terminal

OLD_MS = partitions.month_of(now_ms(), later=-4) + 5 * DAY_MS
START = rfc3339(partitions.month_of(now_ms(), later=-2))
KEEP_TWO = ("db", "drop-months", "--keep-months", "2")


@pytest.fixture
def daily(own_url: str, kind: str) -> Iterator[Booth]:
    with prepared(own_url) as engine:
        if kind == "in months":
            partitions.partition(engine, now_ms=OLD_MS - 40 * DAY_MS)
            partitions.keep_ahead(engine, now_ms=OLD_MS)
        yield booth(engine)


@pytest.fixture
def terminal(own_url: str, tmp_path: Path) -> Iterator[Terminal]:
    with Terminal(tmp_path, own_url) as opened:
        yield opened


def vote(daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=OLD_MS)
    daily.cast(BEN, "sad", seq=1, now_ms=now_ms() - DAY_MS)


def test_it_says_what_would_go_and_what_went(daily: Booth, terminal: Terminal, kind: str) -> None:
    vote(daily)

    planned = terminal.do(*KEEP_TWO, "--dry-run").splitlines()
    went = terminal.do(*KEEP_TWO).splitlines()

    if kind == "in months":
        assert planned[0].startswith("Before ")
        assert ": partition event_until_" in planned[0]
    else:
        assert planned == [f"Before {START}: events, in small steps."]
    assert [line.partition(":")[0] for line in went] == [line.partition(":")[0] for line in planned]
    assert sum(": 1 event dropped in " in line for line in went) == 1
    assert planned[-1].startswith(f"Before {START}: ")
    assert terminal.do(*KEEP_TWO) == "No month is old enough.\n"
    assert "2 votes recounted, 0 numbers differ." in terminal.do("verify")
    assert daily.shown() == {"like": 1, "sad": 1}
    assert terminal.type("db", "drop-months", "--keep-months", "0").code == 2


def test_exports_say_what_they_lack_and_refuse_what_they_have_not(daily: Booth, terminal: Terminal, tmp_path: Path) -> None:
    vote(daily)
    terminal.do(*KEEP_TWO)
    first, last = rfc3339(OLD_MS)[:10], rfc3339(OLD_MS + DAY_MS)[:10]

    said = terminal.type("export", "daily", "all", "--output", str(tmp_path / "all"))
    assert f"Single votes before {START} were dropped." in said.err
    assert (tmp_path / "all" / "votes.csv").read_text().count("\n") == 2
    assert json.loads((tmp_path / "all" / "datapackage.json").read_text())["reactions"]["votes_from_utc"] == START

    assert terminal.fail("export", "daily", "votes", "--from", first, "--to", last) == (
        f"Single votes before {START} were dropped. Articles and series still have that time."
    )
    said = terminal.type("export", "daily", "series", "--from", first, "--to", last)
    assert (said.code, said.out.count("\n")) == (0, 2)


def test_a_chain_of_exports_is_not_continued_with_a_hole(daily: Booth, terminal: Terminal, tmp_path: Path) -> None:
    vote(daily)
    with snapshot(daily.engine) as connection:
        old = scope.cursor_at(connection, daily.site, OLD_MS // HOUR_MS - 1).text(daily.site)
        recent = scope.cursor_at(connection, daily.site, now_ms() // HOUR_MS - 48).text(daily.site)
    terminal.do(*KEEP_TWO)

    assert terminal.fail("export", "daily", "votes", "--since", old).startswith(f"Single votes before {START} were dropped.")
    for since in ("beginning", recent):
        assert terminal.type("export", "daily", "votes", "--since", since).out.count("\n") == 2


def test_the_archive_keeps_what_the_database_has_no_more(daily: Booth, terminal: Terminal, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    vote(daily)
    folder = tmp_path / "archive"
    assert "written." in terminal.do("archive", "daily", str(folder))
    file = folder / "site=daily" / f"month={partitions.name_of(OLD_MS)}" / "votes.parquet"
    before = file.read_bytes()
    terminal.do(*KEEP_TWO)

    assert "closed months, archived before." in terminal.do("archive", "daily", str(folder), "--anew")
    assert file.read_bytes() == before
    assert "not written: its votes were dropped before." in terminal.do("archive", "daily", str(tmp_path / "another"))


def test_a_reset_of_a_dropped_month_cannot_be_undone_and_says_so(daily: Booth, terminal: Terminal) -> None:
    daily.cast(ADA, "like", seq=1, now_ms=OLD_MS)
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=OLD_MS + 5)
    revising.reset(editor, "hello")
    terminal.do(*KEEP_TWO)

    with pytest.raises(VotesDropped, match="cannot be undone"):
        revising.undo_reset(editor, "hello")


def test_the_process_is_killed_and_the_next_run_finishes(daily: Booth, terminal: Terminal) -> None:
    """By kill -9, at any moment of the run: in small steps, or while a partition goes."""
    daily.box.count([daily.ballot(make.reader(n), "like", seq=1, article=f"a{n % 9}", now_ms=OLD_MS + n) for n in range(900)])
    daily.cast(CIA, "sad", seq=1, now_ms=now_ms())
    command = [sys.executable, "-m", "reactions", *KEEP_TWO]
    given = {"data_dir": terminal.folder, "database_url": terminal.database_url, "secret": make.SECRET}
    for pause_s in (0.8, 1.2, 1.6):
        run = subprocess.Popen(
            command, env=product_environment(**given), cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(pause_s)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert "0 numbers differ" in terminal.do("verify")

    terminal.type(*KEEP_TWO)

    assert "901 votes recounted, 0 numbers differ." in terminal.do("verify")
    with snapshot(daily.engine) as connection:
        start: Any = ledger.start(connection)
        assert (rfc3339(start.at_ms), start.next_ms) == (START, None)
        assert len(connection.execute(ledger.EVENTS).all()) == 1
