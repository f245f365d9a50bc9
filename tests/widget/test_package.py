"""The file on the wire and the npm module around it: small, typed, described, and one version throughout."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.databases import PROJECT
from tests.lengths import only_at_length
from tests.widget.checks import WIDGET, lint, node, npm, tools, tsc

SOURCE = (WIDGET / "v1.js").read_text(encoding="utf-8")
MOST_BYTES = 8_100


def manifest(tag: str) -> dict[str, Any]:
    modules = json.loads((WIDGET / "custom-elements.json").read_text(encoding="utf-8"))["modules"]
    return next(found for found in modules[0]["declarations"] if found["tagName"] == tag)


def test_it_weighs_little() -> None:
    packed = subprocess.run(["gzip", "-9", "-c", str(WIDGET / "v1.js")], capture_output=True, check=True).stdout
    weight = len(packed)  # the file's name included

    print(f"widget: {weight:,} bytes gzipped, {len(SOURCE.encode()):,} as it lies")
    assert weight <= MOST_BYTES


def test_it_has_one_version() -> None:
    package = json.loads((WIDGET / "package.json").read_text(encoding="utf-8"))

    assert re.search(r"\d+\.\d+\.\d+", SOURCE.splitlines()[0]).group() == package["version"]  # type: ignore[union-attr]


@only_at_length
def test_its_types_are_sound() -> None:
    """`tsc --checkJs --strict`, as tsconfig.json has it. `make check`, with which `make test` begins, does the same."""
    checked = tsc("--project", WIDGET / "tsconfig.json")

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
if (row) row.article = "other";
row?.addEventListener("reaction-change", (event) => {
  const change: ReactionChange = event.detail;
  const was: string | null = change.previous;
  const likes: number | null | undefined = change.counts["like"];
  console.log(was, likes, change.site, change.article, change.total?.toFixed(), total);
});
document.addEventListener("reaction-change", (event) => event.detail.reaction);
"""
    (tmp_path / "page.ts").write_text(page)
    assert tsc("--project", tmp_path).stdout == ""

    (tmp_path / "page.ts").write_text(page + 'document.addEventListener("reaction-change", (event) => event.detail.nothing);')
    assert "nothing" in tsc("--project", tmp_path).stdout


def test_importing_it_where_there_is_no_page_does_nothing() -> None:
    """Frameworks render on a server first."""
    imported = node("--input-type=module", "--eval", f"await import({(WIDGET / 'v1.js').as_uri()!r})")

    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")


JSDOM = """
class Element {}
Object.assign(globalThis, {
  window: globalThis, HTMLElement: Element, CSSStyleSheet: class {}, location: {pathname: "/"},
  customElements: {get() {}, define() { throw new Error("defined") }},
  document: {currentScript: null, querySelectorAll: () => []},
});
"""


def test_importing_it_where_a_page_is_played_does_nothing() -> None:
    """As jsdom has it: custom elements, and no layout to observe."""
    imported = node("--input-type=module", "--eval", f"{JSDOM} await import({(WIDGET / 'v1.js').as_uri()!r})")

    assert (imported.returncode, imported.stdout, imported.stderr) == (0, "", "")


FRAMEWORKS = {
    "react.tsx": """
import "reader-reactions";
import type {} from "react";
export const row = (
  <reader-reactions site="daily" article={7} className="x" icons="none" onreaction-change={(event) => event.detail.total} />
);
export const number = <reaction-count site="daily" article="a" key="1" />;
""",
    "preact.tsx": """/** @jsxImportSource preact */
import "reader-reactions";
export const row = <reader-reactions site="daily" article="a" class="x" />;
export const number = <reaction-count site="daily" article="a" />;
""",
    "vue.ts": """
import "reader-reactions";
import type { GlobalComponents } from "vue";
export const row: InstanceType<GlobalComponents["reader-reactions"]>["$props"] = { site: "daily", article: "a" };
export const number: InstanceType<GlobalComponents["reaction-count"]>["$props"] = { site: "daily" };
""",
    "svelte.ts": """
import "reader-reactions";
import type { SvelteHTMLElements } from "svelte/elements";
export const row: SvelteHTMLElements["reader-reactions"] = { site: "daily", article: "a", class: "x" };
export const number: SvelteHTMLElements["reaction-count"] = { site: "daily", article: "a" };
""",
    "angular.ts": """
import "reader-reactions";
const row = document.createElement("reader-reactions");
row.article = "a";
row.heading = null;
export const article: string | number | null | undefined = row.article;
""",
}


