"""The promises of counting, kept by granian too, in short."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests import make
from tests.engines import wait_until
from tests.faults.client import Load, first_vote
from tests.faults.conftest import SetStage
from tests.faults.crashes import f02_service_killed, more_acknowledged
from tests.faults.stage import Report, Stage
from tests.service import Service, running_service

ACKNOWLEDGED = re.compile(r'^reactions_ballots_total\{outcome="acknowledged"\} (\S+)$', re.MULTILINE)


@pytest.fixture
def stage(set_stage: SetStage) -> Stage:
    on_granian = set_stage("sqlite")
    on_granian.server = "granian"
    return on_granian


def test_no_acknowledged_vote_is_lost_when_a_worker_is_killed_and_when_the_service_ends_in_order(stage: Stage) -> None:
    report = Report("granian", stage.store)
    with stage.service(workers=2) as service:
        with Load([service], first_vote, clients=8, seed=7) as load:
            more_acknowledged(load, 50)
            assert service.kill_worker() is not None
            more_acknowledged(load, 50)
            wait_until(lambda: len(service.pids()) == 2, why="the worker is replaced")
            seen = load.acknowledged()
            counted = float(ACKNOWLEDGED.search(service.metrics())[1])  # type: ignore[index]
            service.stop()
        stage.judge(report, load.log)

    assert counted >= seen
    assert not report.broken, str(report)


def test_no_acknowledged_vote_is_lost_when_the_service_is_killed(stage: Stage) -> None:
    report = f02_service_killed(stage, seconds=1, clients=8, seed=7)

    assert not report.broken, str(report)


def test_workers_end_when_their_parent_is_killed(stage: Stage) -> None:
    with running_service(stage.url, server="granian") as service:
        (worker,) = map(psutil.Process, service.pids())

        os.kill(worker.ppid(), signal.SIGKILL)

        wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, why="the worker ends")


def test_a_proxy_on_a_unix_socket_is_believed_and_a_socket_left_behind_is_replaced(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "s.sock"
    settings = {"bind": f"unix:{path}", "trusted_proxies": "unix", "votes_per_network": "1/hour"}
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with running_service(stage.url, server="granian", settings=settings, kind=OnSocket):
        statuses = [vote(path, number, f"192.0.2.{address}") for number, address in enumerate((1, 2, 2))]

    assert statuses == [200, 200, 429]


class OnSocket(Service):
    """A service that listens on a Unix socket."""

    def _ready(self) -> bool:
        path = Path(self._environ["REACTIONS_BIND"].removeprefix("unix:"))
        try:
            return vote(path, 1000, "192.0.2.100") == 200
        except OSError:
            return False


def vote(path: Path, number: int, address: str) -> int:
    connection = http.client.HTTPConnection("localhost")
    with socket.socket(socket.AF_UNIX) as connection.sock:
        connection.sock.settimeout(10)
        connection.sock.connect(str(path))
        body = json.dumps({"article": "a", "reaction": "like", "reader": make.reader(number), "seq": 1})
        headers = {"Content-Type": "application/json", "Origin": make.ORIGIN, "X-Forwarded-For": address}
        connection.request("PUT", "/v1/sites/daily/vote", body, headers)
        return connection.getresponse().status
