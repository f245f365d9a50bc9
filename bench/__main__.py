"""`python -m bench votes|reads|ladder|production|all --seconds 5 --repeats 3 --json out.json`; `--quick` to see that it works.

`python -m bench exports`, `peers` and `growth` have options of their own.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from bench import cases, exports, growth, load, machine, report
from bench.cases import Outcome, Plan
from bench.peers import others
from bench.rounds import Turns
from bench.servers import Stand
from tests.command_line import CommandLine, at_least, file_to_write

_CASES = {"votes": cases.votes, "reads": cases.reads, "ladder": cases.ladder, "production": cases.production}
_OTHERS = {"exports": exports.main, "growth": growth.main, "peers": others.main}
_USUAL = {"seconds": 5, "repeats": 3, "patience": 30, "connections": [1, 32, 128], "engines": ["sqlite", "postgresql"]}
_TAKERS = {"connections": ("votes",), "engines": ("votes", "ladder")}  # the others choose these themselves
_QUICK = {"seconds": 1, "repeats": 1, "patience": 0, "connections": [32], "engines": ["sqlite"]}


def main() -> int:
    """Measure what was asked for and print it; 1 if a figure is void, 2 if nothing could be measured."""
    if sys.argv[1:2] and sys.argv[1] in _OTHERS:
        return _OTHERS[sys.argv[1]](sys.argv[2:])
    chosen = _arguments()
    try:
        load.wrk()
    except load.NoLoadGenerator as missing:
        print(missing, file=sys.stderr)
        return 2
    plan = _plan(chosen)
    machine.introduce()
    outcomes = _measure(list(_CASES) if chosen.case == "all" else [chosen.case], plan)
    if chosen.json:
        chosen.json.write_text(
            json.dumps(
                report.document(outcomes, machine=machine.description(), seconds=plan.turns.seconds, repeats=plan.turns.repeats),
                indent=2,
            )
        )
    return 1 if any(outcome.void for outcome in outcomes) else 0


def _measure(names: list[str], plan: Plan) -> list[Outcome]:
    outcomes = []
    with Stand() as stand:
        for name in names:
            for outcome in _CASES[name](stand, plan):
                print(report.table(outcome), flush=True)
                outcomes.append(outcome)
    return outcomes


def _plan(chosen: argparse.Namespace) -> Plan:
    usual = _QUICK if chosen.quick else _USUAL
    use: dict[str, Any] = {name: value if (said := getattr(chosen, name)) is None else said for name, value in usual.items()}
    return Plan(Turns(use["seconds"], use["repeats"], use["patience"]), use["connections"], use["engines"])


def _arguments() -> argparse.Namespace:
    parser = CommandLine(prog="python -m bench", description=__doc__)
    parser.add_argument("case", nargs="?", choices=[*_CASES, "all", *_OTHERS], default="all")
    parser.add_argument("--seconds", type=at_least(1), help="how long each turn takes (5)")
    parser.add_argument("--repeats", type=at_least(1), help="how many turns each has (3)")
    parser.add_argument("--patience", type=at_least(0), help="seconds for which a turn is repeated that others disturbed (30)")
    parser.add_argument("--connections", type=at_least(1), nargs="+", help="for votes (1 32 128)")
    parser.add_argument("--engines", nargs="+", choices=["sqlite", "postgresql"], help="for votes and ladder (both)")
    parser.add_argument(
        "--quick", action="store_true", help="one turn of a second, SQLite, 32 connections, unless said otherwise"
    )
    parser.add_argument("--json", type=file_to_write, help="file for the figures")
    chosen = parser.parse_args()
    if chosen.case in _OTHERS:
        parser.error(f"{chosen.case} comes first, and its own options after it")
    for option, takers in _TAKERS.items():
        if getattr(chosen, option) and chosen.case not in (*takers, "all"):
            parser.error(f"--{option} is for {' and '.join(takers)}; {chosen.case} has no choice of them")
    return chosen


if __name__ == "__main__":
    sys.exit(main())
