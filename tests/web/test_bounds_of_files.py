"""How many connections a process takes, by how many files it may have open: told by a process of its own, whose limit is set."""

from __future__ import annotations

import subprocess
import sys

import pytest

_ASK = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from reactions.web import bounds
bounds._FILES = 1_000
print(bounds.most_connections(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "files"),
    [(100, 100, 50, 100), (100, 300, 150, 300), (256, 2_000, 800, 1_000), (1_500, 2_000, 1_300, 1_500)],
)
def test_a_process_asks_for_the_files_it_needs_and_keeps_some(soft: int, hard: int, connections: int, files: int) -> None:
    told = subprocess.run([sys.executable, "-c", _ASK, str(soft), str(hard)], capture_output=True, text=True, check=True)

    assert told.stdout.split() == [str(connections), str(files), str(hard)]
