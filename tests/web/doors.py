"""Hostile requests, as bytes, at three doors: the event loop's, WSGI's, and Flask without the hot path. All must answer alike.

python -m tests.web.doors --requests 50000   (part of `make fuzz`)

Nothing may answer 5xx, nothing refused may be stored, and the three databases must be alike in the end.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import create_engine, text

from reactions.app import create_app
from reactions.storage import engines
from reactions.web.hot_path import WsgiDoor
from tests import make
from tests.databases import SqliteFiles
from tests.faults.stage import UNLIMITED, WIDE
from tests.service import COMMAND, Service, running_service
from tests.web.hostile import KINDS, Request

SETTINGS = {
    **UNLIMITED, **dict.fromkeys(["wrong_keys_per_network", "keyed_requests_per_network"], WIDE),
    "counts_memory_s": 0, "verify_articles_per_minute": 0,
}  # fmt: skip
DOORS: dict[str, dict[str, Any]] = {
    "event loop": {"server": "uvicorn"},
    "WSGI": {"server": "gthread"},
    "Flask": {"server": "gthread", "command": (*COMMAND, "tests.web.doors:flask_alone")},
}
_LENIENT = re.compile(rb"\A([A-Z]+) {2,}")  # RFC 9112, 3: a server may take a request line with more spaces, or refuse it
LONGEST_S = 5.0


def __getattr__(name: str) -> Flask:
    """The application without its hot path, for gunicorn."""
    if name != "flask_alone":
        raise AttributeError(name)
    from wsgi import settings

    app = create_app(settings())
    assert isinstance(app.wsgi_app, WsgiDoor)
    app.wsgi_app = app.wsgi_app._app  # type: ignore[method-assign]
    return app


@dataclass(frozen=True)
class Answer:
    """What of an answer must be alike at every door. A status of 0 stands for none, as to what is no whole request."""

    status: int
    fields: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def below(self) -> bool:
        """True if the server refused it by itself: it is no HTTP, or no whole request, and servers word that differently."""
        return self.status == 0 or (self.status >= 400 and self.fields.get("connection") == "close" and "vary" not in self.fields)


KEPT = ("content-type", "cache-control", "allow", "access-control-allow-origin", "retry-after", "www-authenticate", "location")


def ask(service: Service, request: Request) -> Answer:
    """Send a request, and once more if no answer comes, as the widget does: a vote that comes twice counts once."""
    answer = _ask(service, request)
    return answer if answer.status else _ask(service, request)


def _ask(service: Service, request: Request) -> Answer:
    """Send a request on a connection of its own, and read the answer."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=LONGEST_S) as connection:
        try:
            connection.sendall(request)
            with connection.makefile("rb") as stream:
                return _read(stream, request)
        except (ConnectionError, TimeoutError):
            return Answer(0)


def _read(stream: Any, request: Request) -> Answer:
    first = stream.readline()
    if not first:
        return Answer(0)
    status, fields = int(first.split()[1]), {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        fields[name.lower()] = value.strip()
    body = b"" if request.startswith(b"HEAD ") else _body(stream, fields)
    return Answer(status, {name: fields[name] for name in (*KEPT, "connection", "vary") if name in fields}, _told(body))


def _body(stream: Any, fields: Mapping[str, str]) -> bytes:
    if fields.get("transfer-encoding") != "chunked":
        return bytes(stream.read(int(fields.get("content-length", "0"))))
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size)
        stream.readline()
    return body


def _told(body: bytes) -> Any:
    """A body without what is of the moment."""
    try:
        document = json.loads(body)
    except ValueError:
        return len(body) > 0
    if isinstance(document, dict):
        document.pop("token", None)
    return document


def faults(request: Request, answers: Mapping[str, Answer]) -> Iterator[str]:
    """What is wrong with the answers to a request."""
    for door, answer in answers.items():
        if answer.status >= 500 and answer.status not in (501, 505):
            yield f"{door}: {answer.status}"
        if answer.status >= 400 and not request.startswith(b"HEAD ") and not _is_problem(answer):
            yield f"{door}: {answer.status} is no problem"
    each = list(answers.values())
    if any(answer.below for answer in each):
        if any(0 < answer.status < 400 for answer in each) and not _LENIENT.match(request):
            yield "taken at one door, refused by another's server"
    elif any(_compared(answer) != _compared(each[0]) for answer in each):
        yield "not alike"


