"""How large the head of a request may be, how long one may take and how many clients there may be, whichever server runs the
application.

The default server's protocol refuses what is beyond as it reads it (config/loop_protocol.py). Servers that have no such bounds
of their own get `BoundedHeads` around the application.
"""

from __future__ import annotations

import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress

from reactions.refusals import Overloaded
from reactions.web import problems
from reactions.web.flask_threads import Receive, Scope, Send, answer
from reactions.web.problems import Problem

LINE_BYTES = 8190  # of the address, and of one header
HEADERS = 100
HEAD_BYTES = 65_536  # of all headers
HEAD_BUFFER_BYTES = 2 * HEAD_BYTES  # for servers that only bound what they keep in memory
HEAD_S = 10.0  # seconds a client has to send the head of a request
KEEP_ALIVE_S = 15.0  # seconds; longer than the proxy keeps its own side open, so that it never writes to a closing socket
GRACEFUL_S = 30.0  # seconds that open requests have to end when the service does
_FILES = 65_536  # that a process asks for: some hosts allow a thousand million, for which programs were not made
_OTHER_FILES = 200  # that a process keeps for databases, Redis, logs, and for clients that are turned away
PATIENT_WITH = _OTHER_FILES // 2  # clients who are turned away with an answer to what they ask


def most_connections() -> int:
    """How many connections a process may have, once it has asked for as many files as that takes: the half of few.

    A shell and Docker allow 1,024 at first. Without a file left, votes on open connections fail as well.
    """
    files, hard = (_FILES if limit == resource.RLIM_INFINITY else limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE))
    if files < (asked := min(hard, _FILES)):
        with suppress(OSError, ValueError):  # macOS allows less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (asked, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            files = asked
    return max(files - _OTHER_FILES, files // 2)


def busy() -> Problem:
    """The answer to one client of too many."""
    return problems.of(Overloaded("The service is busy. Send the same request again in a moment."), route=None)


async def turn_away(_scope: Scope, _receive: Receive, send: Send) -> None:
    """Tell a client to come back."""
    status, body, headers = busy()
    await answer(send, status, body, [*headers, ("Connection", "close")])


class BoundedHeads:
    """ASGI middleware that refuses what gunicorn refuses: addresses and headers that are too long, two hosts, an expectation."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer, or refuse."""
        if scope["type"] == "http" and (status := _fault(scope)):
            _, body, headers = problems.of_server(status)
            await answer(send, status, body, [*headers, ("Connection", "close")])
        else:
            await self._app(scope, receive, send)


def _fault(scope: Scope) -> int:
    """The status of a head that is to be refused; 0 for a good one."""
    if len(scope["raw_path"]) + len(scope["query_string"]) >= LINE_BYTES:
        return 414
    hosts = total = 0
    for name, value in scope["headers"]:
        length = len(name) + len(value)
        total += length + 4
        if length > LINE_BYTES:
            return 431
        if name == b"host":
            hosts += 1
        elif name == b"expect" and value.lower() != b"100-continue":
            return 417
    if total > HEAD_BYTES or len(scope["headers"]) > HEADERS:
        return 431
    return 400 if hosts > 1 else 0