def test_both_tags_are_typed_in_the_templates_of_frameworks(tmp_path: Path) -> None:
    """And nothing is amiss where a framework is not installed: test_the_types_for_embedders_hold has none."""
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for module in tools().iterdir():
        (modules / module.name).symlink_to(module)
    package = modules / "reader-reactions"
    package.mkdir()
    for name in ("package.json", "index.d.ts", "v1.js"):
        (package / name).write_bytes((WIDGET / name).read_bytes())
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name, text in FRAMEWORKS.items():
        (tmp_path / name).write_text(text)
    options = {
        "strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler", "jsx": "react-jsx",
        "lib": ["es2022", "dom"], "types": ["react"], "skipLibCheck": True, "preserveSymlinks": True,
    }  # fmt: skip
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": list(FRAMEWORKS)}))

    assert tsc("--project", tmp_path).stdout == ""

    for name, right, wrong in (("react.tsx", 'site="daily"', "site={{}}"), ("svelte.ts", 'site: "daily"', "site: {}")):
        (tmp_path / name).write_text(FRAMEWORKS[name].replace(right, wrong, 1))
    named = re.findall(r"(\w+\.tsx?)\(", tsc("--project", tmp_path).stdout)
    assert set(named) == {"react.tsx", "svelte.ts"}


@only_at_length
def test_its_javascript_is_linted() -> None:
    """As by `make check`."""
    checked = lint()

    assert checked.returncode == 0, checked.stdout


def test_the_folder_packs_with_its_licence(tmp_path: Path) -> None:
    packed = npm("pack", "--json", "--dry-run", WIDGET, cwd=tmp_path)

    (package,) = json.loads(packed.stdout)
    assert {entry["path"] for entry in package["files"]} == {
        "LICENSE", "README.md", "custom-elements.json", "index.d.ts", "package.json", "v1.js", "v1.json",
    }  # fmt: skip
    assert (WIDGET / "LICENSE").read_bytes() == (PROJECT / "LICENSE").read_bytes()


def test_the_lock_file_names_no_address() -> None:
    """npm writes where each package came from, and who asks for money for it; take both out again (`funding`, `resolved`)."""
    assert "://" not in (WIDGET / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("tag", ["reader-reactions", "reaction-count"])
def test_the_manifest_lists_what_the_source_observes(tag: str) -> None:
    observed = set(re.search(r'"(heading [a-z ]+)"', SOURCE).group(1).split())  # type: ignore[union-attr]

    described = {attribute["name"] for attribute in manifest(tag)["attributes"]}

    assert described == observed if tag == "reader-reactions" else described < observed


def test_parts_properties_and_attributes_are_described_and_documented() -> None:
    documented = (PROJECT / "docs" / "widget.md").read_text(encoding="utf-8")
    row = manifest("reader-reactions")
    parts = set(re.findall(r"\[part=(\w+)\]", SOURCE))
    properties = set(re.findall(r"var\((--reactions-[a-z]+)", SOURCE + (WIDGET / "v1.json").read_text(encoding="utf-8")))

    assert {part["name"] for part in row["cssParts"]} == parts
    assert {name["name"] for name in row["cssProperties"]} == properties
    assert [event["name"] for event in row["events"]] == ["reaction-change"]
    for name in [*(f"`{part}`" for part in parts), *properties, *(f"`{a['name']}`" for a in row["attributes"])]:
        assert name in documented, f"docs/widget.md does not mention {name}"


def test_every_file_of_the_module_is_there() -> None:
    package = json.loads((WIDGET / "package.json").read_text(encoding="utf-8"))

    assert [name for name in package["files"] if not (WIDGET / name).is_file()] == []
    assert (WIDGET / "README.md").is_file()
