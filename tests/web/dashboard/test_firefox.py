"""The editor's morning and the day of settings once more, in one Firefox. Left out where it is not installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, delete

from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import sites
from reactions.storage import tables
from reactions.storage.engines import writing
from tests.notices.alerts.receiver import receiving
from tests.web.dashboard.conftest import Paper
from tests.web.dashboard.test_settings_day import votes_on
from tests.widget import drivers
from tests.widget.drivers import Driver, wait_until

PLACE = r"""
const [kind, wanted] = args;
const inside = document.querySelector("#stage > *")?.shadowRoot;
const all = [...document.querySelectorAll(kind), ...(inside?.querySelectorAll(kind) ?? [])];
const name = (each) => (each.ariaLabel ?? each.textContent).replace(/\s+/g, " ").trim();
const found = all.find((each) => each.checkVisibility() && name(each).startsWith(wanted));
if (!found) return null;
found.scrollIntoView({block: "center", behavior: "instant"});
const {x, y, width, height} = found.getBoundingClientRect();
return [Math.round(x + width / 2), Math.round(y + height / 2)];
"""
FILL = r"""
const name = (each) => each.textContent.replace(/\s+/g, " ").trim();
const label = [...document.querySelectorAll("label")].find((each) => name(each).startsWith(args[0]));
if (!label) return false;
if (["checkbox", "radio"].includes(label.control.type)) { if (!label.control.checked) label.control.click(); return true }
label.control.focus();
label.control.value = args[1];
label.control.dispatchEvent(new Event("input", {bubbles: true}));
return true;
"""
LISTEN = """
window.complaints = [];
addEventListener("error", ({message}) => complaints.push(message));
addEventListener("unhandledrejection", ({reason}) => complaints.push(String(reason)));
"""


class Editor:
    """Somebody who looks for what a page says, and clicks with a mouse."""

    def __init__(self, driver: Driver, paper: Paper) -> None:
        self._driver, self._paper = driver, paper
        self.goto("/dashboard/sign-in")
        self.fill("API key", paper.key)
        self.press("button", "Sign in")
        self.sees("button", "Sign out")

    def goto(self, path: str) -> None:
        self._driver.goto(self._paper.at(path))
        self._driver.js(LISTEN)

    def fill(self, label: str, text: str = "") -> None:
        wait_until(lambda: self._driver.js(FILL, label, text), f"a field {label!r}")

    def press(self, kind: str, name: str) -> None:
        """Click the first of a kind whose name begins so; what comes next is waited for by `sees`."""
        assert self.complaints() == []
        self._driver.tap(*self._resting_place(kind, name))

    def _resting_place(self, kind: str, name: str) -> tuple[int, int]:
        """Where it lies, twice in a row: a chart that is drawn meanwhile moves what stands below it away from the mouse."""
        seen: list[Any] = [None]

        def rests() -> bool:
            seen.append(self._driver.js(PLACE, kind, name))
            return seen[-1] is not None and seen[-1] == seen[-2]

        wait_until(rests, f"{kind} {name!r} at rest on {self.text('main')[:400]}")
        x, y = seen[-1]
        return x, y

    def sees(self, kind: str, name: str) -> None:
        wait_until(lambda: self._driver.js(PLACE, kind, name), f"{kind} {name!r} on {self.text('main')[:400]}")

    def draws(self, charts: int) -> None:
        drawn = "return document.querySelectorAll('figure[data-chart] canvas').length"
        wait_until(lambda: self.js(drawn) == charts, f"{charts} charts")

    def text(self, selector: str) -> str:
        return str(self._driver.js("return document.querySelector(args[0])?.innerText ?? ''", selector))

    def texts(self, selector: str) -> list[str]:
        return list(self.js("return [...document.querySelectorAll(args[0])].map((each) => each.innerText)", selector))

    def js(self, body: str, *arguments: object) -> Any:
        return self._driver.js(body, *arguments)

    def complaints(self) -> list[str]:
        return list(self.js("return window.complaints ?? []"))


@pytest.fixture(scope="module")
def firefox() -> Iterator[Driver]:
    if drivers.found("firefox") is None:
        pytest.skip("firefox is not installed: make browser")
    with drivers.running("firefox") as driver:
        yield driver


def test_a_morning(firefox: Driver, paper: Paper) -> None:
    editor = Editor(firefox, paper)
    editor.goto("/dashboard?period=7d")
    editor.sees("h2", "Hot now")
    editor.draws(1)

    editor.press("#sections a", "Politics")
    editor.sees("h1", "Politics")
    editor.press("a.title", "Council votes itself a pay rise")
    editor.sees("h1", "Council votes itself a pay rise")
    editor.draws(2)
    editor.press("summary", "As a table")
    editor.sees("th", "Angry")
    editor.press("nav a", "Articles")
    editor.press("th a", "Split")
    wait_until(lambda: editor.text("[aria-sort]").startswith("Split"), "sorted by split")
    editor.fill("Find in titles", "council")
    editor.js("document.querySelector('form.filters').requestSubmit()")
    wait_until(lambda: "q=council" in editor.js("return location.search"), "filtered")
    wait_until(lambda: all("council" in title.lower() for title in editor.texts(".listing .title")), "only such titles")

    assert len(editor.texts(".listing .title")) > 1
    assert editor.complaints() == []


@pytest.fixture
def lent(office: Paper) -> Iterator[Paper]:
    """The office with one more import; its set and its webhooks are for others as they were."""
    engine = create_engine(office.database_url)
    with writing(engine) as connection:
        site = sites.get(connection, "daily")
        record.put(connection, Import(site.id, "older-blog", "csv", "older.csv", "1" * 64, "a test", 1), known=None)
    yield office
    with writing(engine) as connection:
        sites.change(connection, "daily", reactions=site.reactions)
        connection.execute(delete(tables.webhook))
    engine.dispose()


def test_a_day_of_settings(firefox: Driver, lent: Paper) -> None:
    editor = Editor(firefox, lent)

    make_a_set(editor)
    close_an_article_and_undo_it(editor)
    make_a_key_and_revoke_it(editor)
    hear_why_a_receiver_refuses(editor)
    remove_an_import(editor)

    assert votes_on(lent) == {"a": 3}
    assert editor.complaints() == []


def make_a_set(editor: Editor) -> None:
    """Rename, colour, move and add; the preview shows it before it is saved, and the dashboard after."""
    editor.goto("/dashboard/settings/reactions")
    editor.sees("button", "Love, 64")
    editor.fill("Label (en), Love", "Adore")
    editor.js("""const picker = document.querySelector('[name="colour.love"]');
        picker.value = "#b00060"; picker.dispatchEvent(new Event("input", {bubbles: true}))""")
    editor.press("button", "Up: Love")
    editor.press("summary", "Add a reaction")
    editor.fill("Emoji, the new reaction", "🎈")
    editor.fill("Label (en), the new reaction", "Party")
    editor.sees("#legend li", "Party")
    editor.press("button", "Adore, 12")
    editor.sees("button", "Adore, 13")
    editor.press("button", "Save the set")
    editor.sees("[role=status]", "The set is saved. Readers are offered:")

    said = editor.text("[role=status].done, .done")
    assert re.search(r"Adore, .*Party\.", said)
    editor.goto("/dashboard")
    assert editor.js("return getComputedStyle(document.querySelector('.swatch.paint-love')).backgroundColor") == "rgb(176, 0, 96)"


def close_an_article_and_undo_it(editor: Editor) -> None:
    editor.goto("/dashboard/article?article=a")
    editor.press("button", "Close voting")
    editor.sees("[role=status]", "Voting on this article has ended.")
    editor.press("button", "Undo")
    editor.sees("[role=status]", "Undone: Voting ended.")


def make_a_key_and_revoke_it(editor: Editor) -> None:
    editor.goto("/dashboard/settings/keys")
    editor.fill("What it is for", "Newsletter")
    editor.fill("write")
    editor.press("button", "Make the key")
    editor.sees("code.secret", "rk_")
    editor.press("button", "Revoke Newsletter")
    editor.sees("[role=status]", "The key “Newsletter” is revoked")


def hear_why_a_receiver_refuses(editor: Editor) -> None:
    editor.goto("/dashboard/settings/alerts")
    with receiving((403, {"Content-Type": "text/plain"}, b"This channel is archived")) as receiver:
        editor.fill("Send alerts to", receiver.url)
        editor.press("button", "Add the webhook")
        editor.sees("[role=status]", "Alerts go to")
        editor.js(
            "[...document.querySelectorAll('main button')].findLast((each) => /Send a test/.test(each.textContent)).click()"
        )
        editor.sees("[role=status]", "The test did not arrive. 127.0.0.1 answered 403: This channel is archived")


def remove_an_import(editor: Editor) -> None:
    editor.goto("/dashboard/settings/imports")
    editor.press("button", "Remove … older-blog")
    editor.press("button", "Remove it")
    wait_until(lambda: "from older-blog are removed" in editor.text("main"), "removed")
