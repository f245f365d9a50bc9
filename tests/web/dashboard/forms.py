"""The forms of a page, pressed as a browser without JavaScript does."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient

from tests.web.dashboard.test_pages import words

PAGE = "/dashboard/review"


class Forms(HTMLParser):
    """The buttons of a page, by their words, with what each would send and where."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.buttons: dict[str, tuple[str, dict[str, str]]] = {}
        self._action, self._hidden, self._button, self._text = "", {}, None, ""  # type: ignore[var-annotated]
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._action, self._hidden = given["action"], {}
        elif tag == "input" and given.get("type") == "hidden":
            self._hidden[given["name"]] = given["value"]
        elif tag == "button":
            self._button, self._text = given, ""

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "button" and self._button is not None:
            own = {self._button["name"]: self._button["value"]} if "name" in self._button else {}
            name = " ".join(self._text.split())
            self.buttons.setdefault(name, (self._button.get("formaction", self._action), {**self._hidden, **own}))
            self._button = None


def press(client: FlaskClient, name: str, page: str = PAGE, **ticked: Any) -> str:
    """Press the first button whose words begin so; return the words of the page that follows."""
    buttons = Forms(client.get(page).text).buttons
    action, sent = next(form for words_, form in buttons.items() if words_.startswith(name))
    return send(client, action, {**sent, **ticked})


def send(client: FlaskClient, path: str, form: Mapping[str, Any]) -> str:
    answer = client.post(path, data=form)
    assert (answer.status_code, answer.location.startswith(PAGE)) == (303, True), answer.text
    return words(client.get(answer.location).text)
