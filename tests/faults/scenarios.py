"""The list of scenarios, by the name they are run under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from tests.faults import clicks, crashes, limiter, privacy, storage, trust
from tests.faults.stage import Report, Stage

BOTH = ("sqlite", "postgresql")


class Scenario(Protocol):
    """A play: `seconds` is how long evidence is gathered, not what correctness depends on."""

    def __call__(self, stage: Stage, *, seconds: float, clients: int, seed: int) -> Report: ...


SCENARIOS: Mapping[str, tuple[Scenario, tuple[str, ...]]] = {
    "F01": (crashes.f01_worker_killed, BOTH),
    "F02": (crashes.f02_service_killed, BOTH),
    "F03": (crashes.f03_dies_after_commit, BOTH),
    "F04": (crashes.f04_database_stopped, ("postgresql",)),
    "F04-hang": (crashes.f04_database_hangs, ("postgresql",)),
    "F06": (clicks.f06_click_storm, BOTH),
    "F07": (clicks.f07_changes_of_mind, BOTH),
    "F08": (clicks.f08_duplicates, BOTH),
    "F09": (clicks.f09_reordered, BOTH),
    "F10": (limiter.f10_redis_gone, ("sqlite",)),
    "F11": (storage.f11_disk_full, ("sqlite",)),
    "F11-disk": (storage.f11_small_disk, ("sqlite",)),
    "F18": (storage.f18_backup, BOTH),
    "F19": (storage.f19_lock_held, ("sqlite",)),
    "I01": (limiter.i01_one_address, ("sqlite",)),
    "I05": (trust.i05_scripts, ("sqlite",)),
    "I06": (trust.i06_review, BOTH),
    "V01": (privacy.v01_nothing_at_rest, BOTH),
}
PLAYS = [(name, store) for name, (_, stores) in SCENARIOS.items() for store in stores]
