"""Ours with layers switched off, to see what each costs. Nothing here is ever served to readers."""

from __future__ import annotations

import dataclasses
import os

from reactions.app import create_app
from reactions.settings import load
from reactions.votes import ballot_box, rules
from reactions.votes.ballot_box import Door
from reactions.votes.rules import Ballot, Receipt
from reactions.web import current
from reactions.web.asgi import AsgiDoor


class _NoCounting:
    """Acknowledges what was not counted; limits are asked for one ballot at a time."""

    def __init__(self, admit: ballot_box.Admit) -> None:
        self._admit = admit

    def submit(self, ballot: Ballot, facts: object, *, door: Door, token: object) -> None:
        """Answer at once."""
        (admitted,) = self._admit([ballot], [facts])
        counts = rules.shown(ballot.site, ballot.article, {})
        answer = Receipt(ballot.reaction, counts, ballot.article_id) if isinstance(admitted, Ballot) else admitted
        door.settle([(token, answer)])


def without_limits_and_counting() -> AsgiDoor:
    """The request is read, checked and answered: no limit, no database."""
    return _with(limits=False, counting=False)


def without_counting() -> AsgiDoor:
    """The request is read, checked, limited and answered: no database."""
    return _with(counting=False)


def without_limits() -> AsgiDoor:
    """Everything but the limits."""
    return _with(limits=False)


def _with(*, limits: bool = True, counting: bool = True) -> AsgiDoor:
    app = create_app(load(os.environ))
    with app.app_context():
        parts = current.parts()
    admit = parts.limits.admit if limits else ballot_box.admit_all
    box = parts.ballot_box if counting else _NoCounting(admit)
    parts.ballot_box._admit = admit
    hot_path = dataclasses.replace(parts.hot_path, ballot_box=box)  # type: ignore[arg-type]
    return AsgiDoor(app.wsgi_app, hot_path, threads=parts.settings.threads, answer_within_s=parts.settings.answer_within_s)
