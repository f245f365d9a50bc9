"""The body of an export: it gives way to votes, keeps its time, and gives back what it holds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from reactions.web import export_stream, logs
from reactions.web.export_stream import BrokenOff, Stream


def pieces() -> Iterator[bytes]:
    while True:
        time.sleep(0.01)
        yield b"row"


@pytest.fixture(autouse=True)
def _log() -> None:
    """A log that is open: the last one may have been an earlier test's."""
    logs.configure("warning")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that a stream makes, which are not made."""
    pauses: list[float] = []
    work = time.sleep
    monkeypatch.setattr(export_stream.time, "sleep", lambda seconds: work(seconds) if seconds == 0.01 else pauses.append(seconds))
    return pauses


def test_without_votes_it_makes_no_pause(slept: list[float]) -> None:
    stream = Stream(pieces(), ExitStack(), name="votes.csv", within_s=60, votes=lambda: 7)

    assert [next(stream) for _ in range(3)] == [b"row"] * 3
    assert slept == []
    stream.close()


def test_the_more_votes_there_are_the_longer_it_pauses_but_not_for_ever(slept: list[float]) -> None:
    cast = iter([0, 1, 1 + 100_000])
    stream = Stream(pieces(), ExitStack(), name="votes.csv", within_s=60, votes=lambda: next(cast))

    next(stream)
    next(stream)

    few, many = slept
    assert 0 < few < many
    assert many >= export_stream.LONGEST_PAUSE * 0.01
    stream.close()


def test_one_that_takes_too_long_is_broken_off() -> None:
    stream = Stream(pieces(), ExitStack(), name="votes.csv", within_s=0)

    with pytest.raises(BrokenOff):
        next(stream)
    stream.close()


def test_closing_ends_the_reading_before_it_gives_back_the_snapshot() -> None:
    ended: list[str] = []

    def reading() -> Iterator[bytes]:
        try:
            yield b"row"
            yield b"row"
        finally:
            ended.append("reading")

    held = ExitStack()
    held.callback(ended.append, "snapshot")
    stream = Stream(reading(), held, name="votes.csv", within_s=60)
    next(stream)

    stream.close()

    assert ended == ["reading", "snapshot"]


def test_at_its_end_it_gives_back_what_it_holds() -> None:
    ended: list[str] = []
    held = ExitStack()
    held.callback(ended.append, "snapshot")

    whole = list(Stream(iter([b"row"]), held, name="votes.csv", within_s=60))

    assert (whole, ended) == ([b"row"], ["snapshot"])
