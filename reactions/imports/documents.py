"""JSON documents: one value, or one value a line."""

from __future__ import annotations

import json
from typing import Any

from reactions.imports.opening import Source
from reactions.refusals import UnreadableImport


def read(source: Source) -> Any:
    """The value; of several values on lines of their own, their list. Raises UnreadableImport."""
    text = source.text()
    try:
        return _parsed(text)
    except json.JSONDecodeError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or error.msg != "Extra data":
            raise _unreadable(error, error.lineno) from None
    return [_line(number, line) for number, line in enumerate(lines, start=1)]


def _line(number: int, line: str) -> Any:
    try:
        return _parsed(line)
    except json.JSONDecodeError as error:
        raise _unreadable(error, number) from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_members, parse_constant=_refuse_constant)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):  # a number of thousands of digits; a document nested thousands deep
        raise UnreadableImport(
            "The file is no JSON that can be imported: it is nested too deep, or a number is too long."
        ) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. What a second member of one name would do away with silently is a fault."""
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = next(name for name, _ in pairs if sum(name == other for other, _ in pairs) > 1)
        raise UnreadableImport(f"The member {twice[:100]!r} stands twice in one object. Keep one.")
    return members


def _refuse_constant(name: str) -> Any:
    raise UnreadableImport(f"The file holds {name}, which is no number of JSON.")


def _unreadable(error: json.JSONDecodeError, line: int) -> UnreadableImport:
    return UnreadableImport(f"Line {line}: not JSON: {error.msg}.")
