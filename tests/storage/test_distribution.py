"""What Citus needs of the tables and of the statements, held without Citus, which no package index offers.

docs/decisions/0020-distribution.md says what Citus refuses, and what it does on every node. The file is longer than others
because the rules for keys, for statements and for the command are one list.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, Table, UniqueConstraint, create_engine, event, inspect, make_url

from reactions.newsroom import articles, interventions, sites
from reactions.newsroom.article_keys import article_key, id_of
from reactions.newsroom.articles import Description
from reactions.storage import distribution, engines, tables
from reactions.storage.distribution import BY_COLUMN, REFERENCE, column_of
from reactions.storage.engines import writing
from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import (
    forgetting,
    imported,
    imported_views,
    removing,
    retention,
    review,
    revising,
    rollups,
    sealing,
    tallies,
)  # fmt: skip
from reactions.votes.holds import SOFT_CAP, Hold
from reactions.votes.imported_views import DayChange
from reactions.votes.review import Choice
from reactions.votes.revising import Editor
from reactions.votes.views import Views
from tests import make
from tests.boxes import NOON_MS, Booth, booth
from tests.databases import PROJECT, GivenDatabase
from tests.engines import Postgres
from tests.lengths import only_postgresql
from tests.make import ADA, BEN, CIA
from tests.web.terminal import Terminal

_EVERY = tables.metadata.tables

# What an editor does seldom may ask every node; what votes and views do may not. By the beginning of the statement, the reason.
MAY_SPAN = {
    "UPDATE article SET merged_into=": "what was merged into the source before lies anywhere",
    "SELECT hold.article_id, hold.voter FROM hold": "holds may be anywhere; the votes are asked for article by article",
}


def test_every_table_has_its_place() -> None:
    placed = [*REFERENCE, *(table for group in BY_COLUMN.values() for table in group)]

    assert sorted(table.name for table in placed) == sorted(_EVERY)


@pytest.mark.parametrize("name", sorted(_EVERY))
def test_every_unique_key_holds_the_column_that_distributes_its_table(name: str) -> None:
    table = _EVERY[name]
    keys = [set(table.primary_key.columns.keys())]
    keys += [set(each.columns.keys()) for each in table.constraints if isinstance(each, UniqueConstraint)]
    keys += [set(each.columns.keys()) for each in table.indexes if each.unique]
    column = column_of(table)

    assert keys[0], "a table that is distributed online needs a primary key"
    assert column is None or all(column in key for key in keys)


@pytest.mark.parametrize("name", sorted(_EVERY))
def test_foreign_keys_lead_to_rows_of_the_same_node(name: str) -> None:
    table = _EVERY[name]

    for key in table.foreign_keys:
        other, column = key.column.table, column_of(table)
        assert column_of(other) is None or (column_of(other) == column == key.parent.name == key.column.name)


def test_columns_that_distribute_one_group_have_one_type() -> None:
    for column, group in BY_COLUMN.items():
        assert len({str(table.c[column].type) for table in group}) == 1


@only_postgresql
def test_the_database_has_no_trigger_sequence_or_unique_index_that_the_code_does_not_know(engine: Engine) -> None:
    with engine.connect() as connection:
        triggers = connection.exec_driver_sql("SELECT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal").all()
        unique = connection.exec_driver_sql(
            "SELECT indrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON oid = indrelid "
            "WHERE indisunique AND relnamespace = 'public'::regnamespace AND relkind = 'r'"
        ).all()
    apart = [index for name, index in unique if (c := column_of(_EVERY[name]) if name in _EVERY else None) and c not in index]

    assert triggers == []
    assert apart == []
    assert inspect(engine).get_foreign_keys("vote") == []


@pytest.fixture
def daily(engine: Engine, database_url: str) -> Booth:
    make.site(database_url, count_views=1)
    return booth(engine)


@contextmanager
def listening(engine: Engine) -> Iterator[list[str]]:
    """Every statement that is run meanwhile."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(" ".join(statement.split()))

    def take_for_citus(_driver: Any, record: Any, _proxy: Any) -> None:
        record.info[engines.TAKES_ARRAYS] = False

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "checkout", take_for_citus)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)
        event.remove(engine, "checkout", take_for_citus)


