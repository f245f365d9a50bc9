"""Statements of the write path, whose text is made once and given to the driver itself.

Building and compiling a statement for each batch takes longer than the database takes to count it, and so do SQLAlchemy's context
and result of a statement that is text already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache, partial
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ARRAY,
    Connection,
    Select,
    Table,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.dialects.sqlite import pysqlite

from reactions.storage import connecting, engines
from reactions.storage.engines import insert_of
from reactions.storage.parameters import ARRAYS, WrittenArray, ids_in_text, in_text

if TYPE_CHECKING:
    from reactions.storage.trips import Trip

Answer = Callable[[], list[tuple[Any, ...]]]  # the rows, once they are asked for

_MOST_ROWS = 500  # SQLite takes at most 32,766 parameters in one statement
_ROW = re.compile(r"\bVALUES (\((?:[^()]|\([^()]*\))*\))")
_PARAMETER = re.compile("%s|%%")
_ANOTHER_ORDER = "the columns stand in another order in the table"
_TRIP = "trip"  # in the notes on a connection: what it is about to be sent
_listings = count()
_POSITIONAL = {"sqlite": pysqlite.dialect(), "postgresql": psycopg.dialect(paramstyle="format")}  # type: ignore[no-untyped-call]


class ManyRows:
    """An INSERT of any number of rows, as one statement.

    `columns` are those that are given, in the order of the table. `conflict` adds what happens to rows that are there already.
    PostgreSQL is given an array for each column, so that the text is the same for any number of rows; Citus, which sends each row
    where it lies, and SQLite, which has no arrays, are given the rows.
    """

    def __init__(self, table: Table, columns: Sequence[str], conflict: Callable[[Any], Any] = lambda insert: insert) -> None:
        self._table = table
        self._columns = tuple(columns)
        self._conflict = conflict
        self._parts = cache(self._compiled)
        self._text = cache(self._repeated)
        self._of_arrays = cache(self._compiled_for_arrays)

    def execute(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        """Write the rows, none of which may stand twice; what the statement returns, if it returns anything."""
        return self.begin(connection, rows)()

    def begin(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> Answer:
        """The same; the rows that are returned are had later, after a block `in_one_trip` at the latest."""
        takes_arrays = connection.info.get(engines.TAKES_ARRAYS)
        answers: list[Answer] = []
        for first in range(0, len(rows), _MOST_ROWS):
            some = rows[first : first + _MOST_ROWS]
            if takes_arrays:
                text, returns, arrays = self._of_arrays()
                values: Sequence[Any] = [array(column) for array, column in zip(arrays, zip(*some, strict=True), strict=True)]
            else:
                text, returns = self._text(connection.dialect.name, len(some))
                values = tuple(chain.from_iterable(some))
            answer = begin(connection, text, values)
            if returns:
                answers.append(answer)
        return lambda: [row for answer in answers for row in answer()]

    def _repeated(self, dialect: str, rows: int) -> tuple[str, bool]:
        """The text for so many rows, from that for one: to compile the text for 128 rows takes 30 ms."""
        head, row, tail, returns = self._parts(dialect)
        return f"{head}{', '.join([row] * rows)}{tail}", returns

    def _compiled(self, dialect: str) -> tuple[str, str, str, bool]:
        """What stands before the rows, a row, what stands after them, and whether the statement returns anything."""
        one, two = (
            self._conflict(insert_of(dialect)(self._table).values([dict.fromkeys(self._columns)] * rows)).compile(
                dialect=_POSITIONAL[dialect]
            )
            for rows in (1, 2)
        )
        assert two.positiontup == [f"{column}_m{row}" for row in (0, 1) for column in self._columns], _ANOTHER_ORDER
        found = _ROW.search(str(one))
        assert found, "a statement without rows"
        head, row, tail = str(one)[: found.start(1)], found[1], str(one)[found.end(1) :]
        assert str(two) == f"{head}{row}, {row}{tail}", "two rows are not twice a row"
        return head, row, tail, bool(one.effective_returning)

    def _compiled_for_arrays(self) -> tuple[str, bool, list[WrittenArray]]:
        """The text, whether it returns anything, and how the array of each column is written."""
        ordered = [column.name for column in self._table.columns if column.name in self._columns]
        assert ordered == list(self._columns), _ANOTHER_ORDER
        kinds = [ARRAYS[self._table.c[name].type.python_type] for name in self._columns]
        arrays = [bindparam(name, type_=ARRAY(kind)) for name, (kind, _) in zip(self._columns, kinds, strict=True)]
        given = func.unnest(*arrays).table_valued(*self._columns).render_derived()
        insert = insert_of("postgresql")(self._table).from_select(self._columns, select(*given.c), include_defaults=False)
        compiled = self._conflict(insert).compile(dialect=_POSITIONAL["postgresql"])
        assert compiled.positiontup == list(self._columns), "another parameter than the columns"
        return str(compiled), bool(compiled.effective_returning), [as_array for _, as_array in kinds]


class Finished:
    """Any other statement, which `made` makes for a dialect. Its parameters that have no value yet are given by name."""

    def __init__(self, made: Callable[[str], Any]) -> None:
        self._compiled = cache(lambda dialect: _text_and_values(made(dialect), dialect))

    def ask(self, connection: Connection, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The rows that it returns, had at once. It is no part of a block `in_one_trip`, but a trip by itself."""
        with in_one_trip(connection):
            answer = self.begin(connection, given)
        return answer()

    def begin(self, connection: Connection, given: Mapping[str, Any]) -> Answer:
        """Run it; its rows are had later, after a block `in_one_trip` at the latest. Never ask for those of one without any."""
        text, values = self._compiled(connection.dialect.name)
        return begin(connection, text, [given.get(name, value) for name, value in values])


