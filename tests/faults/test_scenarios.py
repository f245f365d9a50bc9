"""Every fault in a few seconds. `python -m tests.faults` plays them for as long as one likes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import wait_until
from tests.faults.client import Load, one_try
from tests.faults.conftest import SetStage
from tests.faults.crashes import more_acknowledged
from tests.faults.limiter import AWAY
from tests.faults.scenarios import PLAYS, SCENARIOS
from tests.faults.storage import small_disk


@pytest.mark.parametrize(("name", "store"), [play for play in PLAYS if play[0] != "F11-disk"])
def test_a_fault_breaks_no_promise(name: str, store: str, set_stage: SetStage) -> None:
    scenario, _ = SCENARIOS[name]

    report = scenario(set_stage(store), seconds=2, clients=16, seed=7)

    assert not report.broken, str(report)


def test_a_full_disk_breaks_no_promise(tmp_path: Path, set_stage: SetStage) -> None:
    scenario, _ = SCENARIOS["F11-disk"]
    try:
        with small_disk(tmp_path):
            report = scenario(set_stage("sqlite"), seconds=2, clients=16, seed=7)
    except PermissionError:
        pytest.skip("only root may mount a small disk; F11 limits the file instead")

    assert not report.broken, str(report)


def test_the_limiters_alarm_ends_although_a_worker_died_meanwhile(set_stage: SetStage) -> None:
    stage = set_stage("sqlite")

    with (
        stage.service(workers=2, settings={"limiter_retry_s": 0.2}) as service,
        Load([service], one_try, clients=4, seed=7) as load,
    ):
        more_acknowledged(load, 20)
        stage.redis.stop(immediate=True)
        try:
            wait_until(lambda: f"{AWAY} 1.0" in service.metrics(), why="the alarm is raised")
            for _ in service.pids():  # whichever of them raised it
                service.kill_worker()
                more_acknowledged(load, 20)
        finally:
            stage.redis.start()

        wait_until(lambda: f"{AWAY} 0.0" in service.metrics(), why="the alarm ends")
