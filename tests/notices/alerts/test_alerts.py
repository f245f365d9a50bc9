"""An alert is raised once, in the same transaction as its messages. On both engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import create_engine, func, select

from reactions.notices import alerts, outbox, webhooks
from reactions.refusals import MalformedWebhook, UnknownWebhook
from reactions.storage import engines, tables
from reactions.storage.engines import writing
from tests.notices.alerts.conftest import HOUR_MS, Newsroom, finding

HOOK = "https://hooks.example.org/in"


def test_the_same_alert_is_raised_again_only_after_its_rest(newsroom: Newsroom) -> None:
    assert len(newsroom.raise_(finding())) == 1
    newsroom.now_ms += 12 * HOUR_MS - 1
    assert newsroom.raise_(finding()) == []
    newsroom.now_ms += 1
    assert len(newsroom.raise_(finding())) == 1

    assert len(newsroom.alerts()) == 2


def test_another_rule_or_another_article_is_another_alert(newsroom: Newsroom) -> None:
    assert len(newsroom.raise_(finding(), finding("record"), finding(article_id=8), finding())) == 3


def test_alerts_are_read_as_they_were_raised_newest_first_and_of_one_site(
    newsroom: Newsroom, make_newsroom: Callable[[str], Newsroom]
) -> None:
    (first,) = newsroom.raise_(finding())
    newsroom.later(1)
    (second,) = newsroom.raise_(finding("record"))
    make_newsroom("herald").raise_(finding())

    assert newsroom.alerts() == [second, first]


def test_of_several_processes_that_evaluate_at_once_one_raises(newsroom: Newsroom) -> None:
    others = [create_engine(newsroom.engine.url) for _ in range(4)]
    for engine in others:
        engines.prepare(engine)
    newsrooms = [Newsroom(engine, newsroom.site, newsroom.now_ms) for engine in others]
    together = threading.Barrier(4)

    def raised(other: Newsroom) -> int:
        together.wait()
        return len(other.raise_(*(finding(article_id=number) for number in range(10))))

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(raised, newsrooms))

    assert sum(counts) == 10
    assert len(newsroom.alerts()) == 10
    for engine in others:
        engine.dispose()


def test_an_alert_whose_messages_cannot_be_written_is_not_raised(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    newsroom.webhook(HOOK)
    enqueue = outbox.enqueue

    def failing(*given: Any, **named: Any) -> None:
        enqueue(*given, **named)
        raise RuntimeError("the machine lost power")

    monkeypatch.setattr(outbox, "enqueue", failing)
    with pytest.raises(RuntimeError):
        newsroom.raise_(finding())
    monkeypatch.undo()

    assert (newsroom.alerts(), newsroom.deliveries()) == ([], [])
    assert len(newsroom.raise_(finding())) == 1
    assert len(newsroom.deliveries()) == 1


def test_cooling_off_times_that_are_over_are_forgotten(newsroom: Newsroom) -> None:
    newsroom.raise_(finding(cooling_off_ms=1), finding("record", cooling_off_ms=2))
    with writing(newsroom.engine) as connection:
        alerts.forget_cooled_off(connection, now_ms=newsroom.now_ms + 1)
        assert connection.execute(select(func.count()).select_from(tables.cooling_off)).scalar_one() == 1


def test_a_site_has_webhooks_of_its_own(newsroom: Newsroom, make_newsroom: Callable[[str], Newsroom]) -> None:
    herald = make_newsroom("herald")
    mine, theirs = newsroom.webhook(HOOK), herald.webhook(HOOK)

    newsroom.raise_(finding())

    with writing(newsroom.engine) as connection:
        assert webhooks.deliveries(connection, mine).waiting == 1
        assert webhooks.deliveries(connection, theirs).waiting == 0
        assert webhooks.all_of(connection, newsroom.site) == [mine]
        with pytest.raises(UnknownWebhook, match="daily has no webhook"):
            webhooks.remove(connection, newsroom.site, theirs.id)


def test_a_site_sends_its_alerts_to_an_address_once_and_to_twenty_at_most(newsroom: Newsroom) -> None:
    newsroom.webhook(HOOK)
    with pytest.raises(MalformedWebhook, match="already"):
        newsroom.webhook(HOOK)
    for number in range(19):
        newsroom.webhook(f"{HOOK}/{number}")
    with pytest.raises(MalformedWebhook, match="at most 20"):
        newsroom.webhook(f"{HOOK}/more")
