"""Ours with layers switched off, to see what each costs. Nothing here is ever served to readers."""

from __future__ import annotations

import dataclasses
import os

from flask import Flask

from reactions.app import create_app
from reactions.settings import load
from reactions.votes import rules
from reactions.votes.rules import Ballot, Receipt
from reactions.web import current
from reactions.web.plain_votes import AheadOfFlask


class _NoLimits:
    policy_field = '"none";q=0;w=0'

    def take(self, **_: object) -> None:
        """Let everybody through."""


class _NoCounting:
    def cast(self, ballot: Ballot) -> Receipt:
        """Acknowledge what was not counted."""
        return Receipt(ballot.reaction, rules.shown(ballot.site, ballot.article, {}), ballot.article_id)


def without_limits_and_counting() -> Flask:
    """The request is read, checked and answered: no limit, no database."""
    return _with(limits=_NoLimits(), ballot_box=_NoCounting())


def without_counting() -> Flask:
    """The request is read, checked, limited and answered: no database."""
    return _with(ballot_box=_NoCounting())


def without_limits() -> Flask:
    """Everything but the limits."""
    return _with(limits=_NoLimits())


def _with(**parts: object) -> Flask:
    app = create_app(load(os.environ))
    with app.app_context():
        partial = dataclasses.replace(current.parts(), **parts)  # type: ignore[arg-type]
        partial.install()
    app.wsgi_app = AheadOfFlask(app.wsgi_app, partial)  # type: ignore[method-assign]
    return app
