"""JSON, read strictly: what other readers let pass or drop silently is refused.

A member that stands twice, NaN and Infinity, a lone surrogate, a number too long to convert, and nesting too deep for the parser.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_MAYBE_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")  # only an escape can bring one in


class InvalidJson(ValueError):
    """Text that is not strict JSON. The message says why; `line` counts from 1, and is None for faults without a place.

    `trailing`: a whole value came first, as in a file with one value a line.
    """

    def __init__(self, reason: str, *, line: int | None = None, trailing: bool = False) -> None:
        super().__init__(reason)
        self.line = line
        self.trailing = trailing


def read(text: str | bytes) -> Any:
    """The one value in a text. Bytes are UTF-8. Raises InvalidJson."""
    try:
        written = text.decode("utf-8") if isinstance(text, bytes) else text
        value = json.loads(written, object_pairs_hook=_members, parse_constant=_refuse_constant)
        if _MAYBE_SURROGATE.search(written):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise InvalidJson("it is not UTF-8, or holds a lone surrogate") from None
    except json.JSONDecodeError as error:
        raise InvalidJson(error.msg, line=error.lineno, trailing=error.msg == "Extra data") from None
    except InvalidJson:
        raise
    except RecursionError:
        raise InvalidJson("it is nested too deeply") from None
    except ValueError:  # what int() says of thousands of digits
        raise InvalidJson("a number in it is too long") from None
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidJson(f"the member {twice[:100]!r} stands twice in one object")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJson(f"{name} is not a JSON number")
