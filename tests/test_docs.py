"""The documentation says what is so: settings, problems, metrics, log lines, commands and links are held against the code.

Some parts are written by machine. After a change of a setting, a problem or a column of the exports:

    python -c "from tests import test_docs; test_docs.write()"
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from prometheus_client import REGISTRY

from reactions.commands import cli
from reactions.exports import columns
from reactions.exports.columns import TABLES
from reactions.settings import NAMES, PREFIX, default_file
from reactions.web import problems

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
SETTINGS, API, OPERATING, EXPORTS = (DOCS / f"{name}.md" for name in ("settings", "api", "operating", "exports"))
BESIDE = [ROOT / "bench" / "README.md", ROOT / "reactions" / "widget" / "README.md", ROOT / "tests" / "corpus" / "README.md"]
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *BESIDE])
HOW_TO_WRITE = 'write it anew: python -c "from tests import test_docs; test_docs.write()"'
FIRST_SCREEN_LINES = 60

_SETTING = re.compile(r"(\w+) = (.+?)\s*(?:# (.*))?")
_PROBLEMS = re.compile(r"(?<=<!-- problems: written by tests/test_docs.py -->\n).*(?=<!-- /problems -->)", re.DOTALL)
_HEAD = f"""\
# Settings

This page is generated from [config/default.toml](../config/default.toml), which has the defaults. Set a setting in the TOML
file that `REACTIONS_CONFIG` names, or in the environment as `{PREFIX}` and its name in capitals:
`{PREFIX}BIND=127.0.0.1:8080`. The environment overrides the file. `{PREFIX}<NAME>_FILE` reads the value from a file. Separate the
items of a list in the environment by commas.

`reactions settings` shows the present values. [operating.md](operating.md#settings) says which setting serves which purpose."""


def settings_page() -> str:
    """docs/settings.md, from the shipped defaults."""
    lines = [_HEAD]
    for line in default_file().read_text(encoding="utf-8").splitlines():
        if section := re.fullmatch(r"# --- (.+) ---", line):
            title = section[1][0].upper() + section[1][1:]
            lines.append(f"\n## {title}\n\n| Setting | Default | Meaning |\n|---|---|---|")
        elif setting := _SETTING.fullmatch(line):
            name, default, meaning = setting.groups()
            said = meaning or name.replace("_", " ")
            lines.append(f"| `{name}` | `{default}` | {said.replace('|', chr(92) + '|')} |")
    return "\n".join(lines) + "\n"


def problems_table() -> str:
    """The table of docs/api.md, from the problems that the service knows."""
    rows = sorted((status, name, title) for name, (status, title) in problems.ALL.items())
    listed = [f"| {status} | `/problems#{name}` | {title} |" for status, name, title in rows]
    return "\n".join(["| Status | `type` | `title` |", "|---|---|---|", *listed, ""])


def write() -> None:
    """Write what is written by machine."""
    SETTINGS.write_text(settings_page(), encoding="utf-8")
    EXPORTS.write_text(columns.page(), encoding="utf-8")
    API.write_text(_PROBLEMS.sub(lambda _: problems_table(), text(API)), encoding="utf-8")


def test_every_column_of_the_exports_is_documented() -> None:
    assert text(EXPORTS) == columns.page(), HOW_TO_WRITE

    told = set(re.findall(r"^\| `(\w+|\w+<reaction>)` \|", text(EXPORTS), re.MULTILINE))
    assert told >= {column.name for table in TABLES.values() for column in table.columns}


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    assert text(SETTINGS) == settings_page(), HOW_TO_WRITE

    rows = dict(re.findall(r"^\| `(\w+)` \| `(.+?)` \| \S", text(SETTINGS), re.MULTILINE))
    assert {name: tomllib.loads(f"x = {value}")["x"] for name, value in rows.items()} == tomllib.loads(text(default_file()))
    assert list(rows) == NAMES


def test_how_old_counts_can_be_is_the_same_on_every_page_and_the_sum_of_its_settings() -> None:
    shipped = tomllib.loads(text(default_file()))
    caches = "shared_max_age_s", "stale_while_revalidate_s", "max_age_s", "stale_while_revalidate_s"  # a shared one, a browser's
    longest_s = shipped["counts_memory_s"] + sum(shipped[f"counts_{each}"] for each in caches)

    for page in (API, DOCS / "scaling.md", DOCS / "integrity.md"):
        assert re.search(rf"\b{longest_s:g}\s+seconds (?:at most|as shipped)|as shipped, {longest_s:g} seconds", text(page)), page


def test_every_problem_is_documented() -> None:
    found = _PROBLEMS.search(text(API))

    assert found
    assert found[0] == problems_table(), HOW_TO_WRITE


def test_every_metric_is_documented_and_no_other() -> None:
    ours = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("reactions_")}
    told = set(re.findall(r"^\| `(reactions_\w+?)(?:_total)?(?:\{\w+\})?` \|", text(OPERATING), re.MULTILINE))

    assert told == ours


