"""Completion as docs/operating.md has it: the script that the command prints, in the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reactions.commands import COMMANDS
from tests.databases import PROJECT

# What a shell does when the tab key is pressed, and prints what it then offers.
OFFERS = {
    "bash": "source {script}; COMP_WORDS=({words}); COMP_CWORD={last}; compopt() {{ :; }}; _reactions_completion reactions; "
    'printf "%s\\n" "${{COMPREPLY[@]}}"',
    "fish": 'source {script}; complete --do-complete "{words}"',
    # zsh's own functions work only while somebody types: they are replaced by one that prints.
    "zsh": "compdef() {{ :; }}; compadd() {{ print -l -- ${{(P)${{@[-1]}}}}; }}; "
    "_describe() {{ print -l -- ${{${{(P)3}}%%:*}}; }}; "
    "source {script}; words=({words}); CURRENT=$(({last}+1)); _reactions_completion",
}  # fmt: skip


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which `reactions` is this tree's command."""
    command = tmp_path / "reactions"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reactions "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(PROJECT), "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}


COMPLETED = {
    "reactions si": ["site"],
    "reactions site sig": ["signing-key"],
    "reactions export daily --gz": ["--gzip"],
    "reactions export daily all --format pa": ["parquet"],
    "reactions nothing": [],
}
# What differs from shell to shell is the script; what is offered is worked out in one place.
WORDS_OF_OTHERS = [(words, COMPLETED[words]) for words in ("reactions site sig", "reactions nothing")]


@pytest.mark.parametrize("shell", OFFERS)
def test_words_that_are_begun_are_completed(shell: str, environ: dict[str, str]) -> None:
    if not shutil.which(shell):
        pytest.skip(f"not installed (Debian: apt-get install {shell})")
    given = {**environ, "_REACTIONS_COMPLETE": f"{shell}_source"}
    script = Path(environ["HOME"]) / "completion"

    script.write_bytes(subprocess.run(["reactions"], env=given, capture_output=True, check=True).stdout)

    for words, expected in COMPLETED.items() if shell == "bash" else WORDS_OF_OTHERS:
        typed = OFFERS[shell].format(script=script, words=words, last=len(words.split()) - 1)
        done = subprocess.run([shell, "-c", typed], env=environ, capture_output=True, text=True, check=False, timeout=60)
        assert [line.split("\t")[0] for line in done.stdout.splitlines() if line] == expected, done.stderr


def test_the_first_word_is_completed_without_loading_the_service() -> None:
    asked = {"_REACTIONS_COMPLETE": "bash_complete", "COMP_WORDS": "reactions ", "COMP_CWORD": "1"}
    script = "import sys; from reactions.commands import main\ntry: main()\nexcept SystemExit: pass\n"
    loaded = "print(*sorted({'flask', 'sqlalchemy', 'marshmallow'} & set(sys.modules)))"

    said = subprocess.run(
        [sys.executable, "-c", script + loaded], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    ).stdout

    assert said == "".join(f"plain,{name}\n" for name in COMMANDS) + "\n"
