"""Messages arrive, once, or are tried again, and are given up where everybody sees it. On both engines."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine

from reactions.notices import outbox, webhooks
from reactions.notices.outbox import Attempt
from reactions.storage import engines
from reactions.storage.engines import writing
from tests.notices.alerts.conftest import HOUR_MS, KEY, Newsroom, finding
from tests.notices.alerts.receiver import receiving


def test_an_alert_arrives_signed(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        webhook = newsroom.webhook(receiver.url)
        (alert,) = newsroom.raise_(finding())

        assert newsroom.deliver() == [Attempt(receiver.url, "sent", None)]

    (sent,) = receiver.sent
    assert sent.path == "/hook?tool=chat"
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["webhook-timestamp"] == str(newsroom.now_ms // 1000)
    assert sent.is_signed_with(webhooks.displayed(webhooks.secret_of(KEY, webhook.id)))
    assert json.loads(sent.body) == {
        "type": "alert.surging",
        "timestamp": "2025-11-25T12:00:00Z",
        "data": {
            "id": alert.id,
            "rule": "surging",
            "site": {"key": "daily", "name": "The Daily"},
            "article": {
                "key": "goat",
                "title": "Goat takes the 7:42",
                "url": "https://daily.example/goat",
                "section": "Local",
                "dashboard_url": None,
            },
            "headline": "Surging: Goat takes the 7:42",
            "detail": "312 approving reactions within 3 hours; 40 would be usual.",
            "figures": {"gained": 312, "expected": 40.25},
        },
    }


def test_what_was_sent_is_not_sent_again(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        newsroom.deliver()
        newsroom.later(86_400)

        assert newsroom.deliver() == []
        assert len(receiver.sent) == 1


@pytest.mark.parametrize("answer", [500, 403, 301, 302, 503])
def test_what_was_refused_is_sent_again_with_the_same_id_and_a_new_time(newsroom: Newsroom, answer: int) -> None:
    with receiving((answer, {"Location": "http://127.0.0.1:9/elsewhere"})) as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())

        assert newsroom.deliver() == [Attempt(receiver.url, "waiting", f"127.0.0.1 answered {answer}.")]
        newsroom.later(59)
        assert newsroom.deliver() == []
        newsroom.later(1)
        assert newsroom.deliver() == [Attempt(receiver.url, "sent", None)]

    first, second = receiver.sent
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 60


def test_the_waits_grow_threefold_up_to_half_a_day_with_a_fifth_of_chance() -> None:
    assert [outbox.wait_s(attempts, 0.5) for attempts in range(1, 10)] == [60, 180, 540, 1620, 4860, 14580, 43200, 43200, 43200]
    assert (outbox.wait_s(1, 0.0), outbox.wait_s(1, 1.0)) == (48, 72)


def test_after_nine_attempts_a_message_is_given_up_and_can_be_sent_after_all(newsroom: Newsroom) -> None:
    with receiving(*[500] * 9) as receiver:
        webhook = newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        outcomes = []
        for _ in range(12):
            outcomes += newsroom.deliver()
            newsroom.later(12 * 3600)

        assert [outcome.state for outcome in outcomes] == ["waiting"] * 8 + ["given up"]
        with newsroom.engine.connect() as connection:
            assert webhooks.deliveries(connection, webhook) == webhooks.Deliveries(0, 0, 1, "127.0.0.1 answered 500.")

        with writing(newsroom.engine) as connection:
            assert outbox.retry(connection, webhook, now_ms=newsroom.now_ms) == 1
        assert newsroom.deliver() == [Attempt(receiver.url, "sent", None)]
        with newsroom.engine.connect() as connection:
            assert webhooks.deliveries(connection, webhook) == webhooks.Deliveries(1, 0, 0, None)


def test_a_receiver_may_ask_for_more_time(newsroom: Newsroom) -> None:
    with receiving((429, {"Retry-After": "600"})) as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        newsroom.deliver()

    assert newsroom.deliveries()[0]["next_at"] == newsroom.now_ms + 600_000


@pytest.mark.parametrize("answer", [400, 404, 410])
def test_what_is_refused_for_good_is_given_up_at_once(newsroom: Newsroom, answer: int) -> None:
    with receiving(answer) as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())

        problem = f"127.0.0.1 answered {answer}, so it does not take this message however often it is sent."
        assert newsroom.deliver() == [Attempt(receiver.url, "given up", problem)]
        newsroom.later(86_400)
        assert newsroom.deliver() == []


@pytest.mark.parametrize("manner", ["silence", "drip"])
def test_a_receiver_that_does_not_come_to_an_end_is_left(newsroom: Newsroom, manner: str) -> None:
    with receiving(manner) as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())

        assert newsroom.deliver(timeout_s=0.4) == [Attempt(receiver.url, "waiting", "127.0.0.1 did not answer within 0.4 s.")]


def test_a_receiver_that_is_away_is_told_of(newsroom: Newsroom) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        newsroom.webhook(url)
        newsroom.raise_(finding())

        assert newsroom.deliver() == [Attempt(url, "waiting", "127.0.0.1 did not accept the message: Connection refused.")]


def test_a_slow_receiver_does_not_hold_up_the_others(newsroom: Newsroom) -> None:
    with receiving("silence") as slow, receiving() as quick:
        newsroom.webhook(slow.url)
        newsroom.webhook(quick.url)
        newsroom.raise_(finding())

        states = {attempt.url: attempt.state for attempt in newsroom.deliver(timeout_s=0.4)}

    assert states == {slow.url: "waiting", quick.url: "sent"}


def test_private_targets_are_not_visited_once_the_settings_forbid_it(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())

        (attempt,) = newsroom.deliver(private_allowed=False)

    assert attempt.state == "waiting"
    assert "private network" in str(attempt.problem)
    assert receiver.sent == []


def test_of_several_processes_that_deliver_at_once_one_sends_each_message(newsroom: Newsroom) -> None:
    others = [create_engine(newsroom.engine.url) for _ in range(3)]
    for engine in others:
        engines.prepare(engine)
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(*(finding(article_id=number) for number in range(20)))
        newsrooms = [Newsroom(engine, newsroom.site, newsroom.now_ms) for engine in others]

        with ThreadPoolExecutor(3) as pool:
            outcomes = [attempt for attempts in pool.map(Newsroom.deliver, newsrooms) for attempt in attempts]

    assert len(receiver.sent) == 20
    assert len({sent.id for sent in receiver.sent}) == 20
    assert [outcome.state for outcome in outcomes] == ["sent"] * 20
    for engine in others:
        engine.dispose()


def test_a_message_whose_process_died_on_the_way_is_sent_by_the_next(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        dying = newsroom.sender()
        with pytest.raises(MemoryError):
            _deliver_until_it_dies(dying, newsroom)
        assert newsroom.deliver() == []

        newsroom.later(72)
        assert newsroom.deliver() == [Attempt(receiver.url, "sent", None)]


def _deliver_until_it_dies(sender: outbox.Sender, newsroom: Newsroom) -> None:
    """Claim, then die before anything is sent: the clock is asked first for the claim, then for the message."""
    times = iter([newsroom.now_ms, newsroom.now_ms])

    def clock() -> int:
        try:
            return next(times)
        except StopIteration:
            raise MemoryError from None

    outbox.deliver(outbox.Sender(sender.engine, sender.key, clock, 1.0, 9, True, jitter=lambda: 0.5), [newsroom.site.id])


def test_a_message_whose_process_died_in_the_last_attempt_is_given_up(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        with pytest.raises(MemoryError):
            _deliver_until_it_dies(newsroom.sender(), newsroom)
        newsroom.later(72)

        (attempt,) = newsroom.deliver(attempts=1)

    assert attempt == Attempt(receiver.url, "given up", "The process that made the last attempt did not finish it.")


def test_a_removed_webhook_gets_nothing_more(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        webhook = newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        with writing(newsroom.engine) as connection:
            webhooks.remove(connection, newsroom.site, webhook.id)

        assert newsroom.deliver() == []
        assert newsroom.deliveries() == []


def test_what_was_settled_a_month_ago_is_forgotten(newsroom: Newsroom) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        newsroom.raise_(finding())
        newsroom.deliver()
        for days, left in ((29, 1), (2, 0)):
            newsroom.now_ms += days * 24 * HOUR_MS
            with writing(newsroom.engine) as connection:
                outbox.forget_settled(connection, now_ms=newsroom.now_ms)
            assert len(newsroom.deliveries()) == left