def _text_and_values(statement: Any, dialect: str) -> tuple[str, list[tuple[str, Any]]]:
    """The text, and the names of its parameters in order, each with its value if it has one."""
    compiled = statement.compile(dialect=_POSITIONAL[dialect])
    return str(compiled), [(name, compiled.params[name]) for name in compiled.positiontup or ()]


class Question:
    """A SELECT of `among`, which `made` makes for a dialect: the one parameter that it still lacks are ids."""

    def __init__(self, made: Callable[[str], Select[Any]]) -> None:
        self._finished = Finished(made)

    def ask(self, connection: Connection, numbers: Iterable[int]) -> list[tuple[Any, ...]]:
        """The rows, as the driver gives them."""
        return self.begin(connection, numbers)()

    def begin(self, connection: Connection, numbers: Iterable[int]) -> Answer:
        """Ask; the rows are had later, after a block `in_one_trip` at the latest."""
        return self._finished.begin(connection, {"ids": ids_in_text(connection.dialect.name, numbers)})


class Listing:
    """A SELECT of any number of rows, which are read some at a time: on PostgreSQL the rest waits behind a cursor."""

    def __init__(self, query: Select[Any], dialect: str) -> None:
        self._query = query
        self._text, self._values = _text_and_values(query, dialect)

    def parts(self, connection: Connection, given: Mapping[str, Any], *, rows: int) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows, as the driver gives them: no type of a column is looked at."""
        if _is_sqlalchemys(connection):
            with connection.execute(self._query, given, execution_options={"yield_per": rows}) as result:
                yield from result.partitions(rows)
            return
        cursor = _large_cursor(connection)
        parameters = tuple(given.get(name, value) for name, value in self._values)
        try:
            cursor.execute(self._text, parameters)
            yield from iter(partial(cursor.fetchmany, rows), [])  # none is held here while the next is read
        except connection.dialect.loaded_dbapi.Error as error:
            connection._handle_dbapi_exception(error, self._text, parameters, cursor, None)
        finally:
            cursor.close()


def _large_cursor(connection: Connection) -> Any:
    """A cursor of the driver that does not read all rows at once."""
    driver: Any = connection.connection.driver_connection
    return driver.cursor() if connection.dialect.name == "sqlite" else driver.cursor(name=f"listing_{next(_listings)}")


@contextmanager
def in_one_trip(connection: Connection, *, commits: bool = False) -> Iterator[None]:
    """Send PostgreSQL all statements of the block at its end, together, and wait for their answers.

    The block holds statements of this file, and asks for no rows. If it `commits`, its statements are the transaction's last,
    or all of it where none has begun, and COMMIT goes with them. On SQLite there is no trip to save, and whoever began the
    transaction commits it.
    """
    is_whole = commits and not connection.get_execution_options().get(connecting.AT_BEGIN)  # nothing has to be said before it
    travels = connection.dialect.name == "postgresql" and (connection.in_transaction() or is_whole)
    if not travels or _is_traced(connection):
        yield
        return
    named = connection.info.setdefault(engines.PREPARED, {}) if connection.info.get(engines.MAY_PREPARE) else None
    driver: Any = connection.connection.driver_connection
    trip = connection.info[_TRIP] = _trip_maker()(driver, named, commits=commits)
    try:
        yield
    finally:
        del connection.info[_TRIP]
    try:
        trip.go()
    except connection.dialect.loaded_dbapi.Error as error:
        connection._handle_dbapi_exception(error, "statements in one trip", (), None, None)


@cache
def _trip_maker() -> type[Trip]:
    """The class, once there is a PostgreSQL: without one its driver need not be installed."""
    from reactions.storage.trips import Trip

    return Trip


def _is_sqlalchemys(connection: Connection) -> bool:
    """True if SQLAlchemy has to run a statement: a reader's first one begins a transaction, and whoever traces sees all."""
    return not connection.in_transaction() or _is_traced(connection)


