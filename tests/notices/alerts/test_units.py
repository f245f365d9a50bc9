"""The timers and the units that they start, as far as they can be checked where no systemd runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reactions.commands import cli
from reactions.settings import NAMES, PREFIX
from tests.databases import PROJECT

DEPLOY = PROJECT / "deploy"
PROGRAM = "/opt/reactions/bin/reactions"
UNITS = ("reactions-alerts", "reactions-digest@")
MOST_EXPOSED = 2.0


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.fixture(params=UNITS)
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A unit with a program that is here, and its timer; a template has an instance."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for kind in ("service", "timer"):
        path = tmp_path / f"{request.param}.{kind}"
        path.write_text(text(path.name).replace(PROGRAM, sys.executable), encoding="utf-8")
    return tmp_path / f"{request.param}.service"


def test_systemd_understands_the_unit_and_its_timer(unit: Path) -> None:
    names = [str(unit).replace("@.", "@daily.").replace(".service", kind) for kind in (".service", ".timer")]
    said = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, cwd=unit.parent)

    assert (said.returncode, said.stderr) == (0, "")


def test_the_unit_leaves_the_command_little_to_break(unit: Path) -> None:
    asked = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout

    exposure = re.search(r"Overall exposure level .*?: ([\d.]+)", said)

    assert exposure
    assert float(exposure[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_runs_a_command_that_exists_as_the_services_user(name: str) -> None:
    unit, service = text(f"{name}.service"), text("reactions.service")
    started = re.search(rf"^ExecStart={PROGRAM} (.+)$", unit, re.MULTILINE)

    assert started
    command, *words = shlex.split(started[1])
    known = cli.get_command(click.Context(cli), command)
    assert known
    options = {option for parameter in known.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    for line in (
        "DynamicUser=yes",
        "User=reactions",
        "StateDirectory=reactions",
        "Environment=REACTIONS_DATA_DIR=/var/lib/reactions",
    ):
        assert line in unit.splitlines()
        assert line in service.splitlines()
    assert {found.lower() for found in re.findall(rf"\b{PREFIX}([A-Z][A-Z_]+)", unit)} <= set(NAMES)


@pytest.mark.parametrize("name", UNITS)
def test_the_timer_says_a_time_that_systemd_understands(name: str) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    times = re.findall(r"^(?:#   )?OnCalendar=(.+)$", text(f"{name}.timer") + text(f"{name}.service"), re.MULTILINE)

    assert times
    for time in times:
        subprocess.run(["systemd-analyze", "calendar", time], check=True, capture_output=True)
