"""The application in this process, without a server: fresh for each test, on both engines unless a test asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient

from reactions.app import create_app
from reactions.settings import load
from reactions.web import current, metrics
from reactions.web.extensions import db
from tests import make
from tests.described import DescribedClient


class MakeApp(Protocol):
    """Makes applications on the test's database."""

    def __call__(self, **settings: Any) -> Flask: ...


@pytest.fixture
def make_app(database_url: str, tmp_path: Path) -> Iterator[MakeApp]:
    """Applications that serve the site "daily" from one database; settings are given by name.

    Their clients fail on every response that is not as /openapi.json describes it.
    """
    make.site(database_url)
    metrics.limiter_away.set(0)  # an earlier test's application may have left it
    made: list[Flask] = []

    def application(**settings: Any) -> Flask:
        usual = {"database_url": database_url, "data_dir": str(tmp_path), "secret": make.SECRET, "answer_within_s": 5}
        usual |= {"detector_every_s": 0, "verify_articles_per_minute": 0}
        made.append(create_app(load({}, **usual | settings)))
        made[-1].test_client_class = DescribedClient
        return made[-1]

    yield application
    for app in made:
        with app.app_context():
            current.parts().hot_path.views.close()  # or it would write into the next test's tables
            current.parts().hot_path.limits.store.close()  # or it would tell the next test that Redis is back
            for engine in db.engines.values():
                engine.dispose()


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The application with the default settings."""
    return make_app()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client without cookies, from 127.0.0.1."""
    return app.test_client(use_cookies=False)
