"""A real Chromium, a reader's fresh profile in it, and a publisher's pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests import make
from tests.browsers import Complaints
from tests.databases import SqliteFiles
from tests.engines import free_port
from tests.service import running_service
from tests.widget.publisher import Pages, Publisher


@pytest.fixture(scope="session")
def publisher(sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Publisher]:
    """The site "daily" on a service of its own, which lets no counts be reused, and its web server; frames may vote."""
    database_url = sqlite_files.copy_to(tmp_path_factory.mktemp("publisher"))
    pages, port = Pages(), free_port()
    make.site(database_url, "daily", origins=[pages.origin, f"http://127.0.0.1:{port}"])
    with running_service(database_url, port=port, settings={"counts_memory_s": 0, "counts_max_age_s": 60}) as service:
        yield Publisher(service, database_url, pages)
    pages.close()


@pytest.fixture
def context(browser: Browser, complaints: Complaints) -> Iterator[BrowserContext]:
    """A reader's browser as it comes: nothing stored in it yet."""
    context = browser.new_context(viewport={"width": 900, "height": 700}, locale="en-GB")
    context.set_default_timeout(10_000)
    context.on("page", complaints.watch)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def failing_page(page: Page, complaints: Complaints) -> Page:
    """A page of a test that makes requests fail, which Chromium itself writes to the console."""
    complaints.network_fails = True
    return page


@pytest.fixture
def asked(context: BrowserContext, publisher: Publisher) -> list[Request]:
    """What the context's pages asked the service's API, in order."""
    requests: list[Request] = []
    api = f"{publisher.service.url}/v1/"
    context.on("request", lambda request: requests.append(request) if request.url.startswith(api) else None)
    return requests
