"""Build the documentation as a site: `python docs/build_site.py`. A link that leads nowhere, or to no heading, fails the build.

The pages are written to be read where they lie, so links lead out of docs/ to files of the repository. On the site these lead to
the repository's own pages, and README.md is the start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REPOSITORY = "https://github.com/reader-reactions/reader-reactions"
PAGES = {"README.md": "index.md"} | {name: name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md")}
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)(#[^)\s]*)?(?=\))")


def place_of(file: Path) -> str | None:
    """Where a file of the repository is on the site; None if it is not."""
    name = str(file.relative_to(ROOT))
    return name.removeprefix("docs/") if file.is_relative_to(DOCS) and file.is_file() else PAGES.get(name)


def page(source: Path) -> str:
    """A page with its links as they are on the site."""
    depth = (place_of(source) or "").count("/")

    def target(link: re.Match[str]) -> str:
        file = Path(os.path.normpath(source.parent / link[1]))
        if not file.exists():
            sys.exit(f"{source.relative_to(ROOT)}: {link[1]} leads nowhere")
        place = place_of(file)
        if place is None:
            return f"{REPOSITORY}/{'tree' if file.is_dir() else 'blob'}/main/{file.relative_to(ROOT)}{link[2] or ''}"
        return "../" * depth + place + (link[2] or "")

    parts = re.split(r"(^```.*?^```|`[^`\n]*`)", source.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("`") else _LINK.sub(target, part) for part in parts)


def gather(folder: Path) -> None:
    """Put the pages and pictures where the generator reads them."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns("*.md", "*.py", "*.toml", "__pycache__"))
    shutil.copy(DOCS / "zensical.toml", folder)
    for source in [*DOCS.rglob("*.md"), *(ROOT / name for name in PAGES)]:
        place = folder / "docs" / str(place_of(source))
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(page(source), encoding="utf-8")


def build(folder: Path) -> int:
    """Gather the pages and write the site; return the generator's exit code."""
    gather(folder)
    return subprocess.run([sys.executable, "-m", "zensical", "build", "--strict", "--clean"], cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.exit(build(ROOT / "build" / "docs"))
