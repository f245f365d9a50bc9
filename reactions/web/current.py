"""What belongs to the present request: the application's parts, the site, the client, the time."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import Connection, Engine

from reactions.newsroom import sites
from reactions.notations import Proxies
from reactions.reports.reporting import Reports
from reactions.secret_keys import Keys
from reactions.settings import Settings
from reactions.storage.replica import Source
from reactions.times import now_ms as now_ms
from reactions.votes.ballot_box import BallotBox
from reactions.votes.drift import Rounds
from reactions.votes.watching import Watch
from reactions.web import extensions
from reactions.web.hot_path import HotPath
from reactions.web.limits import VoteLimits
from reactions.web.oidc import Provider
from reactions.web.trust import Trust

_NAME = "reader-reactions"


@dataclass(frozen=True)
class Parts:
    """What one application is made of, beside Flask's own."""

    settings: Settings
    keys: Keys
    hot_path: HotPath
    reports: Reports
    source: Source  # where reports and exports read
    watch: Watch
    rounds: Rounds
    provider: Provider | None = None  # of OpenID Connect

    @property
    def directory(self) -> sites.Directory:
        """Sites by key."""
        return self.hot_path.directory

    @property
    def ballot_box(self) -> BallotBox:
        """The one way in for votes."""
        return self.hot_path.ballot_box

    @property
    def limits(self) -> VoteLimits:
        """The limits of the vote route."""
        return self.hot_path.limits

    @property
    def trust(self) -> Trust:
        """Tokens and soft caps."""
        return self.hot_path.trust

    @property
    def proxies(self) -> Proxies:
        """The proxies whose headers are believed."""
        return self.hot_path.proxies

    def install(self) -> None:
        """Keep the parts with the current application."""
        current_app.extensions[_NAME] = self


def parts() -> Parts:
    """The parts of the current application."""
    found: Parts = current_app.extensions[_NAME]
    return found


def site(key: str) -> sites.Site:
    """The site of the request's address. Raises UnknownSite."""
    return parts().directory.find(key)


def reports() -> Reports:
    """Where reports are asked for."""
    return parts().reports


def source() -> Source:
    """Where reports and exports read: a replica if there is one."""
    return parts().source


def engine() -> Engine:
    """The application's engine."""
    return extensions.db.engine


def reading() -> AbstractContextManager[Connection]:
    """A connection to read with."""
    return engine().connect()