def faults_of(statement: str) -> list[str]:
    """What Citus would refuse in a statement, or do on other nodes than those of the articles that it names."""
    named = [table for name, table in _EVERY.items() if re.search(rf"\b(FROM|JOIN|INTO|UPDATE) {name}\b", statement)]
    spread = [table for table in named if column_of(table)]
    faults = []
    if re.match("INSERT|UPDATE|DELETE", statement) and len({column_of(table) for table in named}) > 1:
        faults.append("changes a table and reads one that lies elsewhere")
    if spread and "FOR UPDATE" in statement and not any(_says_one(statement, table) for table in spread):
        faults.append("locks rows of several nodes")
    if not statement.startswith(tuple(MAY_SPAN)):
        faults += [f"does not say where in {table.name}" for table in spread if table.name not in _say_where(statement, spread)]
    return faults


def _says_one(statement: str, table: Table) -> bool:
    return re.search(rf"\b{table.name}\.{column_of(table)} = %", statement) is not None


def _say_where(statement: str, spread: Sequence[Table]) -> set[str]:
    """The tables whose rows a statement looks for by the column that distributes them, or beside rows that it so looks for."""
    found = {table.name for table in spread if _is_given(statement, table.name, str(column_of(table)))}
    pairs = re.findall(r"\b(\w+)\.(\w+) = (\w+)\.(\w+)\b", statement)
    columns = {table.name: column_of(table) for table in spread}
    for _ in spread:
        for one, its, other, theirs in pairs:
            if columns.get(one) == its == theirs == columns.get(other) and found & {one, other}:
                found |= {one, other}
    return found


def _is_given(statement: str, name: str, column: str) -> bool:
    if statement.startswith(f"INSERT INTO {name} ("):
        return column in statement.partition("(")[2].partition(")")[0].split(", ")
    given = rf"\b{name}\.{column} (= %|= ANY \(%|IN \(%)", rf"\({name}\.{column}, [^)]*\) IN \(\(%"
    return any(re.search(pattern, statement) for pattern in given)


def faults(statements: list[str]) -> dict[str, list[str]]:
    """The faulty ones among statements."""
    return {statement: found for statement in statements if (found := faults_of(statement))}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT vote.voter FROM vote WHERE vote.reaction = %(r)s",
        "SELECT vote.article_id FROM vote",
        "SELECT vote.voter FROM vote WHERE vote.article_id IN (SELECT article.article_id FROM article)",
        "SELECT vote.voter FROM vote JOIN hold ON hold.article_id = vote.article_id WHERE hold.site_id = %(s)s",
        "SELECT article.article_id FROM article WHERE article.article_id IN (%(a)s, %(b)s) FOR UPDATE",
        "UPDATE imported_source SET n=1 WHERE source IN (SELECT source FROM imported_amount WHERE article_id = %s)",
        "DELETE FROM vote WHERE vote.article_id IN (SELECT article_alias.article_id FROM article_alias)",
        "DELETE FROM article_quota WHERE article_quota.day < %(d)s",
        "INSERT INTO tally (reaction, n) VALUES (%s, %s)",
    ],
)
def test_a_statement_that_citus_would_refuse_or_spread_is_noticed(statement: str) -> None:
    assert faults_of(statement) != []


@only_postgresql
def test_a_vote_and_a_view_name_their_article_in_every_statement(daily: Booth) -> None:
    with listening(daily.engine) as statements:
        daily.box.count([daily.ballot(make.reader(n), "like", seq=1, article=f"new-{n % 3}") for n in range(9)])
        daily.cast(ADA, "love", seq=1)
        daily.cast(ADA, "wow", seq=2)
        daily.cast(ADA, "wow", seq=1)
        daily.cast(ADA, None, seq=3)
        daily.box.cast(replace(daily.ballot(BEN, "sad", seq=1), held=Hold(SOFT_CAP, NOON_MS + HOUR_MS, "a")))
        views = Views(daily.box.transact)
        views.add(daily.site, [article_key("daily", "hello")], now_ms=NOON_MS)
        views.write()
        daily.counts("hello", "new-1", "unknown")

    written = {word for each in statements if (word := each.partition(" (")[0]).startswith("INSERT INTO ")}
    present = ("article", "vote", "event", "hold", "tally", "hourly", "views", "article_quota", "article_change")
    late = ("past_rewrite",)  # the noon of these votes is long past
    assert written == {f"INSERT INTO {name}" for name in (*present, *late)}
    assert faults(statements) == {}


