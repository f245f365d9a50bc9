"""The newsroom of the alerts' tests, on the morning after a day with votes."""

from __future__ import annotations

import pytest

from tests import certificates
from tests.notices.alerts.conftest import Newsroom, make_newsroom, newsroom, terminal
from tests.notices.alerts.crowds import Crowd

__all__ = ["make_newsroom", "newsroom", "terminal"]


@pytest.fixture
def yesterday(newsroom: Newsroom) -> Crowd:
    """A day of the site, 25 November 2025 in Berlin: a goat that is loved, a tax that divides, and a quiet day before."""
    crowd = Crowd(newsroom)
    crowd.publish("old", hours_ago=300)
    crowd.vote("old", hours_ago=290, wow=1)  # with no vote before the day before, nothing would be compared with it
    crowd.publish("goat", hours_ago=5, section="Local", title="Goat takes the <7:42> & pays")
    crowd.vote("goat", hours_ago=4, love=60, like=20, angry=1)
    crowd.publish("tax", hours_ago=30, section="Politics", title="A tax on umbrellas")
    crowd.vote("tax", hours_ago=25, like=10)
    crowd.vote("tax", hours_ago=3, like=20, angry=30)
    crowd.publish("few", hours_ago=6, section="Local", title="A pond")
    crowd.vote("few", hours_ago=1, love=3)
    newsroom.later(18.5 * 3600)  # half past six the next morning, UTC
    return crowd


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost and its key."""
    return certificates.for_localhost(tmp_path_factory.mktemp("certificate"))
