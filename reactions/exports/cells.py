"""Text in the cells of a CSV: no spreadsheet takes it for a formula, all programs read it alike, and it can be had back exactly.

Most text stands as it is. Text that would not be safe is marked: an apostrophe goes before it, and within it a backslash becomes
two, and what programs read differently (controls, line ends but LF) is escaped as in JSON. `read` takes that back. A list of
names is a JSON array and needs no mark.

A spreadsheet that splits a line at other signs than the comma must not find a formula there either: a semicolon, tab or line end
before one is escaped too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

MARK = "'"
_FORMULA = "[=+\\-@\uff0b\uff0d\uff1d\uff20]"
_UNSAFE = "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"
_HIDDEN_FORMULA = f"[;\t\n](?=[\\s\"']*{_FORMULA})"
_TO_MARK = re.compile(f"\\A(?:\\s*{_FORMULA}|['\t\r\n])|{_UNSAFE}|{_HIDDEN_FORMULA}")
_TO_ESCAPE = re.compile(f"\\\\|{_UNSAFE}|{_HIDDEN_FORMULA}")
_UNSAFE_IN_JSON = re.compile(f"{_UNSAFE}|{_HIDDEN_FORMULA}")
_ESCAPED = re.compile(r"\\(?:\\|u([0-9a-f]{4}))")


def written(text: str) -> str:
    """The text as it stands in a cell."""
    return MARK + _TO_ESCAPE.sub(_escape, text) if _TO_MARK.search(text) else text


def read(cell: str) -> str:
    """The text that a cell stands for."""
    return _ESCAPED.sub(_unescape, cell[1:]) if cell.startswith(MARK) else cell


def listed(names: Sequence[str]) -> str:
    """Names as a JSON array on one line."""
    return _UNSAFE_IN_JSON.sub(_escape, json.dumps(list(names), ensure_ascii=False, separators=(",", ":")))


def _escape(found: re.Match[str]) -> str:
    return "\\\\" if found[0] == "\\" else f"\\u{ord(found[0]):04x}"


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else "\\"
