"""How long a play is, and on which engines.

It is short in `make test`, where every rule is played once; at full length in `make fuzz` (AT_LENGTH=1). A play that has both
forms is marked `at_length`: `make fuzz` runs those, and each must come to the same verdict.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

AT_LENGTH = "AT_LENGTH" in os.environ
BOTH = ("sqlite", "postgresql")
Amount = TypeVar("Amount")

only_sqlite = pytest.mark.parametrize("engine_kind", ["sqlite"], indirect=True)  # what asks no database needs no second one
only_postgresql = pytest.mark.parametrize("engine_kind", ["postgresql"], indirect=True)
on_both_engines = pytest.mark.parametrize("engine_kind", BOTH, indirect=True)  # where one is usual

played_at_length = pytest.mark.at_length


def only_at_length(test: Callable[..., None]) -> Callable[..., None]:
    """Leave a test to `make fuzz`: what it alone would catch is not worth its minute to everyone who changes a line."""
    left_out = pytest.mark.skipif(not AT_LENGTH, reason="only at length: `make fuzz` plays it")
    return played_at_length(left_out(test))


def amount(short: Amount, long: Amount) -> Amount:
    """How much there is of something."""
    return long if AT_LENGTH else short


def each_on_one_engine(names: str, rows: Sequence[Any], *, first: str = "sqlite") -> Any:
    """Parametrise: a row on one engine, the next on the other, or at length each on both: for plays that are alike on both."""
    engines = BOTH if first == "sqlite" else BOTH[::-1]
    pairs = [(engine, row) for engine in BOTH for row in rows]
    shared = [(engines[place % 2], row) for place, row in enumerate(rows)]
    given = [(engine, *(row if isinstance(row, tuple) else (row,))) for engine, row in amount(shared, pairs)]
    parametrised = pytest.mark.parametrize(f"engine_kind,{names}", given, indirect=["engine_kind"])
    return lambda test: played_at_length(parametrised(test))
