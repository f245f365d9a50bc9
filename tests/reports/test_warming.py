"""Reports that nobody has to wait for: they are read after a start, and when an hour has closed, before anybody asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from reactions.reports import reporting
from reactions.reports.reporting import Reports
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """What is asked of the database meanwhile."""
    asked: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def asked_by(here: Stage, newsroom: Reports, **about: str) -> set[str]:
    with statements(here.engine) as seen:
        newsroom.dashboard(here.site, asked(**about))
    return set(seen)


@pytest.fixture
def warm(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A newspaper of some days."""
    monkeypatch.setattr(reporting, "_PAUSE_S", 0)
    here = stage(engine, now_ms=NOON)
    for number in range(5):
        here.publish(f"a{number}", at_ms=NOON - number * DAY_MS)
        here.give(f"a{number}", "like", 6, NOON - number * DAY_MS)
    return here


def test_a_process_that_starts_reads_the_usual_dashboard_before_anybody_asks(warm: Stage) -> None:
    newsroom, cold = warm.reports(kept_s=3600), warm.reports(kept_s=3600)

    newsroom.keep_warm()

    first = asked_by(warm, newsroom)
    assert first < asked_by(warm, cold)
    assert first == asked_by(warm, newsroom)
    assert newsroom.dashboard(warm.site, asked()) == warm.reports().dashboard(warm.site, asked())


def test_when_an_hour_has_closed_what_was_asked_for_is_read_again_before_anybody_asks(warm: Stage) -> None:
    newsroom = warm.reports(kept_s=3600)
    newsroom.dashboard(warm.site, asked(period="28d", section="Sport"))
    newsroom.articles(warm.site, asked(period="28d"), sort="mood")
    again = asked_by(warm, newsroom, period="28d", section="Sport")

    warm.now_ms += HOUR_MS
    newsroom.keep_warm()

    assert asked_by(warm, newsroom, period="28d", section="Sport") == again
    with statements(warm.engine) as seen:
        newsroom.keep_warm()
    assert seen == [], "once in an hour is enough"


def test_what_nobody_has_asked_for_today_is_not_read_any_more(warm: Stage) -> None:
    newsroom = warm.reports(kept_s=3600)
    newsroom.dashboard(warm.site, asked(period="28d"))

    warm.now_ms += DAY_MS + HOUR_MS
    with statements(warm.engine) as seen:
        newsroom.keep_warm()

    assert not any("hourly" in statement for statement in seen)


def test_warming_passes_over_what_cannot_be_read_any_more(warm: Stage) -> None:
    newsroom = warm.reports(kept_s=3600)
    newsroom.dashboard(warm.site, asked(period="28d"))
    again = asked_by(warm, newsroom, period="28d")
    newsroom._note(warm.site, asked(reaction="retired"), None)  # asked for when there was such a reaction

    warm.now_ms += HOUR_MS
    newsroom.keep_warm()

    assert asked_by(warm, newsroom, period="28d") == again


def test_only_so_much_is_read_in_the_background(warm: Stage) -> None:
    newsroom = warm.reports(kept_s=3600)
    for number in range(100):
        newsroom.dashboard(warm.site, asked(period="28d", text=f"word {number}"))

    assert len(newsroom._asked) == reporting._MOST_WARM
