"""House rules that no other tool can express."""

from __future__ import annotations

import ast
import itertools
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactions import refusals
from reactions.refusals import Refusal
from reactions.web import problems

ROOT = Path(__file__).parent.parent
SOURCES = sorted(path for folder in ("reactions", "tests", "bench", "migrations") for path in (ROOT / folder).rglob("*.py"))
FUNCTION_LINES, FUNCTION_MEDIAN_LINES, FILE_LINES = 40, 10, 300
LONG_FILE_LINES = 450  # for a file whose docstring says why it is longer
LONG_FUNCTIONS = {"upgrade"}  # a migration lists tables


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """The name and the length in lines, less its docstring, of every function in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            yield node.name, node.end_lineno - first.lineno + 1  # type: ignore[operator]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_holds_one_idea(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    says_why = "The file is longer than" in (ast.get_docstring(ast.parse(source)) or "").replace("\n", " ")
    assert len(source.splitlines()) <= (LONG_FILE_LINES if says_why else FILE_LINES)
    too_long = {name: lines for name, lines in functions(path) if lines > FUNCTION_LINES and name not in LONG_FUNCTIONS}
    assert too_long == {}


def test_most_functions_are_short() -> None:
    lengths = [lines for path in SOURCES if "reactions" in path.parts for _, lines in functions(path)]
    assert statistics.median(lengths) < FUNCTION_MEDIAN_LINES


_BEFORE_A_PLURAL = re.compile(r" (?!has\b|is\b)(?:\w+ )?\w+s\b")


def _numbers_before_plurals(path: Path) -> Iterator[str]:
    """Where a count stands before a plural in an f-string. A limit in capitals is never 1."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        for number, text in itertools.pairwise(parts):
            if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant):
                told, form = ast.unparse(number.value), ast.unparse(number.format_spec) if number.format_spec else ""
                counts = "," in form or told.startswith("len(")
                if counts and _BEFORE_A_PLURAL.match(str(text.value)) and not told.rpartition(".")[2].isupper():
                    yield f"{path.relative_to(ROOT)}, line {node.lineno}: {told}{text.value}"


def test_a_count_and_its_noun_are_said_by_one_who_knows_that_there_may_be_one() -> None:
    """By `words.counted`, or by ngettext where the text is translated."""
    assert [each for path in SOURCES if "reactions" in path.parts for each in _numbers_before_plurals(path)] == []


def test_every_refusal_has_its_status_and_no_two_share_a_name() -> None:
    known = {kind for kind in vars(refusals).values() if isinstance(kind, type) and issubclass(kind, Refusal)} - {Refusal}

    assert set(problems.STATUS_OF) == known
    names = [name for _, name, _ in problems.STATUS_OF.values()]
    names += [name for name, _, _ in problems.BY_STATUS.values()] + list(problems.BY_NAME)
    assert len(names) == len(set(names)) == len(problems.ALL)


def test_lock_files_name_no_host_and_pin_by_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        pinned = re.findall(r"^[a-z0-9][\w.-]*(?:\[[\w,-]+\])?==", text, re.MULTILINE)

        assert "://" not in text
        assert len(pinned) > 20
        assert text.count("--hash=sha256:") >= len(pinned)


def test_every_pin_of_the_run_time_is_the_same_in_development() -> None:
    run, dev = ((ROOT / name).read_text(encoding="utf-8") for name in ("requirements.lock", "requirements-dev.lock"))
    pins = re.findall(r"^([\w.-]+==[\w.]+)", run, re.MULTILINE)

    assert pins
    assert [pin for pin in pins if pin not in dev] == []


def test_nothing_but_the_ballot_box_counts() -> None:
    assert importers("counting") == {"ballot_box", "apply"}


def importers(module: str) -> set[str]:
    """The modules that import one of `reactions`."""
    imports = re.compile(rf"^from reactions\.votes import .*\b{module}\b|^from reactions\.votes\.{module}\b", re.MULTILINE)
    return {path.stem for path in (ROOT / "reactions").rglob("*.py") if imports.search(path.read_text(encoding="utf-8"))}
