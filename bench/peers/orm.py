"""The customary way: Flask, the ORM, read then write, a transaction for each vote, on the same tables.

It keeps the counts right, by locking the rows that it reads; it has no limits, and checks only what it needs.
"""

from __future__ import annotations

import os
import time
from typing import Any

from flask import Flask, Response, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

from reactions.newsroom import article_keys
from reactions.settings import load
from reactions.storage import connecting, engines, tables
from reactions.times import HOUR_MS, TEN_MINUTES_MS
from reactions.votes import readers

_KEY = readers.derived_key(b"only for comparison", "pseudonym")


def _be_patient(connection: Any, _record: Any) -> None:
    """Let a vote wait for as long as it takes: SQLite's lock is not handed out in order."""
    if settings.on_sqlite:
        connection.execute("PRAGMA busy_timeout=10000")


settings = load(os.environ)
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = settings.engine_url
app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connecting.options(settings) | {"pool_size": settings.threads, "pool_timeout": 10}
db = SQLAlchemy(app)
with app.app_context():
    engines.prepare(db.engine)
    event.listen(db.engine, "connect", _be_patient)


class Site(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.site


class Article(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.article


class Vote(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.vote


class Tally(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.tally


class Hourly(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.hourly


class Event(db.Model):  # type: ignore[name-defined, misc]
    __table__ = tables.event


@app.put("/v1/sites/<site_key>/vote")
def vote(site_key: str) -> Response:
    """Cast or change a vote."""
    body = request.get_json()
    while True:
        try:
            counts = _counted(site_key, body)
        except IntegrityError:  # another request made the same row between our read and our write
            db.session.rollback()
        else:
            return jsonify(article=body["article"], reaction=body["reaction"], total=sum(counts.values()), counts=counts)


@app.get("/readyz")
def ready() -> Response:
    """The answer to whoever waits for the start."""
    return Response()


def _counted(site_key: str, body: dict[str, Any]) -> dict[str, int]:
    session, now_ms = db.session, time.time_ns() // 1_000_000
    if db.engine.dialect.name == "sqlite":
        session.connection().exec_driver_sql("BEGIN IMMEDIATE")  # a deferred one fails a fifth of the votes
    article_id = _article(site_key, body["article"], now_ms)
    voter = readers.pseudonym(_KEY, site=site_key, article_id=article_id, reader=bytes.fromhex(body["reader"]))
    cast = session.get(Vote, (article_id, voter), with_for_update=True)
    if cast is None:
        cast = Vote(article_id=article_id, voter=voter, seq=-1, cast_at=now_ms, changed_at=now_ms)
        session.add(cast)
    if body["seq"] > cast.seq:
        cast.previous, cast.reaction, cast.seq, cast.changed_at = cast.reaction, body["reaction"], body["seq"], now_ms
        _count(cast, now_ms)
    counts = {row.reaction: row.n for row in session.scalars(select(Tally).where(Tally.article_id == article_id))}
    session.commit()
    return counts


def _article(site_key: str, key: str, now_ms: int) -> int:
    site = db.session.scalars(select(Site).where(Site.key == site_key)).one()
    article_id = article_keys.id_of(site_key, key)
    if db.session.get(Article, article_id) is None:
        db.session.add(Article(article_id=article_id, site_id=site.id, key=key, first_seen_at=now_ms))
        db.session.flush()
    return article_id


def _count(cast: Vote, now_ms: int) -> None:
    moved = {"from_reaction": cast.previous, "to_reaction": cast.reaction, "cause": "vote", "at": now_ms}
    db.session.add(Event(article_id=cast.article_id, voter=cast.voter, seq=cast.seq, **moved))
    for reaction, column, by in ((cast.previous, "removed", -1), (cast.reaction, "added", +1)):
        if reaction is not None and cast.previous != cast.reaction:
            zeros = dict.fromkeys(("added", "removed", *tables.READERS), 0)
            hour = _row(Hourly, (cast.article_id, now_ms // HOUR_MS, reaction), **zeros)
            setattr(hour, column, getattr(hour, column) + 1)
            if column == "added" and cast.previous is None:  # each vote of the comparison is its reader's first
                part = tables.READERS[now_ms % HOUR_MS // TEN_MINUTES_MS]
                setattr(hour, part, getattr(hour, part) + 1)
            _row(Tally, (cast.article_id, reaction), n=0, imported=0).n += by


def _row(model: Any, key: tuple[Any, ...], **zeros: int) -> Any:
    """The row, locked; made if it is not there."""
    row = db.session.get(model, key, with_for_update=True)
    if row is None:
        names = [column.name for column in model.__table__.primary_key]
        row = model(**dict(zip(names, key, strict=True)), **zeros)
        db.session.add(row)
        db.session.flush()
    return row
