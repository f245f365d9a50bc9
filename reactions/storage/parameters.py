"""Parameters as databases read them in a text, arrays among them.

psycopg looks at each value of a list to find out how to write it, which for a batch takes longer than to write it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, LargeBinary, Text

WrittenArray = Callable[[Iterable[Any]], str]


def in_text(value: Any) -> bytes | None:
    """A parameter in PostgreSQL's text format. Raises ValueError for a text with a NUL, at which that would end."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("PostgreSQL keeps no text with a NUL.")
        return value.encode()
    if value is None or isinstance(value, bool):
        return None if value is None else b"t" if value else b"f"
    return b"\\x" + value.hex().encode() if isinstance(value, bytes) else str(value).encode()


def ids_in_text(dialect: str, numbers: Iterable[int]) -> str:
    """Ids as the driver itself takes them: psycopg's way with a list takes seven times as long."""
    listed = ",".join(map(str, numbers))
    return f"[{listed}]" if dialect == "sqlite" else f"{{{listed}}}"


def texts_in_text(dialect: str, texts: Iterable[str]) -> str:
    """Texts as `ids_in_text` has ids."""
    return orjson.dumps(list(texts)).decode() if dialect == "sqlite" else ARRAYS[str][1](texts)


def _array_of(written: Callable[[Any], str]) -> WrittenArray:
    """How an array is written whose elements are so written: https://www.postgresql.org/docs/current/arrays.html."""
    return lambda values: f"{{{','.join(['NULL' if value is None else written(value) for value in values])}}}"


@lru_cache(maxsize=1024)  # of a batch nearly all are reactions and causes, of which there are few
def _quoted(value: str) -> str:
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'


# By the type of a column's values: that of its array's elements, the widest so that nothing is cut, and how the array is written.
ARRAYS: dict[type, tuple[Any, WrittenArray]] = {
    int: (BigInteger, _array_of(str)),
    bool: (Boolean, _array_of(lambda value: "t" if value else "f")),
    str: (Text, _array_of(_quoted)),
    bytes: (LargeBinary, _array_of(lambda value: rf'"\\x{value.hex()}"')),
}
