"""Code in the documentation is code: each snippet is read by its own language, and names only what there is."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from tests.test_docs import DOCS, PAGES, ROOT, text
from tests.widget.checks import WIDGET, node

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
RECIPES = [path for path in (ROOT / "integrations").rglob("*") if path.suffix in (".html", ".shtml", ".hbs", ".astro")]


def shell(code: str) -> None:
    told = subprocess.run(["bash", "-n"], input=code, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


def javascript(code: str) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".mjs", encoding="utf-8") as file:
        file.write(shortened(code))
        file.flush()
        told = node("--check", file.name)
    assert told.returncode == 0, told.stderr


def json_text(code: str) -> None:
    json.loads(shortened(code))


def shortened(code: str) -> str:
    """The code without the signs for what is left out."""
    return re.sub(r",?\s*…", "", code)


def php(code: str) -> None:
    if shutil.which("php"):
        told = subprocess.run(["php", "-l"], input=f"<?php {code}", capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stdout


class Elements(HTMLParser):
    """Our elements in a piece of HTML, with their attributes; those of the single tag without data-."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.found: list[tuple[str, set[str]]] = []
        self.feed(code)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag in ("reader-reactions", "reaction-count"):
            self.found.append((tag, names))
        if tag == "script" and "data-site" in names:
            self.found.append(("reader-reactions", {name.removeprefix("data-") for name in names if name.startswith("data-")}))


def html(code: str) -> None:
    described = json.loads((WIDGET / "custom-elements.json").read_text(encoding="utf-8"))["modules"][0]["declarations"]
    known = {one["tagName"]: {attribute["name"] for attribute in one["attributes"]} for one in described}
    for tag, names in Elements(code).found:
        assert names - known[tag] - {"class", "id", "hidden", "style", "lang"} == set(), tag


READERS: dict[str, Callable[[str], object]] = {
    "sh": shell, "json": json_text, "toml": tomllib.loads, "yaml": yaml.safe_load, "python": ast.parse, "js": javascript,
    "php": php, "html": html,
}  # fmt: skip
BY_OTHERS = {"css", "sql"}  # docs/analysis runs its SQL; the widget's looks are tested with the documented CSS


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_snippet_is_of_its_language(page: Path) -> None:
    for language, code in _FENCED.findall(text(page)):
        if language not in BY_OTHERS:
            READERS[language](code)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_recipes_give_only_attributes_that_there_are(path: Path) -> None:
    html(re.sub(r"<!--#.*?-->", "", path.read_text(encoding="utf-8")))  # what a server includes is no HTML yet


FAULTY = {
    "sh": "for x in 1; do",
    "json": "{a}",
    "toml": "a =",
    "python": "def",
    "js": "let let",
    "html": "<reaction-count sit=x>",
}


@pytest.mark.parametrize("language", FAULTY)
def test_the_readers_find_faults(language: str) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError)):
        READERS[language](FAULTY[language])


def test_snippets_are_found() -> None:
    assert len(_FENCED.findall(text(DOCS / "widget.md"))) > 9
