"""The corpus of bad input as requests and the answers they must get; tests/corpus/README.md says how to add to it."""

from __future__ import annotations

import gzip
import time
import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any
from urllib.parse import quote

from tests import make
from tests.databases import PROJECT

JSON = {"Content-Type": "application/json"}
DAY_MS = 86_400_000
_GOOD = {"article": '"a"', "reaction": '"like"', "reader": '"$reader"', "seq": "$now"}


@dataclass(frozen=True)
class Expected:
    """What must be answered: `pointers` are the members named, in order."""

    status: int
    problem: str
    pointers: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A request and its expected answer."""

    name: str
    method: str
    path: str
    expected: Expected
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def filled(text: str, *, reader: str = make.ADA) -> str:
    """The text with the clock and a reader in it."""
    now = int(time.time() * 1000)
    return Template(text).safe_substitute(now=now, ahead=now + 2 * DAY_MS, reader=reader)


def good_vote(**members: str) -> str:
    """A vote whose members are these raw JSON texts, where they differ from a good one's; an empty text leaves one out."""
    chosen = {**_GOOD, **members}
    extra = chosen.pop("extra", "")
    inside = [f'"{member}":{text}' for member, text in chosen.items() if text]
    return filled("{" + ",".join([*inside, *([extra] if extra else [])]) + "}")


def refused() -> Iterator[Case]:
    """Every request of the corpus that must be refused."""
    yield from _not_json()
    yield from _bodies()
    yield from _members()
    yield from _requests()
    yield from _queries()


def accepted() -> list[dict[str, Any]]:
    """Unusual bodies that are right."""
    found: list[dict[str, Any]] = _read("accepted")["case"]
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((PROJECT / "tests" / "corpus" / f"{name}.toml").read_text(encoding="utf-8"))


def _vote(name: str, body: bytes, expected: Expected, headers: Mapping[str, str] = JSON) -> Case:
    return Case(name, "PUT", "/v1/sites/daily/vote", expected, body, headers)


def _expected(entry: Mapping[str, Any]) -> Expected:
    return Expected(entry["status"], entry["problem"], tuple(entry.get("pointers", ())))


def _not_json() -> Iterator[Case]:
    expected = Expected(400, "invalid-request", ("#",))
    for text in _read("not_json")["texts"]:
        yield _vote(f"{text!r} as the body", text.encode(), expected)
        yield _vote(f"{text!r} as the seq", good_vote(seq=text).encode(), expected)


def _bodies() -> Iterator[Case]:
    document = _read("bodies")
    for entry in document["case"]:
        case = {**document["defaults"], **entry}
        yield _vote(case["name"], _body(case), _expected(case))


def _body(case: Mapping[str, Any]) -> bytes:
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    text = filled(case.get("text", "")) + _repeated(case.get("repeat")) + _repeated(case.get("tail"))
    if "members" in case:
        text = "{" + ",".join(f'"m{number}":1' for number in range(case["members"])) + "}"
    return text.encode(case.get("encoding", "utf-8"))


def _repeated(pair: Sequence[Any] | None) -> str:
    return "" if pair is None else pair[0] * pair[1]


def _members() -> Iterator[Case]:
    for group in _read("members")["group"]:
        for name, given in group["texts"].items():
            entry = given if isinstance(given, dict) else {"text": given}
            text = entry["text"] if "text" in entry else entry.get("before", "") + _repeated(entry["repeat"])
            if "repeat" in entry and "raw" not in entry:
                text = f'"{text}"'
            body = good_vote(**{group["member"]: text})
            yield _vote(f"{group['member']}: {name}", body.encode(), _expected({**group, **entry}))


def _requests() -> Iterator[Case]:
    body = good_vote().encode()
    packed = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}
    for group in _read("requests")["group"]:
        for content_type in group.get("content_types", ()):
            headers = {"Content-Type": content_type} if content_type else {}
            yield _vote(f"content type {content_type!r}", body, _expected(group), headers)
        for encoding in group.get("content_encodings", ()):
            headers = {**JSON, "Content-Encoding": encoding}
            yield _vote(f"content encoding {encoding}", packed[encoding], _expected(group), headers)


def _queries() -> Iterator[Case]:
    for group in _read("queries")["group"]:
        queries = list(group.get("queries", ()))
        queries += ["article=" + "k" * length for length in group.get("lengths", ())]
        queries += ["&".join(f"article=a{n}" for n in range(many)) for many in group.get("many", ())]
        named = group.get("named", [None] * len(queries))
        for query, name in zip(queries, named, strict=True):
            expected = _expected({**group, "pointers": [name]} if name else group)
            for read in [group["of"]] if "of" in group else ["reactions", "counts"]:
                yield Case(
                    f"{read}?{query[:60]} ({len(query)})",
                    "GET",
                    f"/v1/sites/daily/{read}?{quote(query, safe='%=&+[]')}",
                    expected,
                )
