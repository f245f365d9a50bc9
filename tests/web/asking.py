"""What browsers ask, in one line, and what the whole answers look like."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from werkzeug.test import TestResponse

from reactions.storage import tables
from tests import make

VOTE = "/v1/sites/daily/vote"
ZEROS = dict.fromkeys(make.SEVEN, 0)
NOTHING = {"article": 0, "vote": 0, "tally": 0, "hourly": 0, "event": 0}
LABELS = ("Like", "Dislike", "Love", "Funny", "Angry", "Sad", "Wow")
EMOJI = ("👍", "👎", "❤️", "😂", "😠", "😢", "😮")

_seqs = itertools.count(int(time.time() * 1000) - 1_000_000_000)


def ballot(article: str = "a", reaction: object = "like", reader: object = make.ADA, **others: object) -> dict[str, Any]:
    """The body of a vote; its seq rises from call to call unless one is given."""
    return {"article": article, "reaction": reaction, "reader": reader, "seq": next(_seqs), **others}


def vote(
    client: FlaskClient,
    *,
    origin: str | None = make.ORIGIN,
    address: str = "127.0.0.1",
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> TestResponse:
    """Send a vote as a page of the site does."""
    sent = dict(headers or {}) | ({"Origin": origin} if origin is not None else {})
    return client.put(VOTE, json=ballot(**members), headers=sent, environ_base={"REMOTE_ADDR": address})


def receipt(answer: TestResponse) -> dict[str, Any]:
    """The answer to a vote without its token, which is another each time."""
    return {name: value for name, value in (answer.json or {}).items() if name != "token"}


def row(client: FlaskClient, article: str, **parameters: str) -> TestResponse:
    """Ask for the row of an article."""
    return client.get(f"/v1/sites/daily/reactions?{urlencode({'article': article, **parameters})}")


def counts(client: FlaskClient, articles: Sequence[str]) -> TestResponse:
    """Ask for the counts of articles."""
    return client.get(f"/v1/sites/daily/counts?{urlencode([('article', article) for article in articles])}")


def counted(**reactions: int) -> dict[str, int]:
    """The seven counts, zero where not given."""
    return ZEROS | reactions


def problem(name: str, status: int, title: str, detail: str, pointer: str | None = None) -> dict[str, Any]:
    """A whole problem document, with its one fault at `pointer` if there is one."""
    body = {"type": f"/problems#{name}", "title": title, "status": status, "detail": detail}
    return body | ({"errors": [{"detail": detail, "pointer": pointer}]} if pointer else {})


def buttons(labels: Sequence[str] = LABELS, **given: int) -> list[dict[str, object]]:
    """The seven buttons of a row as they are answered."""
    by_key = counted(**given)
    named = zip(make.SEVEN, labels, EMOJI, strict=True)
    return [{"key": key, "label": label, "emoji": emoji, "count": by_key[key]} for key, label, emoji in named]


def rows_stored(engine: Engine) -> dict[str, int]:
    """How many rows there are of everything that votes make."""
    counted = (tables.article, tables.vote, tables.tally, tables.hourly, tables.event)
    with engine.connect() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) or 0 for table in counted}
