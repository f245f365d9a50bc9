"""The ceiling: what gunicorn and Flask can do that check nothing, store nothing and always answer the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response

from reactions.web.flask_threads import Receive, Scope, Send

_ANSWER = (
    b'{"article":"news/1","reaction":"like","total":28,'
    b'"counts":{"like":4,"dislike":4,"love":4,"funny":4,"angry":4,"sad":4,"wow":4}}'
)

app = Flask(__name__)


@app.put("/v1/sites/<site_key>/vote")
@app.get("/v1/sites/<site_key>/counts")
def constant(site_key: str) -> Response:  # noqa: ARG001
    """The answer to everything, as long as a real one."""
    return Response(_ANSWER, content_type="application/json")


@app.get("/readyz")
def ready() -> Response:
    """The answer to whoever waits for the start."""
    return Response()


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    """What an ASGI application must do at least under the same server: read the body, and answer as a beacon is answered."""
    if scope["type"] == "lifespan":
        raise NotImplementedError  # which says so to the server
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"11")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"taken":1}'})


def bare(_environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """The same without Flask: gunicorn alone."""
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(_ANSWER)))])
    return [_ANSWER]
