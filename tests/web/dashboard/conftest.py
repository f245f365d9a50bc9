"""The demo newspaper's dashboard in a real Chromium; and, without a browser, small newsrooms made for one test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import create_engine

from reactions.demo import seeding
from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from reactions.storage.engines import writing
from reactions.votes.ballot_box import BallotBox
from reactions.web import current
from reactions.web.extensions import db
from tests import make
from tests.browsers import Complaints
from tests.databases import SqliteFiles
from tests.engines import free_port
from tests.service import Service, running_service
from tests.web.conftest import MakeApp
from tests.web.dashboard.newsroom import Newsroom, key_of

if TYPE_CHECKING:
    from tests.web.dashboard.provider import HostileProvider  # needs the extra oidc

WithProvider = Callable[..., Flask]

STRANGER = "http://cheap.example/watches-and-more-of-that-in-one-word-that-no-column-of-a-phone-can-take"


@pytest.fixture
def engine_kind(request: pytest.FixtureRequest) -> str:
    """One engine is enough for most pages: they hold no SQL, and the reports have their own tests on both."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """The application, in whose pages a fault is a page, as in production."""
    app = make_app()
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app


@pytest.fixture
def newsroom(app: Flask) -> Newsroom:
    """The site "daily" and those who write and read it."""
    with app.app_context():
        return Newsroom(db.engine, current.parts().ballot_box)


@pytest.fixture
def politics(newsroom: Newsroom) -> Newsroom:
    """A bridge that makes readers angry, in a section where that is not usual."""
    for number in range(6):
        newsroom.article(f"usual-{number}", hours_ago=100 + number)
        newsroom.votes(f"usual-{number}", hours_ago=99.5 + number, like=3, angry=1)
    newsroom.article("bridge", title="Harbour bridge to close", hours_ago=4, authors=["Ada Writer"], tags=["harbour"])
    newsroom.votes("bridge", hours_ago=3.5, angry=19, like=1)
    newsroom.votes("bridge", like=4)
    return newsroom


@pytest.fixture
def editor(app: Flask) -> FlaskClient:
    """A client that is signed in to "daily"."""
    client = app.test_client()
    assert client.post("/dashboard/sign-in", data={"key": key_of(app)}).status_code == 303
    return client


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    """An identity provider that says what a test wants it to say."""
    from tests.web.dashboard.provider import running

    with running() as hostile:
        yield hostile


@pytest.fixture
def with_provider(make_app: MakeApp, provider: HostileProvider) -> WithProvider:
    """Applications whose editors sign in at the provider."""
    from tests.web.dashboard.provider import CLIENT, ROLES, SECRET

    def app(**settings: Any) -> Flask:
        usual = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, "oidc_name": "Newsroom ID"}
        made = make_app(**{**usual, **ROLES, "sign_ins_per_network": "1000/minute", **settings})
        made.config["PROPAGATE_EXCEPTIONS"] = False
        return made

    return app


@dataclass
class Paper:
    """The demo newspaper on a running service, and a key to its dashboard."""

    service: Service
    database_url: str
    key: str
    cookies: list[Any] | None = None

    def at(self, path: str) -> str:
        return self.service.url + path


@pytest.fixture(scope="session")
def paper(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    database_url, port = sqlite_files.copy_to(tmp_path_factory.mktemp("paper")), free_port()
    engine = create_engine(database_url)
    engines.prepare(engine)
    key = _print(engine, f"http://127.0.0.1:{port}")
    engine.dispose()
    with running_service(database_url, port=port, settings={"sign_ins_per_network": "1000/minute"}) as service:
        yield Paper(service, database_url, key)


def _print(engine: engines.Engine, address: str) -> str:
    """Seed the demo newspaper; return a key that reads it."""
    now_ms = time.time_ns() // 1_000_000
    seeding.add_site(engine, origins=[address], now_ms=now_ms, address=address)
    box = BallotBox(engine, pseudonym_key=b"k" * 32, batch_size=1000, queue_size=2000, answer_within_s=10)
    seeding.cast_votes(engine, box, now_ms=now_ms)
    _let_strangers_in(engine, box)
    box.close()
    with writing(engine) as connection:
        site, scopes = sites.get(connection, "demo"), ["read", "review"]
        _, key = api_keys.create(connection, site, scopes=scopes, label="a test", now_ms=now_ms)
    return key


def _let_strangers_in(engine: engines.Engine, box: BallotBox) -> None:
    """Held votes on a described article and on one that a stranger made up, with verdicts; none of them counts."""
    newsroom = Newsroom(engine, box, "demo")
    named = newsroom.held("politics/council-pay-rise-in-eleven-minutes", angry=60, like=3)
    newsroom.verdict(named, "63 of 75 votes between 14:02 and 14:09 came from fresh readers in 1 network")
    newsroom.register(STRANGER)
    newsroom.held(STRANGER, 1.5, love=12)
    newsroom.held("politics/council-pay-rise-in-eleven-minutes", 3, network="b" * 16, wow=1)


@pytest.fixture(scope="session")
def office(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """A service with the site "daily", two articles, an import, and a key that may do everything."""
    database_url, port = sqlite_files.copy_to(tmp_path_factory.mktemp("office")), free_port()
    make.site(database_url, origins=[f"http://127.0.0.1:{port}"])
    engine, now_ms = create_engine(database_url), time.time_ns() // 1_000_000
    engines.prepare(engine)
    box = BallotBox(engine, pseudonym_key=b"k" * 32, batch_size=100, queue_size=200, answer_within_s=10)
    newsroom = Newsroom(engine, box)
    newsroom.article("a", title="Harbour bridge to close")
    newsroom.article("b", title="Bridge closes")
    newsroom.votes("a", like=2, sad=1)
    box.close()
    with writing(engine) as connection:
        site = sites.get(connection, "daily")
        record.put(connection, Import(site.id, "old-blog", "csv", "old.csv", "0" * 64, "a test", now_ms), known=None)
        _, key = api_keys.create(connection, site, scopes=api_keys.SCOPES, label="Chief editor", now_ms=now_ms)
    engine.dispose()
    settings = {"sign_ins_per_network": "1000/minute", "webhook_private_targets": "true", "site_memory_s": "0.1"}
    with running_service(database_url, port=port, settings=settings) as service:
        yield Paper(service, database_url, key)


@pytest.fixture
def context(browser: Browser, complaints: Complaints) -> Iterator[BrowserContext]:
    """An editor's browser as it comes."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", accept_downloads=True)
    context.set_default_timeout(10_000)
    context.on("page", complaints.watch)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, paper: Paper) -> Page:
    """A tab that is signed in and shows the overview."""
    page = context.new_page()
    sign_in(page, paper)
    return page


def come_in(page: Page, paper: Paper) -> None:
    """Go on with the session of the editor who signed in first. Who signs out takes `sign_in`."""
    if paper.cookies is None:
        sign_in(page, paper)
        paper.cookies = page.context.cookies()
    page.context.add_cookies(paper.cookies)


def sign_in(page: Page, paper: Paper) -> None:
    page.goto(paper.at("/dashboard/sign-in"))
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(paper.key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/dashboard")
