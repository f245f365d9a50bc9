"""Small builders: readers with names, and a site to vote on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import create_engine

from reactions.newsroom import reaction_sets, sites
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.storage import engines
from tests import databases

# Ids as the widget makes them: 128 random bits in 32 lower-case hex characters.
ADA = "ada" + "0" * 29
BEN = "be4" + "0" * 29
CIA = "c1a" + "0" * 29
DEE = "dee" + "0" * 29

SEVEN = ("like", "dislike", "love", "funny", "angry", "sad", "wow")
ORIGIN = "https://daily.example"
SECRET = "a secret that only tests use, long enough"


def reader(number: int) -> str:
    """The id of the n-th of many readers."""
    return f"{number:032x}"


@cache
def reactions(*keys: str) -> ReactionSet:
    """The seven default reactions, or those of them with these keys."""
    shipped = Path(__file__).parent.parent / "config" / "reactions.toml"
    seven = reaction_sets.from_toml(shipped.read_text(encoding="utf-8"))
    return ReactionSet(tuple(seven.get(key) for key in keys or SEVEN))


def site(database_url: str, key: str = "daily", *, origins: Sequence[str] = (ORIGIN,), **choices: object) -> None:
    """Add a site with the seven reactions to a migrated database."""
    lasting = databases.lasting.get(database_url)
    engine = lasting or create_engine(database_url)
    if not lasting:
        engines.prepare(engine)
    try:
        with engines.writing(engine) as connection:
            given = {"name": "The Daily", "reactions": reactions(), **choices}
            sites.add(connection, key=key, origins=origins, **given)  # type: ignore[arg-type]
    finally:
        if not lasting:
            engine.dispose()
