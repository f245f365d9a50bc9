"""How Parquet and Arrow are written: by pyarrow, which the extra `analysis` installs, one group of rows after the other.

pyarrow is imported when the first such file is asked for: it takes more memory than all of a CSV's export.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any

from reactions.exports.columns import VERSION, Column, Table
from reactions.exports.formats import Batch, Sink
from reactions.languages import gettext
from reactions.refusals import MalformedExport

CELLS_IN_GROUP = 50_000  # at least; 7,000 rows of votes, 1,000 of articles: a group is held in memory until it is full


def arrow() -> Any:
    """The module pyarrow. Raises MalformedExport where it is not installed."""
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # its own keeps 13 MB of what an export has used
    try:
        import pyarrow
    except ImportError:
        raise MalformedExport(
            gettext(
                "This service writes CSV only. Parquet and Arrow need reader-reactions[analysis], which its operator installs."
            ),
            pointer="#/format",
        ) from None
    return pyarrow


def arrow_pieces(table: Table, columns: Sequence[Column], batches: Iterable[Batch], *, parquet: bool) -> Iterator[bytes]:
    """The file in pieces. The first may be empty: nothing of a group is written before it is full."""
    pa, sink = arrow(), Sink()
    schema = _schema(pa, table, columns)
    with closing(_parquet_writer(sink, schema, columns) if parquet else pa.ipc.new_file(sink, schema)) as writer:
        yield sink.taken()
        for group in _groups(pa, schema, batches):
            if parquet:
                writer.write_table(group, row_group_size=len(group))
            else:  # a chunk would be a group of its own; for Parquet a second copy of the group would be for nothing
                writer.write_table(group.combine_chunks(), max_chunksize=len(group))
            del group  # the next one is collected before the loop would let go of it
            yield sink.taken()
    yield sink.taken()


def _parquet_writer(sink: Sink, schema: Any, columns: Sequence[Column]) -> Any:
    """Pyarrow's writer. Its public class is this one behind imports of five file systems, which take 4 MB.

    What is not public may change: then the public class is taken, which writes the same. A dictionary of values that hardly
    repeat is made for nothing, and takes more room than they do.
    """
    repeat = [column for column in columns if not column.own and column.type != "number"]
    dictionaries = [f"{column.name}.list.element" if column.type == "array" else column.name for column in repeat]
    with suppress(ImportError, TypeError, ValueError):
        from pyarrow import _parquet

        return _parquet.ParquetWriter(
            sink, schema,
            compression="zstd", version="2.6", writer_engine_version="V2", data_page_version="1.0",
            use_dictionary=dictionaries, write_statistics=True,
        )  # fmt: skip
    import pyarrow.parquet

    return pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd", use_dictionary=dictionaries)


def _groups(pa: Any, schema: Any, batches: Iterable[Batch]) -> Iterator[Any]:
    def made(batch: Batch) -> Any:
        return pa.record_batch(
            [pa.array(column, type=field.type) for column, field in zip(batch, schema, strict=True)], schema=schema
        )

    waiting: list[Any] = []
    for rows in map(made, batches):  # of a batch itself nothing is held while the next is made
        waiting.append(rows)
        if sum(map(len, waiting)) * len(schema) >= CELLS_IN_GROUP:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _schema(pa: Any, table: Table, columns: Sequence[Column]) -> Any:
    types = {
        "string": pa.string(),
        "array": pa.list_(pa.string()),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "datetime": pa.timestamp("ms", tz="UTC"),
    }
    fields = [
        pa.field(
            column.name, types[column.type], nullable=not column.always, metadata={"meaning": column.meaning, "unit": column.unit}
        )
        for column in columns
    ]
    return pa.schema(fields, metadata={"table": table.name, "version": json.dumps(VERSION)})
