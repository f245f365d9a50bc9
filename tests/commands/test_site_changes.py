"""What `reactions site set` and `reactions set` say of what they changed. On both engines."""

from __future__ import annotations

import pytest

from tests.web.terminal import Terminal

ADD = ("site", "add", "weekly", "--name", "The Weekly", "--origin", "https://weekly.example")


def test_what_replaces_a_list_says_what_came_and_what_went(terminal: Terminal) -> None:
    terminal.do(*ADD)

    replaced = terminal.do("site", "set", "weekly", "--origin", "https://new.example", "--article-pattern", "news/*")
    again = terminal.do("site", "set", "weekly", "--origin", "https://new.example")
    renamed = terminal.do("site", "set", "weekly", "--name", "Weekly", "--close-after-days", "9")

    assert replaced.partition("\nChanged:\n")[2] == (
        "  origins: + https://new.example  - https://weekly.example\n  patterns: + news/*\n"
    )
    assert again.endswith("\nNothing has changed: so it was before.\n")
    assert renamed.partition("\nChanged:\n")[2] == "  name: The Weekly -> Weekly\n  closing: never -> after 9 days\n"


def test_single_origins_come_and_go(terminal: Terminal) -> None:
    terminal.do(*ADD)
    more = ("--add-origin", "https://A.example/", "--add-origin", "http://localhost:8080")

    assert "+ http://localhost:8080  + https://a.example\n" in terminal.do("site", "set", "weekly", *more)
    both = terminal.do("site", "set", "weekly", "--remove-origin", "https://weekly.example", "--add-origin", "https://b.example")

    assert "origins       http://localhost:8080, https://a.example, https://b.example\n" in both
    assert "  origins: + https://b.example  - https://weekly.example\n" in both


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--remove-origin", "https://other.example"),
            "weekly has no origin https://other.example. It has: https://weekly.example.",
        ),
        (("--remove-origin", "https://weekly.example"), "weekly needs an origin."),
        (("--origin", "https://a.example", "--add-origin", "https://b.example"), "--origin names all origins."),
        (("--add-origin", "https://a.example/path"), "'https://a.example/path' is no origin."),
    ],
)
def test_origins_that_cannot_come_or_go_are_told(terminal: Terminal, options: tuple[str, ...], said: str) -> None:
    terminal.do(*ADD)

    refused = terminal.type("site", "set", "weekly", *options)

    assert refused.code != 0
    assert said in refused.err
    assert "(https://weekly.example)" in terminal.do("site", "list")


def test_a_change_of_a_set_and_of_a_section_says_what_has_changed(terminal: Terminal) -> None:
    terminal.do(*ADD)

    assert terminal.do("set", "rename", "weekly", "wow", "Surprising").endswith("  wow: + 'Surprising' (en)  - 'Wow' (en)\n")
    assert terminal.do("set", "retire", "weekly", "sad").endswith("Changed:\n  offered: - 😢 sad\n  retired: + sad\n")
    assert "  offered: 👍 like, " in terminal.do("set", "order", "weekly", "wow")
    assert terminal.do("set", "section", "weekly", "Sport", "like", "love").partition("Changed:\n")[2].startswith("  Sport: - ")
