"""The documentation as a site: every page is in it, every link leads somewhere, and it asks nobody else for anything."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request, expect

from tests.databases import PROJECT
from tests.widget.conftest import context, page
from tests.widget.publisher import Pages

__all__ = ["context", "page"]
PARTS = ("docs", "bench/README.md", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
REPOSITORY = "https://github.com/reader-reactions/reader-reactions"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the site is made of, and of what it leads to."""
    folder = tmp_path_factory.mktemp("tree")
    for part in PARTS:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT / part).is_dir() else shutil.copy
        copy(PROJECT / part, folder / part)
    for part in ("integrations", "deploy", "config", "tests"):
        (folder / part).symlink_to(PROJECT / part)
    return folder


def build(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "docs/build_site.py"], cwd=tree, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.fixture(scope="module")
def site(tree: Path) -> Path:
    """The built site, where no later build reaches it."""
    done = build(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    return (tree / "build" / "docs" / "site").rename(tree / "site")


def pages_of(navigation: list[Any]) -> Iterator[str]:
    """The pages of a part of the navigation."""
    for entry in navigation:
        for below in entry.values():
            yield from [below] if isinstance(below, str) else pages_of(below)


def test_every_page_is_in_the_navigation_once(site: Path) -> None:
    navigation = tomllib.loads((PROJECT / "docs" / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    listed = list(pages_of(navigation))

    docs = {str(path.relative_to(PROJECT / "docs")) for path in (PROJECT / "docs").rglob("*.md")}
    decisions = {name for name in docs if name.startswith("decisions/0")}
    assert sorted(listed) == sorted({*docs - decisions, "index.md", *(part for part in PARTS[1:] if part != "README.md")})
    assert all(
        (site / name.replace("README.md", "index.html").replace(".md", ".html")).is_file() for name in [*listed, *decisions]
    )


@pytest.mark.parametrize(
    "targets", [("nowhere.md",), ("images/none.png",), ("../deploy/none",), ("widget.md#not-there", "#nor-here")]
)
def test_a_link_that_leads_nowhere_fails_the_build(tree: Path, targets: tuple[str, ...]) -> None:
    place = tree / "docs" / "privacy.md"
    whole = place.read_text(encoding="utf-8")
    place.write_text(whole + "".join(f"\n[x]({target})\n" for target in targets), encoding="utf-8")

    done = build(tree)

    place.write_text(whole, encoding="utf-8")
    said = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    assert done.returncode != 0
    assert [target for target in targets if (target.partition("#")[2] or target) not in said] == []
    assert "privacy.md" in said


def test_it_is_read_in_a_browser_without_a_request_to_anybody_else(page: Page, site: Path) -> None:
    pages = Pages()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    put(pages, site)

    page.goto(f"{pages.origin}/index.html")
    page.get_by_role("link", name="Recipes").first.click()
    expect(page.get_by_role("heading", name="Recipes", exact=False).first).to_be_visible()

    expect(page.get_by_role("link", name="integrations/hugo")).to_have_attribute(
        "href", f"{REPOSITORY}/tree/main/integrations/hugo"
    )
    assert foreign(asked, pages) == []
    page.close()  # before its server, which it may still ask
    pages.close()


def put(pages: Pages, site: Path) -> None:
    kinds = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".json": "application/json"}
    kinds |= {".png": "image/png", ".svg": "image/svg+xml"}
    for path in site.rglob("*"):
        if path.is_file():
            name = f"/{path.relative_to(site)}"
            pages.bodies[name] = (path.read_bytes(), {"Content-Type": kinds.get(path.suffix, "application/octet-stream")})


def foreign(asked: list[Request], pages: Pages) -> list[str]:
    return [request.url for request in asked if not request.url.startswith((pages.origin, "data:", "blob:"))]