def _is_traced(connection: Connection) -> bool:
    return bool(connection.dispatch.before_cursor_execute)


def _raw(connection: Connection, text: str) -> tuple[Any, bytes]:
    """Psycopg's cursor for a text as PostgreSQL takes it.

    The usual one looks for %s in every text anew that is long or has more than fifty parameters, which takes longer than a batch.
    """
    from psycopg import RawCursor

    driver: Any = connection.connection.driver_connection
    return RawCursor(driver), _numbered(text)


@lru_cache(maxsize=512)
def _numbered(text: str) -> bytes:
    """A text with $1, $2 and so on for its %s."""
    numbers = count(1)
    return _PARAMETER.sub(lambda found: "%" if found[0] == "%%" else f"${next(numbers)}", text).encode()


def begin(connection: Connection, text: str, parameters: Sequence[Any] = ()) -> Answer:
    """Have the driver run a text with %s inside SQLAlchemy's transaction; a failure is told as SQLAlchemy tells it.

    The rows are had later, after a block `in_one_trip` at the latest.
    """
    trip: Trip | None = connection.info.get(_TRIP)
    if trip:
        return trip.add(_numbered(text), [in_text(value) for value in parameters])
    if _is_sqlalchemys(connection):
        result = connection.exec_driver_sql(text, tuple(parameters))
        rows = [tuple(row) for row in result] if result.returns_rows else []
        return lambda: rows
    cursor, said = (connection.connection.cursor(), text) if connection.dialect.name == "sqlite" else _raw(connection, text)
    failures = connection.dialect.loaded_dbapi.Error
    try:
        cursor.execute(said, parameters)
    except failures as error:
        connection._handle_dbapi_exception(error, text, parameters, cursor, None)

    def fetched() -> list[tuple[Any, ...]]:
        try:
            return cursor.fetchall()  # type: ignore[return-value]
        except failures as error:
            connection._handle_dbapi_exception(error, text, parameters, cursor, None)
        finally:
            cursor.close()

    return fetched
