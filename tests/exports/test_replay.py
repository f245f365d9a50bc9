"""The three files hold all that counts: replayed in their order into an empty database, they make the same files again."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, update

from reactions.exports.columns import TABLES
from reactions.newsroom import article_keys, articles, interventions
from reactions.newsroom.articles import Description
from reactions.storage import engines, tables
from reactions.storage.engines import writing
from reactions.votes.rules import Ballot, Receipt
from tests.databases import SqliteFiles
from tests.exports.asking import Row, content, exported
from tests.exports.test_totals import NOWS, paper
from tests.reports.stage import Stage, stage


@pytest.mark.parametrize("seed", range(4))
def test_what_is_replayed_is_exported_alike(engine: Engine, seed: int, sqlite_files: SqliteFiles, tmp_path: Path) -> None:
    here = paper(engine, seed, NOWS[0], "Europe/Berlin")
    (tmp_path / "empty").mkdir()
    empty = create_engine(sqlite_files.copy_to(tmp_path / "empty"))
    engines.prepare(empty)
    there = stage(empty, here.site.key, time_zone="Europe/Berlin", now_ms=here.now_ms)
    files = {table: exported(engine, here.site, table, now_ms=here.now_ms) for table in TABLES}

    restore_articles(there, files["articles"])
    replay(there, files["votes"])
    forward(there, files["articles"])

    for table in TABLES:
        assert content(empty, there.site, table, now_ms=there.now_ms) == content(engine, here.site, table, now_ms=here.now_ms)
    empty.dispose()


def ms(moment: str | None) -> Any:
    return None if moment is None else round(datetime.fromisoformat(moment).timestamp() * 1000)


def restore_articles(there: Stage, rows: list[Row]) -> None:
    with writing(there.engine) as connection:
        for row in rows:
            said = Description(
                row["article"],
                row["title"] or "",
                row["url"],
                row["section"],
                row["authors"],
                row["tags"],
                ms(row["published_at"]),
            )
            articles.describe(connection, there.site, [said], at_ms=ms(row["first_seen_at"]))
            changed = {"closed_at": ms(row["closed_at"]), "hidden_at": ms(row["hidden_at"]), "title": row["title"] or None}
            a = tables.article
            article_id = article_keys.id_of(there.site.key, row["article"])
            connection.execute(update(a).where(a.c.article_id == article_id).values(changed))


def replay(there: Stage, rows: list[Row]) -> None:
    """Each row is somebody's who has the reaction that it removes, or a new reader's."""
    standing: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    ballots = []
    for number, row in enumerate(rows):
        voter = standing[row["article"], row["from"]].pop() if row["from"] else number.to_bytes(16, "big")
        if row["to"]:
            standing[row["article"], row["to"]].append(voter)
        article_id = article_keys.id_of(there.site.key, row["article"])
        at_ms = ms(row["at"])
        ballots.append(Ballot(there.site, row["article"], article_id, row["to"], b"", at_ms + number, at_ms, row["cause"], voter))
    assert all(isinstance(answer, Receipt) for answer in there.box.count(ballots))


def forward(there: Stage, rows: list[Row]) -> None:
    with writing(there.engine) as connection:
        for row in rows:
            if row["merged_into"]:
                into = row["merged_into"]
                interventions.forward(connection, there.site, row["article"], into=into, at_ms=there.now_ms, by="test")