@only_postgresql
def test_editors_actions_are_statements_that_citus_takes(daily: Booth) -> None:
    for key in ("a", "b", "c"):
        daily.cast(ADA, "like", seq=1, article=key)
        daily.box.cast(replace(daily.ballot(CIA, "sad", seq=1, article=key), held=Hold(SOFT_CAP, NOON_MS + HOUR_MS, "a")))
    bring_totals_and_views(daily)
    editor = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS + 10)
    by = {"by": "a test", "now_ms": NOON_MS + 20}

    with listening(daily.engine) as statements:
        revising.merge(editor, "a", into="b")
        revising.merge(editor, "b", into="c")
        daily.cast(ADA, "sad", seq=NOON_MS, article="a")  # by a key that leads on, with a pseudonym that moved
        revising.reset(editor, "c")
        revising.undo_reset(editor, "c")
        review.reject(daily.box, Choice(site_id=daily.site.id), **by)
        review.release(daily.box, Choice(site_id=daily.site.id, states=("rejected",)), **by)
        with writing(daily.engine) as connection:
            articles.describe(connection, daily.site, [Description("c", "A title")], at_ms=NOON_MS)
            interventions.hide(connection, daily.site, "c", at_ms=NOON_MS, by="a test")
            interventions.move(connection, daily.site, "c", to="d", at_ms=NOON_MS, by="a test")
        removing.delete_article(editor, "d")

    assert any(each.startswith("UPDATE imported_source") for each in statements)
    assert any("FOR UPDATE" in each for each in statements)
    assert faults(statements) == {}


@only_postgresql
def test_daily_work_is_nothing_that_citus_refuses(daily: Booth) -> None:
    """It may ask every node: a forgotten reader is looked for on every article, and old votes are found site by site."""
    daily.box.count([daily.ballot(make.reader(n), "like", seq=1, article=f"new-{n % 3}") for n in range(9)])
    daily.cast(ADA, "love", seq=1, article="junk")
    bring_totals_and_views(daily)
    with writing(daily.engine) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")
    later = NOON_MS + 40 * DAY_MS

    with listening(daily.engine) as statements:
        forgetting.forget(daily.engine, daily.box, site, reader=bytes.fromhex(ADA), key=b"k" * 32, now_ms=NOON_MS + DAY_MS)
        sealing.seal(daily.engine, now_ms=later)
        rollups.roll_up(daily.engine, now_ms=later, within_s=60)
        removing.collect_junk(daily.engine, daily.box, site, now_ms=later)
        retention.drop_old_votes(daily.engine, daily.box, site, now_ms=later)

    assert sum(each.startswith(("DELETE FROM event", "DELETE FROM vote")) for each in statements) > 1
    refused = {each: found for each, found in faults(statements).items() if [f for f in found if "does not say where" not in f]}
    assert refused == {}


def bring_totals_and_views(daily: Booth) -> None:
    """What another tool has counted on the articles a and b."""
    ids = [id_of("daily", key) for key in ("a", "b")]
    day = NOON_MS // DAY_MS
    hours = range(day * 24, day * 24 + 24)

    def bring(connection: Any) -> None:
        imported.change(connection, "other", [imported.Change(each, "like", 0, 5) for each in ids])
        tallies.shift_imported(connection, {(each, "like"): 5 for each in ids})
        imported_views.change(connection, "tool", [DayChange(each, day, 9, hours) for each in ids])

    daily.box.transact(bring)


# Stands in for Citus: it keeps a list of the tables, and refuses what Citus refuses of their keys.
_STAND_IN = """
SET allow_system_table_mods = on;
INSERT INTO pg_extension VALUES (99999, 'citus', 10, 'public'::regnamespace, false, '13.2', null, null);
CREATE TABLE public.pg_dist_partition (logicalrelid regclass, by_column text, lies_with text, turn serial);
CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql
  AS $$ INSERT INTO pg_dist_partition VALUES (name, null, null) $$;
CREATE FUNCTION create_distributed_table(name regclass, by_column text, shard_count int = null, colocate_with text = 'default')
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM pg_index WHERE indrelid = name AND indisunique AND pg_get_indexdef(indexrelid) !~ by_column) THEN
    RAISE EXCEPTION 'cannot create constraint on "%"', name;
  END IF;
  IF colocate_with <> 'none' AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = colocate_with::regclass) THEN
    RAISE EXCEPTION 'relation % is not distributed', colocate_with;
  END IF;
  INSERT INTO pg_dist_partition VALUES (name, by_column, colocate_with);
END $$;
"""


