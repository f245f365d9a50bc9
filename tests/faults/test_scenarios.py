"""Every fault in a second or two. `make faults` plays them at length, and each on every engine that it can be played on."""

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

# What plays alike on both engines is played on one of them.
ON_ONE = {"F01": "postgresql", "F03": "sqlite", "F07": "sqlite", "F08": "postgresql", "F09": "sqlite", "I06": "postgresql"}
SHORT = [(name, store) for name, store in PLAYS if name != "F11-disk" and ON_ONE.get(name, store) == store]


@pytest.mark.parametrize(("name", "store"), SHORT)
def test_a_fault_breaks_no_promise(name: str, store: str, set_stage: SetStage) -> None:
    scenario, _ = SCENARIOS[name]

    report = scenario(set_stage(store), seconds=2 if name == "F10" else 1, clients=8, seed=7)

    assert not report.broken, str(report)


def test_a_full_disk_breaks_no_promise(tmp_path: Path, set_stage: SetStage) -> None:
    scenario, _ = SCENARIOS["F11-disk"]
    try:
        with small_disk(tmp_path):
            report = scenario(set_stage("sqlite"), seconds=1, clients=8, seed=7)
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
