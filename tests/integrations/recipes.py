"""Small sites with the recipes of `integrations/`, built by the tools that publishers build theirs with.

A site is a dictionary from paths to bodies. It names the service as the recipes do; what serves it puts the real address there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.databases import PROJECT
from tests.widget import checks

RECIPES = PROJECT / "integrations"
MODULES = Path(__file__).parent / "modules"
SERVICE, PAGES = "https://reactions.example.org", "https://www.example.org"
KEY = "/politics/harbour-bridge"  # in all recipes that are pasted rather than built
HEAVY = "RECIPES"  # in the environment: build the sites that take long, too
STYLE = "<style>body { font: 18px/1.5 Arial, sans-serif; max-width: 40rem; margin: 1rem auto; padding: 0 1rem }</style>"
HEAD = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">{STYLE}'
TEXT = "A whole text."
AFTER = '<p id="after">More on this article.</p>'

Site = dict[str, bytes]


@dataclass(frozen=True)
class Recipe:
    """How to build a small site: its article is at `path` and counts for `key`; "Next article" leads to that of `next_key`."""

    name: str
    build: Callable[[Path], Site]
    path: str
    key: str
    next_key: str = ""
    program: str = ""
    modules: str = ""

    def missing(self) -> str:
        """Why the site cannot be built on this machine; nothing if it can."""
        if self.program and not shutil.which(self.program):
            return f"not installed (Debian: apt-get install {self.program})"
        if self.modules == "heavy" and HEAVY not in os.environ:
            return f"takes long: make recipes builds it, or {HEAVY}=1 in the environment"
        if self.modules:
            try:
                checks.tools(MODULES / self.modules)
            except RuntimeError as error:
                return f"npm could not install its modules: {str(error)[-200:]}"
        return ""

    def made(self) -> Site:
        """Build the site in a folder of its own: with npm's modules above it, where all of npm's tools look for them."""
        above = checks.tools(MODULES / self.modules).parent if self.modules else None
        folder = Path(tempfile.mkdtemp(prefix="recipe-", dir=above))
        try:
            return self.build(folder)
        finally:
            shutil.rmtree(folder)


def module(folder: Path, name: str) -> Path:
    """A file of npm's modules, for the site in this folder."""
    return folder.parent / "node_modules" / name


def recipe(name: str) -> str:
    """A file that publishers copy."""
    return (RECIPES / name).read_text(encoding="utf-8")


def keyed(name: str, key: str) -> str:
    """A file that publishers paste, with another article's key in it."""
    assert f'"{KEY}"' in recipe(name)
    return recipe(name).replace(f'"{KEY}"', f'"{key}"')


def document(body: str, head: str = "") -> bytes:
    """An article's page."""
    return (
        f"<!doctype html><html lang=en><head><title>Harbour bridge</title>{HEAD}{head}</head>"
        f"<body><main><h1>Harbour bridge to close</h1><p>{TEXT}</p>{body}{AFTER}</main></body></html>"
    ).encode()


def files_of(folder: Path, prefix: str) -> Site:
    """What a generator has written, as a web server would serve it below `prefix`."""
    found: Site = {}
    for path in folder.rglob("*"):
        if path.is_file():
            name = quote(f"{prefix}/{path.relative_to(folder)}")
            found[name] = path.read_bytes()
            if path.name == "index.html":
                found[name.removesuffix("index.html")] = path.read_bytes()
    return found


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the sources of a site."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def copy(folder: Path, system: str, into: str = ".") -> None:
    """Copy the files of a recipe to where its README says."""
    shutil.copytree(RECIPES / system, folder / into, dirs_exist_ok=True)


def run(*command: str, cwd: Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a generator."""
    alone = {"HOME": str(cwd), "TZ": "UTC", "LANG": "C.UTF-8", **(environ or {})}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, **alone}, timeout=400)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def run_node(program: str, *options: str, cwd: Path, environ: Mapping[str, str] | None = None) -> None:
    """Run a program of npm's with the node of the development environment."""
    done = checks.node(
        module(cwd, program), *options, cwd=cwd, environ={**os.environ, "HOME": str(checks.KEPT_IN), **(environ or {})}
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
