"""The oracles can see: each planted bug is reported, by the oracle that is there for it. `make faults` plants on others, too."""

from __future__ import annotations

import pytest

from tests import make
from tests.faults.client import Ballot, Sender, new_reader
from tests.faults.conftest import SetStage
from tests.faults.scenarios import SCENARIOS
from tests.lengths import amount, played_at_length
from tests.oracles import Attempt
from tests.service import METRICS_TOKEN

PLANTED = [
    ("check_then_act", "F06", "postgresql", "O2 double"),
    ("write_behind", "F02", "sqlite", "O1 lost"),
    ("second_transaction", "F01", "postgresql", "O3 drift"),
    ("hold_that_counts", "I06", "postgresql", "O9 holds"),
    ("release_that_counts_twice", "I06", "sqlite", "O3 drift"),
    ("rejection_that_forgets", "I06", "sqlite", "O9 holds"),
    ("foreign_token", "I06", "sqlite", "counted beyond the cap by another site's tokens"),
    ("deferred_begin", "F07", "sqlite", "share of ballots told to come again"),
]
ELSEWHERE = [
    ("check_then_act", "F06", "sqlite", "O2 double"),
    ("write_behind", "F04", "postgresql", "O1 lost"),
    ("second_transaction", "F01", "sqlite", "O3 drift"),
    ("hold_that_counts", "I06", "sqlite", "O3 drift"),
]


@played_at_length
@pytest.mark.parametrize(("plant", "scenario", "store", "oracle"), amount(PLANTED, [*PLANTED, *ELSEWHERE]))
def test_a_planted_bug_is_seen(plant: str, scenario: str, store: str, oracle: str, set_stage: SetStage) -> None:
    play, _ = SCENARIOS[scenario]

    report = play(set_stage(store, plant=plant), seconds=amount(1, 4), clients=amount(8, 16), seed=7)

    assert oracle in {promise.text for promise in report.broken}, str(report)


def test_a_bug_is_logged_and_the_log_tells_no_secret_and_no_reader(set_stage: SetStage) -> None:
    reader, log = new_reader(), list[Attempt]()

    with set_stage("sqlite", plant="stumbles").service(workers=1) as service:
        sender = Sender(service, log)
        sender.send(Ballot("front-page", reader, "like"))
        sender.close()
        logged = service.log()

    assert [(attempt.status, attempt.body["detail"]) for attempt in log] == [(500, "The fault was logged. Try again later.")]
    assert "a bug met 1 ballots" in logged
    as_bytes = repr(bytes.fromhex(reader))[2:-1]
    kept_quiet = {"secret": make.SECRET, "token": METRICS_TOKEN, "reader": reader, "reader's bytes": as_bytes}
    told = [name for name, text in kept_quiet.items() if text in logged or text.replace("\\", "\\\\") in logged]
    assert told == []
