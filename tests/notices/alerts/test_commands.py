"""`reactions alerts` and `reactions webhooks`, as they are typed. On both engines."""

from __future__ import annotations

import json
import re

import pytest

from tests.notices.alerts.conftest import Newsroom
from tests.notices.alerts.crowds import Crowd
from tests.notices.alerts.receiver import receiving
from tests.web.terminal import Terminal

HOOK = "https://hooks.example.org/in?token=secret"


@pytest.fixture
def surge(newsroom: Newsroom) -> Crowd:
    """A goat that surges, and nothing else."""
    crowd = Crowd(newsroom)
    crowd.usual_paper()
    crowd.publish("goat", hours_ago=2, section="Local", title="Goat takes the 7:42")
    crowd.vote("goat", hours_ago=1.5, like=99)
    return crowd


def hook_id(said: str) -> str:
    found = re.search(r"^([0-9a-f]{12})  http", said, re.MULTILINE)
    assert found
    return found[1]


def test_from_a_surge_to_the_newsroom_and_never_twice(newsroom: Newsroom, surge: Crowd, terminal: Terminal) -> None:
    with receiving() as receiver:
        added = terminal.type("webhooks", "add", "daily", receiver.url, webhook_private_targets=True)
        assert added.code == 0

        first = terminal.do("alerts", "daily", webhook_private_targets=True)
        again = terminal.do("alerts", "--all", webhook_private_targets=True)

    assert first == (
        "daily: Surging: Goat takes the 7:42. 99 readers in 3 hours whose first reaction was not negative: 4.5 times what "
        "articles of its age gain here (20).\n1 message sent.\n"
    )
    assert again == ""
    (sent,) = receiver.sent
    assert sent.is_signed_with(added.out.strip())
    assert sent.headers["user-agent"].startswith("reader-reactions/")
    assert json.loads(sent.body)["data"]["article"]["key"] == "goat"


def test_a_message_that_is_given_up_ends_the_command_with_1_and_is_listed(
    newsroom: Newsroom, surge: Crowd, terminal: Terminal
) -> None:
    problem = "127.0.0.1 answered 410, so it does not take this message however often it is sent."
    with receiving(500, 410) as receiver:
        terminal.type("webhooks", "add", "daily", receiver.url, webhook_private_targets=True)
        address = receiver.url.partition("?")[0]

        failed = terminal.type("alerts", "daily", webhook_private_targets=True)
        assert (failed.code, failed.err) == (0, f"{address}: 127.0.0.1 answered 500. (will be tried again)\n")
        newsroom.later(100)
        given_up = terminal.type("alerts", "daily", webhook_private_targets=True)
        assert (given_up.code, given_up.err) == (1, f"{address}: {problem} (given up)\n")

        listed = terminal.do("webhooks", "list", "daily")
        assert listed.splitlines()[1:] == ["    0 sent, 0 waiting, 1 given up", f"    {problem}"]

        retried = terminal.do("webhooks", "retry", "daily", hook_id(listed))
        assert retried == "1 message will be sent by the next `reactions alerts`.\n"
        assert terminal.do("alerts", "daily", webhook_private_targets=True) == "1 message sent.\n"
        assert "1 sent, 0 waiting, 0 given up" in terminal.do("webhooks", "list", "daily")


def test_webhooks_are_added_shown_and_removed(newsroom: Newsroom, terminal: Terminal) -> None:
    added = terminal.type("webhooks", "add", "daily", HOOK)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=\n", added.out)
    webhook_id = hook_id(terminal.do("webhooks", "list", "daily"))

    assert terminal.do("webhooks", "secret", "daily", webhook_id) == added.out
    assert terminal.do("webhooks", "remove", "daily", webhook_id) == f"{HOOK} no longer gets alerts.\n"
    assert terminal.do("webhooks", "list", "daily") == "none yet\n"


def test_what_cannot_be_is_said_in_a_line(newsroom: Newsroom, terminal: Terminal) -> None:
    assert "http or https" in terminal.fail("webhooks", "add", "daily", "ftp://hooks.example.org/")
    assert "private network" in terminal.fail("webhooks", "add", "daily", "http://10.0.0.1/")
    assert terminal.fail("webhooks", "add", "herald", HOOK) == "There is no site 'herald'."
    assert terminal.fail("webhooks", "remove", "daily", "nonesuch") == "daily has no webhook 'nonesuch'."
    assert terminal.fail("alerts", "herald") == "There is no site 'herald'."
    for words in (["alerts"], ["alerts", "daily", "--all"]):
        assert "Name a site, or use --all." in terminal.type(*words).err


def test_an_alert_keeps_its_message_while_webhooks_are_forbidden_to_go_there(
    newsroom: Newsroom, surge: Crowd, terminal: Terminal
) -> None:
    with receiving() as receiver:
        terminal.type("webhooks", "add", "daily", receiver.url, webhook_private_targets=True)

        said = terminal.type("alerts", "daily")

    assert said.code == 0
    assert "private network" in said.err
    assert receiver.sent == []