def test_every_log_line_is_explained() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "reactions").rglob("*.py"))
    written = re.findall(r"\blog\.([a-z]+)\(\s*\"([^\"]+)\"", sources)
    logged = {(event, "error" if level == "exception" else level) for level, event in written}
    told = re.findall(r"^\| `([a-z ]+)` \| ([a-z]+) \|", text(OPERATING), re.MULTILINE)

    assert logged
    assert sorted(told) == sorted(logged)


def test_the_first_screen_of_the_readme_is_one_screen() -> None:
    first = text(ROOT / "README.md").split("\n## Install\n")[0]

    assert len(first.splitlines()) <= FIRST_SCREEN_LINES
    for needed in ("make demo", "make test", "<reader-reactions ", "docs/images/", "never promised"):
        assert needed in first


def test_every_decision_is_listed_and_numbered() -> None:
    pages = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))

    assert [name[:4] for name in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert re.findall(r"\]\((\d{4}-.+?\.md)\)", text(DOCS / "decisions" / "README.md")) == pages
    for name in pages:
        page = text(DOCS / "decisions" / name)
        assert page.startswith(f"# {name[:4]} ")
        assert [part for part in ("**Context.**", "**Decision.**", "**Given up.**") if part not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", _without_code(text(page)))

    assert [target for target in targets if not _resolves(page, target)] == []


def _without_code(page: str) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", page, flags=re.DOTALL | re.MULTILINE)


def _resolves(page: Path, target: str) -> bool:
    if re.match(r"[a-z]+:", target):
        return True
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return file.exists() and (not anchor or anchor in _anchors(file))


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_exists(page: Path) -> None:
    unknown = [" ".join(words) for words in _commands(page) if not _exists(words)]

    assert unknown == []


def test_every_command_with_json_says_what_its_document_has() -> None:
    rows = re.findall(r"^\| `(reactions .+?)` \|", text(OPERATING), re.MULTILINE)
    told = {_name_of(words) for row in rows if (words := shlex.split(row))[-1] == "--json"}

    assert sorted(told) == sorted(_with_json(cli, ""))


def _name_of(words: list[str]) -> str:
    """The command that words call, without its arguments."""
    command: click.Command = cli
    names = []
    for word in words[1:]:
        if isinstance(command, click.Group) and (below := command.get_command(click.Context(command), word)):
            command = below
            names.append(word)
    return " ".join(names)


def _with_json(command: click.Command, name: str) -> Iterator[str]:
    if isinstance(command, click.Group):
        for word in command.list_commands(click.Context(command)):
            if below := command.get_command(click.Context(command), word):
                yield from _with_json(below, f"{name} {word}".strip())
    elif any("--json" in parameter.opts for parameter in command.params):
        yield name


def _commands(page: Path) -> Iterator[list[str]]:
    """What the page tells to run: lines of its shell blocks, and what stands in single backticks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`((?:reactions|make) [^`\n]+)`", text(page))
    for line in lines:
        if re.match(r"(reactions|make) ", line):
            yield shlex.split(line, comments=True)


def _exists(words: list[str]) -> bool:
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return all(word in targets or "=" in word for word in words[1:])
    command: click.Command = cli
    for word in words[1:]:
        if isinstance(command, click.Group) and not word.startswith("-"):
            below = command.get_command(click.Context(command), word)
            if below is None:
                return word == "…"
            command = below
        elif word.startswith("--"):
            known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
            if word.partition("=")[0] not in known:
                return False
    return True
