"""Hostile requests, as bytes: each kind begins with what the corpus holds, or with a good request, and bends it."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from tests import make
from tests.web import corpus

READERS = 20

Request = bytes
Kind = Callable[[random.Random, int], Request]


def raw(method: str, path: str, fields: Mapping[str, str], body: bytes = b"", *, length: str | None = None) -> Request:
    """A request as bytes. Without a body and a `length` it has no Content-Length."""
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in fields.items())]
    if length is not None or body:
        head.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*head, "", ""]).encode("utf-8", "surrogatepass") + body


@cache
def _corpus() -> Sequence[Request]:
    known = [raw(case.method, case.path, case.headers, case.body) for case in corpus.refused()]
    return known + [vote(corpus.filled(json.dumps(case)).encode()) for case in corpus.accepted()]


def vote(body: bytes, **fields: str) -> Request:
    """A vote with this body."""
    given = {"Content-Type": "application/json", "Origin": make.ORIGIN} | {n.replace("_", "-"): v for n, v in fields.items()}
    return raw("PUT", "/v1/sites/daily/vote", given, body)


def _members(chance: random.Random, number: int) -> dict[str, Any]:
    """The members of a good vote."""
    return {
        "article": f"a{chance.randrange(30)}",
        "reaction": chance.choice([*make.SEVEN, None]),
        "reader": make.reader(chance.randrange(1, READERS)),
        "seq": SEQ + number,
    }


SEQ = int(time.time() * 1000) - 3_600_000
ODD_VALUES: Sequence[Any] = (
    None, True, False, 0, -1, 1.5, 2**53 + 1, 2**64, "", " ", "a" * 200, "a" * 201, [], {}, ["a"], {"a": 1}, "\0",
    "\u200d", "\ud800",
    "é", "e\u0301", "\u202eabc", "ﬁ", "Ａ", "a/../b", "//", "%2e%2e", "?", "#", ";DROP TABLE vote", "{{7*7}}",
    "<script>", "👍🏽", "1e400",
    "\ufeff", "\U000e0041", "\r\nSet-Cookie: a=b", "=cmd|' /C calc'!A0", "NaN", "__proto__", "LIKE", "0" * 32, "F" * 32, "g" * 32,
)  # fmt: skip
PIECES = (
    b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b'"', b"{", b"}", b"[", b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800",
    b"1e400", b"NaN", b"-0", b"00", b"\r\n", b"\n", b" ", b"\t", b"%", b"null", b'{"a":1}', b"/*", b"//", b"'",
    b"\xe2\x80\xa8", b"\xef\xbb\xbf",
)  # fmt: skip
METHODS = (
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "Put", "A" * 30, "MKCOL",
    "LOCK", "PURGE",
)  # fmt: skip
PATHS = (
    "/", "/v1", "/v1/", "/v1/sites", "/v1/sites/daily", "/v1/sites/daily/", "/v1/sites/daily/vote", "/v1/sites/daily/vote/",
    "/v1/sites/daily/votes", "/v1/sites/DAILY/vote", "/v1/sites/none/vote", "/v1/sites//vote", "/v1//sites/daily/vote",
    "/v1/sites/daily/../daily/vote", "/v1/sites/daily/vote.json", "/v1/sites/daily%2fvote", "/v1/sites/daily/vote%00",
    "/v1/sites/daily/reactions", "/v1/sites/daily/counts", "/v1/sites/daily/views", "/v1/sites/daily/dashboard",
    "/v1/sites/daily/articles", "/v1/sites/daily/set", "/v1/sites/daily/holds", "/v1/sites/daily/exports/votes.csv",
    "/v1/sites/daily/vote/reader", "/v1/sites/" + "a" * 64 + "/vote", "/widget/v1.js", "/healthz", "/nothing", "/%ff",
    "/dashboard/daily/",
    "/open-heart/daily/a1", "/problems", "*", "http://localhost/v1/sites/daily/counts?article=a", "/v1/sites/daily/vote;a=b",
)  # fmt: skip
FIELDS: Mapping[str, Sequence[str]] = {
    "Origin": (make.ORIGIN, "null", "https://evil.example", "https://daily.example.evil", "https://daily.example/",
    "", "HTTPS://DAILY.EXAMPLE"),
    "Content-Type": (
        "application/json", "application/json; charset=utf-8", "application/json;charset=latin-1", "text/plain", "",
        "APPLICATION/JSON",
        "application/json, text/html", "multipart/form-data; boundary=a", "application/x-www-form-urlencoded", "a" * 500,
    ),
    "Accept": ("*/*", "text/html", "", "application/json;q=0", "a" * 300),
    "Authorization": ("Bearer x", "Bearer ", "Basic YTpi", "bearer rr_" + "0" * 40, "Bearer a b", "Bearer é", "Negotiate"),
    "Cookie": ("session=a", "session=" + "a" * 4000, "a; b; c", "=", "session=a; session=b"),
    "If-Match": ("*", '"a"', "a", "", 'W/"a"', '"a", "b"', '"'),
    "If-None-Match": ("*", '"a"', "a", "", 'W/"a"', '"'),
    "Range": ("bytes=0-1", "bytes=-1", "items=0-5"),
    "Sec-Fetch-Mode": ("cors", "navigate", "no-cors", "x"),
    "X-Forwarded-For": ("1.2.3.4", "unknown", "::1", "1.2.3.4, 5.6.7.8", "' OR 1=1", "a" * 300),
    "X-Forwarded-Host": ("evil.example",), "X-Forwarded-Proto": ("https", "javascript"), "X-Original-URL": ("/admin",),
    "X-HTTP-Method-Override": ("DELETE",), "Content-Encoding": ("gzip", "identity", "br"), "Accept-Language": ("de",
    "x" * 300, "*"),
    "Forwarded": ("for=1.2.3.4",), "Idempotency-Key": ("a" * 300,), "Access-Control-Request-Method": ("PUT", "DELETE", ""),
}  # fmt: skip


def _from_corpus(chance: random.Random, _number: int) -> Request:
    return chance.choice(_corpus())


def _bent_corpus(chance: random.Random, _number: int) -> Request:
    head, _, body = chance.choice(_corpus()).partition(b"\r\n\r\n")
    body = _bent(chance, body[:3000])
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""]) + body


def _good_vote(chance: random.Random, number: int) -> Request:
    return vote(json.dumps(_members(chance, number), separators=chance.choice([(",", ":"), (", ", ": ")])).encode())


def _bent_vote(chance: random.Random, number: int) -> Request:
    return vote(_bent(chance, json.dumps(_members(chance, number), separators=(",", ":")).encode()))


def _odd_member(chance: random.Random, number: int) -> Request:
    members = _members(chance, number)
    members[chance.choice([*members, "token", "sig", "extra"])] = chance.choice(ODD_VALUES)
    if chance.random() < 0.2:
        del members[chance.choice([*members])]
    return vote(json.dumps(members, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass"))


def _text_key(chance: random.Random, number: int) -> Request:
    """An article whose key is any text."""
    text = "".join(
        chr(chance.choice([chance.randrange(0x250), chance.randrange(0x3000), chance.randrange(0x110000)])) for _ in range(4)
    )
    return vote(json.dumps({**_members(chance, number), "article": text}, ensure_ascii=True).encode())


def _token(chance: random.Random, number: int) -> Request:
    token = "".join(chance.choices("abcXYZ019-_=+/ ", k=chance.choice([1, 20, 96, 200, 201])))
    return vote(json.dumps({**_members(chance, number), "token": token}, separators=(",", ":")).encode())


def _query(chance: random.Random, _number: int) -> Request:
    names = ("article", "Article", "limit", "lang", "article[]", "articles", "%61rticle", "")
    values = (
        "a1",
        "a1",
        "a2",
        "",
        "%",
        "%zz",
        "%00",
        "%ff",
        "a+b",
        "a%20b",
        "%2f",
        "x" * 201,
        "de",
        "-1",
        "%F0%9F%91%8D",
        "a%2",
        "&",
        "=",
    )
    pairs = [f"{chance.choice(names)}={chance.choice(values)}" for _ in range(chance.choice([0, 1, 1, 2, 3, 101]))]
    what = chance.choice(["reactions", "counts"])
    return raw(chance.choice(["GET", "GET", "HEAD"]), f"/v1/sites/daily/{what}?{'&'.join(pairs)}", _fields(chance, 1))


def _method_and_path(chance: random.Random, _number: int) -> Request:
    body = chance.choice([b"", b"", b"{}", b"[]", b"null", b"a=b"])
    return raw(chance.choice(METHODS), chance.choice(PATHS), _fields(chance, 2), body)


def _odd_fields(chance: random.Random, number: int) -> Request:
    fields = {name.replace("-", "_"): value for name, value in _fields(chance, 4).items()}
    return vote(json.dumps(_members(chance, number), separators=(",", ":")).encode(), **fields)


def _bent_head(chance: random.Random, number: int) -> Request:
    head, _, body = _odd_fields(chance, number).partition(b"\r\n\r\n")
    return _bent(chance, head) + b"\r\n\r\n" + body


def _size(chance: random.Random, number: int) -> Request:
    body = json.dumps({**_members(chance, number), "extra": "x" * chance.choice([3000, 3900, 4096, 5000, 40_000])}).encode()
    length = chance.choice(
        [None, "0", "1", "-1", "1e3", "0x10", "+5", "007", "99999999999999999999", str(len(body)), " 12 ", "12, 12"]
    )
    return raw("PUT", "/v1/sites/daily/vote", {"Content-Type": "application/json", "Origin": make.ORIGIN}, body, length=length)


def _beacon(chance: random.Random, _number: int) -> Request:
    keys: list[Any] = [chance.choice(["a1", "a2", *ODD_VALUES]) for _ in range(chance.choice([0, 1, 2, 100, 101]))]
    body: Any = chance.choice([{"articles": keys}, {"articles": keys, "more": 1}, keys, {"article": "a"}])
    text = json.dumps(body).encode()
    kind = chance.choice(["text/plain;charset=UTF-8", "application/json", "text/html", ""])
    return raw(
        "POST",
        "/v1/sites/daily/views",
        {"Content-Type": kind, **_fields(chance, 1)},
        _bent(chance, text) if chance.random() < 0.3 else text,
    )


KINDS: Sequence[Kind] = (
    _from_corpus, _bent_corpus, _good_vote, _bent_vote, _odd_member, _text_key, _token, _query, _method_and_path, _odd_fields,
    _bent_head, _size, _beacon,
)  # fmt: skip


def _fields(chance: random.Random, most: int) -> dict[str, str]:
    names = chance.sample(list(FIELDS), chance.randrange(most + 1))
    return {name: chance.choice(FIELDS[name]) for name in names}


def _bent(chance: random.Random, given: bytes) -> bytes:
    """Bytes with one to three of them changed, left out, doubled or put in."""
    bent = bytearray(given)
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(bent) + 1)
        match chance.randrange(5):
            case 0 if at < len(bent):
                bent[at] ^= 1 << chance.randrange(8)
            case 1:
                del bent[at : at + chance.randrange(1, 12)]
            case 2:
                bent[at:at] = bent[at : at + chance.randrange(1, 30)]
            case 3:
                del bent[at:]
            case _:
                bent[at:at] = chance.choice(PIECES)
    return bytes(bent)
