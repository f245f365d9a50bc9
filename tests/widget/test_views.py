"""What the widget tells of views: nothing, unless the site counts them; then once, and nothing about the reader."""

from __future__ import annotations

import json

from playwright.sync_api import Page, Request, Route

from tests.widget.publisher import Publisher
from tests.widget.steps import open_row, ready

LEAVE = """() => {
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""


def beacons_of(page: Page) -> list[Request]:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request) if request.url.endswith("/views") else None)
    return sent


def counting(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, body=json.dumps({**answer.json(), "views": 1}))


def test_where_no_views_are_counted_nothing_is_told(page: Page, publisher: Publisher) -> None:
    sent = beacons_of(page)
    ready(open_row(page, publisher.article(publisher.key())))

    page.evaluate(LEAVE)

    assert sent == []


def test_a_row_in_sight_is_told_once_without_an_identifier(page: Page, publisher: Publisher) -> None:
    sent, key = beacons_of(page), publisher.key()
    page.route("**/reactions?*", counting)
    page.route("**/views", lambda route: route.fulfill(json={"taken": 1}))
    ready(open_row(page, publisher.article(key)))

    for _ in range(2):
        page.evaluate(LEAVE)
    page.wait_for_timeout(100)

    (beacon,) = sent
    assert json.loads(beacon.post_data or "") == {"articles": [key]}
    assert beacon.headers["content-type"] == "text/plain;charset=UTF-8"
    assert "cookie" not in beacon.headers
    assert page.evaluate("Object.keys(localStorage)") == []