@pytest.fixture
def like_citus(bare_database_url: str, postgres: Postgres) -> Iterator[Engine]:
    """A PostgreSQL whose functions of Citus keep a list of what they were called for."""
    postgres.execute(_STAND_IN, database=str(make_url(bare_database_url).database))
    engine = create_engine(bare_database_url, connect_args={"prepare_threshold": None})
    yield engine
    engine.dispose()


def distributed(engine: Engine) -> dict[str, str | None]:
    with engine.connect() as connection:
        return dict(connection.exec_driver_sql("SELECT logicalrelid::text, by_column FROM pg_dist_partition").all())  # type: ignore[arg-type]


@only_postgresql
def test_distribute_places_every_table_once(like_citus: Engine, bare_database_url: str, tmp_path: Any) -> None:
    terminal = Terminal(tmp_path, bare_database_url)
    try:
        assert terminal.fail("db", "distribute") == "The tables are not those of this version. Run `reactions db upgrade` first."
        terminal.do("db", "upgrade")

        planned = terminal.do("db", "distribute", "--shards", "64", "--dry-run").splitlines()
        assert planned == [f"{statement};" for _, statement in distribution.statements(shards=64)]
        assert distributed(like_citus) == {}

        assert terminal.do("db", "distribute") == f"Distributed: {len(_EVERY)}.\n"
        assert distributed(like_citus) == {name: column_of(table) for name, table in _EVERY.items()}

        assert terminal.do("db", "distribute") == "All tables are distributed.\n"
        assert terminal.do("db", "distribute", "--dry-run") == ""
    finally:
        terminal.close()


@only_postgresql
def test_citus_is_sent_rows_and_prepares_nothing(like_citus: Engine, engine: Engine) -> None:
    for one, is_citus in ((like_citus, True), (engine, False)):
        if is_citus:
            engines.prepare(one)
        with one.connect() as connection:
            assert connection.info[engines.TAKES_ARRAYS] is not is_citus
            assert connection.info[engines.MAY_PREPARE] is not is_citus


@only_postgresql
def test_distribute_that_fails_midway_has_changed_nothing(like_citus: Engine, bare_database_url: str, tmp_path: Any) -> None:
    terminal = Terminal(tmp_path, bare_database_url)
    try:
        terminal.do("db", "upgrade")
        with like_citus.begin() as connection:
            connection.exec_driver_sql("CREATE UNIQUE INDEX stray ON event (seq)")

        assert 'cannot create constraint on "event"' in terminal.fail("db", "distribute")

        assert distributed(like_citus) == {}
    finally:
        terminal.close()


def test_a_database_without_citus_is_left_as_it_is(database_url: str, tmp_path: Any) -> None:
    terminal = Terminal(tmp_path, database_url)
    try:
        assert terminal.fail("db", "distribute") == (
            "This database does not have the extension Citus: nothing was changed. On a PostgreSQL with Citus, run "
            "CREATE EXTENSION citus in the service's database first."
        )
        planned = terminal.do("db", "distribute", "--dry-run")
        assert planned.count("create_reference_table") + planned.count("create_distributed_table") == len(_EVERY)
    finally:
        terminal.close()


@only_postgresql
def test_the_suite_runs_on_the_database_that_is_named(postgres: Postgres, engine_kind: str) -> None:
    url = postgres.create_database("suite_test")
    postgres.execute(_STAND_IN, database="suite_test")
    chosen = ["tests/storage/test_distribution.py", "-k", "a_vote_and_a_view_name"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    run = subprocess.run(command, cwd=PROJECT, env=alone | {"TEST_DATABASE_URL": url}, capture_output=True, text=True)

    assert run.returncode == 0, run.stdout
    assert "1 passed" in run.stdout
    engine = create_engine(url)
    try:
        assert len(distributed(engine)) == len(_EVERY)
        assert postgres.execute("select count(*) > 9 from vote", database="suite_test") == [(True,)]
    finally:
        engine.dispose()


def test_a_database_that_is_not_for_tests_is_not_emptied() -> None:
    with pytest.raises(ValueError, match="its name must hold 'test'"):
        GivenDatabase("postgresql+psycopg://reactions@db/reactions")
