"""SQL dumps: the rows of one table, from what mysqldump, phpMyAdmin, pg_dump and sqlite3 write.

Statements are read token by token, never executed, so that text which looks like a statement inside an article's body stays text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

from reactions.imports.found import Fault
from reactions.imports.opening import MOST_IN_LINE, Source
from reactions.imports.tables import Row
from reactions.refusals import UnreadableImport

_STARTS = re.compile(
    r"\s*(?:--|#|/\*|(?:insert|replace|create|set|begin|start|pragma|copy|drop|use|lock|alter)\b)", re.IGNORECASE
)
_COPY = re.compile(r"COPY\s+(\S+)\s*\((.*)\)\s+FROM\s+stdin;", re.IGNORECASE)
_KEYS = {"PRIMARY", "KEY", "UNIQUE", "CONSTRAINT", "INDEX", "FULLTEXT", "CHECK", "FOREIGN", "SPATIAL"}
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "b": "\b", "Z": "\x1a"}


class _Token(NamedTuple):
    line: int
    kind: str  # word, name, string, sign or copy
    text: str


_Tokens = Iterator[_Token]


def is_dump(start: str) -> bool:
    """True if a file that starts like this is SQL."""
    return bool(_STARTS.match(start))


def read(source: Source, is_table: Callable[[str], bool], what: str) -> Iterator[Row | Fault]:
    """Yield the rows of the table whose name, in lower case, is accepted. Raises UnreadableImport; `what` names the table."""
    columns: list[str] | None = None
    seen: set[str] = set()
    found = False
    tokens = _tokens(source)
    for token in tokens:
        word = token.text.upper() if token.kind == "word" else ""
        if token.kind == "copy":
            found = yield from _copied(token, tokens, is_table, found=found)
        elif word in ("INSERT", "REPLACE") or (word == "CREATE" and _following(tokens).text.upper() == "TABLE"):
            name, token = _table(tokens)
            seen.add(name)
            if not is_table(name):
                _skip(tokens, token)
            elif word == "CREATE":
                columns, found = _defined(tokens), True
            else:
                found = True
                yield from _inserted(tokens, token, columns)
        else:
            _skip(tokens, token)
    if not found:
        others = ", ".join(sorted(seen)[:12]) or "none"
        raise UnreadableImport(f"The dump has no table {what}. The tables it has: {others}.")


def _table(tokens: _Tokens) -> tuple[str, _Token]:
    """The table of an INSERT or a CREATE TABLE, in lower case and without its schema, and the token behind it."""
    name = ""
    for token in tokens:
        if token.kind == "sign" and token.text != ".":
            return name, token
        if token.kind == "word" and token.text.upper() == "VALUES":
            return name, token
        if token.kind in ("word", "name"):
            name = token.text.rpartition(".")[2].lower()
    raise _torn()


def _skip(tokens: _Tokens, token: _Token) -> None:
    while token.text != ";" or token.kind != "sign":
        token = _following(tokens)


def _following(tokens: _Tokens) -> _Token:
    token = next(tokens, None)
    if token is None:
        raise _torn()
    return token


def _torn() -> UnreadableImport:
    return UnreadableImport("The dump ends in the middle of a statement: it was cut off. Export it again.")


def _defined(tokens: _Tokens) -> list[str]:
    """The columns of a CREATE TABLE, from behind its opening bracket to the end of the statement."""
    columns, depth, fresh = [], 1, True
    while (token := _following(tokens)).text != ";" or token.kind != "sign":
        if token.kind == "sign":
            depth += (token.text == "(") - (token.text == ")")
            fresh = depth == 1 and token.text == ","
        elif fresh:
            if token.kind == "name" or token.text.upper() not in _KEYS:
                columns.append(token.text.lower())
            fresh = False
    return columns


def _inserted(tokens: _Tokens, token: _Token, columns: list[str] | None) -> Iterator[Row | Fault]:
    """The rows of an INSERT, from the token behind its table."""
    if token.text == "(":
        columns = [str(name).lower() for name in _bracketed(tokens)]
        token = _following(tokens)
    if columns is None:
        raise UnreadableImport(
            f"Line {token.line:,}: the dump does not name the table's columns. Export its structure too, or complete inserts."
        )
    while (token := _following(tokens)).text != ";":
        if token.text == "(":
            yield _row(f"Line {token.line:,}", columns, _bracketed(tokens))
        elif token.text != ",":
            _skip(tokens, token)
            return


def _row(place: str, columns: Sequence[str], values: Sequence[str | None]) -> Row | Fault:
    if len(values) != len(columns):
        return Fault(place, f"has {len(values)} values, but the table has {len(columns)} columns.")
    return Row(place, dict(zip(columns, values, strict=True)))


def _bracketed(tokens: _Tokens) -> list[str | None]:
    """The values up to the closing bracket. Of an expression, its words: as a total that is a fault, as it is no number."""
    values: list[str | None] = []
    parts: list[_Token] = []
    depth = 1
    while depth:
        token = _following(tokens)
        if token.kind == "sign":
            depth += (token.text == "(") - (token.text == ")")
            if not depth or (depth == 1 and token.text == ","):
                values.append(_value(parts))
                parts = []
                continue
        parts.append(token)
    return values


def _value(parts: Sequence[_Token]) -> str | None:
    if len(parts) == 1 and parts[0].kind == "word" and parts[0].text.upper() == "NULL":
        return None
    return " ".join(part.text for part in parts)


def _copied(
    token: _Token, tokens: _Tokens, is_table: Callable[[str], bool], *, found: bool
) -> Generator[Row | Fault, None, bool]:
    """The lines behind COPY … FROM stdin, up to the one with a full stop."""
    head = _COPY.match(token.text)
    assert head is not None
    wanted = is_table(head[1].rpartition(".")[2].strip('"').lower())
    columns = [name.strip().strip('"').lower() for name in head[2].split(",")]
    while (token := _following(tokens)).text != "\\.":
        if wanted:
            cells = [None if cell == "\\N" else cell for cell in token.text.split("\t")]
            yield _row(f"Line {token.line:,}", columns, cells)
    return found or wanted


def _tokens(source: Source) -> _Tokens:
    """The tokens, comments left out; of a COPY its head and its lines as they are."""
    lexer, copying = _Lexer(), False
    for number, line in enumerate(source.lines(), start=1):
        if number == 1:
            lexer.pattern = _pattern(line + source.start())
        if copying or (lexer.between and _COPY.match(line)):
            text = line.rstrip("\r\n")
            copying = text != "\\."
            yield _Token(number, "copy", text)
        else:
            yield from lexer.tokens(number, line)
    if lexer.rest:
        raise _torn()


class _Lexer:
    """Cuts lines into tokens. `rest` is what a quotation or a comment holds that is not closed yet."""

    def __init__(self) -> None:
        self.pattern = _MYSQL
        self.rest = ""
        self._ended = True

    @property
    def between(self) -> bool:
        """True if no statement is under way."""
        return self._ended and not self.rest

    def tokens(self, number: int, line: str) -> _Tokens:
        text, self.rest = self.rest + line, ""
        if len(text) > MOST_IN_LINE:
            raise UnreadableImport(f"Line {number:,}: a quotation mark or a comment is never closed.")
        for match in self.pattern.finditer(text):
            kind = match.lastgroup
            if kind == "open":
                self.rest = match[0]
            elif kind in ("word", "sign"):
                self._ended = match[0] == ";"
                yield _Token(number, kind, match[0])
            elif kind in ("name", "string"):
                yield _Token(number, kind, _unquoted(match[0], escapes=kind == "string" and self.pattern is _MYSQL))


def _unquoted(text: str, *, escapes: bool) -> str:
    sign, inner = text[0], text[1:-1]
    if escapes and ("\\" in inner or "''" in inner):
        return _ESCAPED.sub(lambda found: _MEANT.get(found[1], found[1]) if found[1] else "'", inner)
    return inner.replace(sign * 2, sign)


def _pattern(start: str) -> re.Pattern[str]:
    """MySQL escapes with a backslash within text; PostgreSQL and SQLite take one for itself."""
    standard = "PostgreSQL database dump" in start or re.search(r"^(?:PRAGMA|BEGIN TRANSACTION)", start, re.MULTILINE)
    return _STANDARD if standard else _MYSQL


def _compiled(string: str) -> re.Pattern[str]:
    return re.compile(
        rf"""
          (?P<space> \s+ | --[^\n]* | \#[^\n]* | /\*.*?\*/ )
        | (?P<name> `(?:[^`]|``)*` | "(?:[^"]|"")*" )
        | (?P<string> {string} )
        | (?P<open> (?: ['`"] | /\* ) .* )
        | (?P<word> [-+]?[^\s'"`(),;/\#*+-]+ (?: [-+] [^\s'"`(),;/\#*+-]+ )* )
        | (?P<sign> . )
        """,
        re.VERBOSE | re.DOTALL,
    )


_MYSQL = _compiled(r"'(?:[^'\\]|\\.|'')*'(?!')")
_STANDARD = _compiled(r"'(?:[^']|'')*'(?!')")
