"""What is tried at length says in one line why a command line plays or measures nothing, and ends at once with code 2."""

from __future__ import annotations

import sys

import pytest

from bench import __main__ as bench
from bench import trust
from tests import engine_plays
from tests.faults import __main__ as faults
from tests.mutants import __main__ as mutants

MAINS = {"tests.faults": faults.main, "tests.mutants": mutants.main, "bench": bench.main, "bench.trust": trust.main}
NUMBER = "is not a whole number of 1 or more"
WRONG = [
    ("tests.faults", "I05 --store postgresql", "I05 is played on sqlite only, not on postgresql"),
    ("tests.faults", "F04 --store sqlite", "F04 is played on postgresql only, not on sqlite"),
    ("tests.faults", "F99", "argument scenario: invalid choice: 'F99' (choose from 'F01', "),
    ("tests.faults", "F01 --store mysql", "argument --store: invalid choice: 'mysql' (choose from 'sqlite', "),
    ("tests.faults", "F01 --clients 0", f"argument --clients: '0' {NUMBER}"),
    ("tests.faults", "F01 --seconds nan", "argument --seconds: 'nan' is not a number of 0 or more"),
    ("tests.faults", "F01 --json nowhere/at/all.json", "argument --json: 'nowhere/at/all.json' is a folder, or in none"),
    ("tests.mutants", "rulse", "argument targets: invalid choice: 'rulse' (choose from 'rules', "),
    ("tests.mutants", "--most -1", "argument --most: '-1' is not a whole number of 0 or more"),
    ("bench", "vote", "argument case: invalid choice: 'vote' (choose from 'votes', 'reads', 'ladder', 'production', 'all', "),
    ("bench", "--quick exports", "exports comes first, and its own options after it"),
    ("bench", "votes --seconds 0", f"argument --seconds: '0' {NUMBER}"),
    ("bench", "votes --repeats -1", f"argument --repeats: '-1' {NUMBER}"),
    ("bench", "votes --connections 1 ²", f"argument --connections: '²' {NUMBER}"),
    ("bench", "votes --engines mysql", "argument --engines: invalid choice: 'mysql' (choose from 'sqlite', 'postgresql')"),
    ("bench", "reads --engines postgresql", "--engines is for votes and ladder; reads has no choice of them"),
    ("bench", "production --engines sqlite", "--engines is for votes and ladder; production has no choice of them"),
    ("bench", "ladder --connections 8", "--connections is for votes; ladder has no choice of them"),
    ("bench exports", "--events 0", f"argument --events: '0' {NUMBER}"),
    ("bench exports", "--engines", "argument --engines: expected at least one argument"),
    ("bench growth", "--articles 0", f"argument --articles: '0' {NUMBER}"),
    ("bench growth", "--minutes -1", "argument --minutes: '-1' is not a number of 0 or more"),
    ("bench growth", "--svg .", "argument --svg: '.' is a folder, or in none"),
    ("bench peers", "--peers", "argument --peers: expected at least one argument"),
    ("bench peers", "--peers remark", "argument --peers: invalid choice: 'remark' (choose from "),
    ("bench.trust", "sources --only IPv5", "--only 'IPv5' is in the name of no source: one IPv4 /32, "),
]


@pytest.mark.parametrize(("program", "words", "fault"), WRONG)
def test_what_would_play_or_measure_nothing_says_why(
    program: str, words: str, fault: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, *sub = program.split()
    monkeypatch.setattr(sys, "argv", [module, *sub, *words.split()])

    with pytest.raises(SystemExit) as ended:
        MAINS[module]()

    printed, said = capsys.readouterr()
    assert ended.value.code == 2
    assert said.startswith(f"python -m {program}: {fault}")
    assert (said.count("\n"), printed) == (1, "")


def test_a_word_that_is_in_no_promise_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert engine_plays.main(["redis", "mysql"]) == 2

    assert capsys.readouterr() == ("", "python -m tests.engine_plays: 'mysql' is in none of the promises\n")
