"""The body of an export: it gives way to votes, keeps its time, and gives back what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from reactions.web import export_stream, logs
from reactions.web.export_stream import BrokenOff, Stream


class Clock:
    """The clocks of a process in which others use `busy` of each second that this thread sleeps."""

    def __init__(self, *, busy: float) -> None:
        self._busy = busy
        self._now_s = self._worked_s = self._others_s = 0.0
        self.slept_s = 0.0

    def work(self, seconds: float, *, waited_s: float = 0.0) -> None:
        self._now_s += seconds + waited_s
        self._worked_s += seconds
        self._others_s += self._busy * waited_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds
        self._others_s += self._busy * seconds
        self.slept_s += seconds

    def monotonic(self) -> float:
        return self._now_s

    def thread_time(self) -> float:
        return self._worked_s

    def process_time(self) -> float:
        return self._worked_s + self._others_s


def pause_after(
    monkeypatch: pytest.MonkeyPatch, *, votes: int, worked_s: float = 0.01, waited_s: float = 0.0, busy: float = 1.0
) -> float:
    """How long a stream pauses after a piece, in the second of which so many votes are counted."""
    clock, cast = Clock(busy=busy), iter([0, votes])

    def pieces() -> Iterator[bytes]:
        clock.work(worked_s, waited_s=waited_s)
        yield b"row"

    monkeypatch.setattr(export_stream, "time", clock)
    stream = Stream(pieces(), ExitStack(), name="votes.csv", within_s=60, votes=lambda: next(cast))
    assert next(stream) == b"row"
    stream.close()
    return clock.slept_s


@pytest.fixture(autouse=True)
def _log() -> None:
    """A log that is open: the last one may have been an earlier test's."""
    logs.configure("warning")


def test_without_votes_it_makes_no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pause_after(monkeypatch, votes=0) == 0


def test_the_more_votes_there_are_the_longer_it_pauses_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    few, many, more = (pause_after(monkeypatch, votes=votes) for votes in (1, 100, 100_000))

    assert 0 < few < many
    assert many == more == pytest.approx(0.01 * export_stream.MOST_WORK, abs=0.005)


@pytest.mark.parametrize(
    ("waited_s", "busy", "pause_s"), [(0.0, 1.0, 0.12), (0.04, 1.0, 0.08), (0.12, 1.0, 0.0), (0.1, 0.2, 0.5)]
)
def test_it_pauses_until_the_others_have_had_twelve_times_its_processor_time(
    monkeypatch: pytest.MonkeyPatch, waited_s: float, busy: float, pause_s: float
) -> None:
    """They have it as fast as the machine lets them, and what they had while the piece waited for them counts."""
    assert pause_after(monkeypatch, votes=1000, waited_s=waited_s, busy=busy) == pytest.approx(pause_s, abs=0.006)


def test_it_does_not_wait_for_others_that_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pause_after(monkeypatch, votes=1000, busy=0.0) == pytest.approx(0.12)


def test_one_that_takes_too_long_is_broken_off() -> None:
    stream = Stream(iter([b"row"]), ExitStack(), name="votes.csv", within_s=0)

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