def _is_problem(answer: Answer) -> bool:
    return answer.fields.get("content-type") in ("application/problem+json", "text/html; charset=utf-8")


def _compared(answer: Answer) -> Any:
    return answer.status, {name: answer.fields.get(name) for name in KEPT}, answer.body


@dataclass
class Outcome:
    """What a run found."""

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    below: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, name: str, request: Request, answers: Mapping[str, Answer]) -> None:
        """Look at the answers to one request."""
        self.sent += len(answers)
        self.statuses.update(answer.status for answer in answers.values())
        self.below += any(answer.below for answer in answers.values())
        told = {door: (answer.status, answer.fields, answer.body) for door, answer in answers.items()}
        self.faults += [f"{name}: {fault}: {request[:600]!r} -> {told}" for fault in faults(request, answers)]


@contextmanager
def running(folder: Path, files: SqliteFiles) -> Iterator[dict[str, Service]]:
    """Three services, each on a database of its own with the same site."""
    with ExitStack() as stack:
        services = {}
        for name, chosen in DOORS.items():
            here = folder / name.replace(" ", "-")
            here.mkdir()
            url = files.copy_to(here)
            make.site(url, count_views=1)
            services[name] = stack.enter_context(running_service(url, settings=SETTINGS, **chosen))
            services[name].database_url = url  # type: ignore[attr-defined]
        yield services


def run(services: Mapping[str, Service], *, requests: int, seed: int) -> Outcome:
    """Send requests to every door, one after another, and compare the answers, then what is stored."""
    chance, outcome = random.Random(seed), Outcome()
    with ThreadPoolExecutor(len(services)) as threads:
        for number in range(requests):
            kind = KINDS[number % len(KINDS)]
            for request in _with_strict_form(kind(chance, number)):
                answers = dict(zip(services, threads.map(partial(ask, request=request), services.values()), strict=True))
                outcome.take(f"{kind.__name__} {number}", request, answers)
    outcome.faults += _stored_faults(services)
    return outcome


def _with_strict_form(request: Request) -> Iterator[Request]:
    """The request; after one that a server may take or refuse, the same as all must read it, so that all have counted it."""
    yield request
    if _LENIENT.match(request):
        yield _LENIENT.sub(rb"\1 ", request)


def _stored_faults(services: Mapping[str, Service]) -> Iterator[str]:
    stored = {name: _stored(service.database_url) for name, service in services.items()}  # type: ignore[attr-defined]
    first = next(iter(stored.values()))
    for name, rows in stored.items():
        if rows != first:
            yield f"{name}: what is stored differs"
    for name, service in services.items():
        if "Traceback" in service.log() or "unhandled fault" in service.log():
            yield f"{name}: the log has a fault: {service.log()[-1500:]}"


def _stored(url: str) -> list[Any]:
    engine = create_engine(url)
    engines.prepare(engine)
    votes = "SELECT article.key, hex(voter), reaction, vote.seq FROM vote JOIN article USING (article_id) ORDER BY 1, 2"
    counts = "SELECT article.key, reaction, n FROM tally JOIN article USING (article_id) ORDER BY 1, 2"
    with engine.connect() as connection:
        found = [tuple(row) for query in (votes, counts) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def main() -> None:
    """Run, and say what was found; the exit code is 1 if anything was."""
    options = argparse.ArgumentParser()
    options.add_argument("--requests", type=int, default=50_000, help="to each of the three doors")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), SqliteFiles(Path(folder))) as services:
        outcome = run(services, requests=chosen.requests, seed=chosen.seed)
    print(f"{outcome.sent:,} requests; answers by status: {dict(sorted(outcome.statuses.items()))}")
    print(f"{outcome.below:,} refused below the application; {len(outcome.faults):,} faults")
    print("\n".join(fault[:1000] for fault in outcome.faults[:20]))
    sys.exit(bool(outcome.faults))


if __name__ == "__main__":
    main()
