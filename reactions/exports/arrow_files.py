"""Parquet and Arrow IPC, where the extra `analysis` (pyarrow) is installed. Rows are gathered into groups of 100,000 or more."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reactions.exports.columns import VERSION, Column, Table
from reactions.exports.csv_files import Batch
from reactions.exports.sinks import Sink
from reactions.refusals import MalformedExport

ROWS_IN_GROUP = 100_000


def arrow() -> Any:
    """The module pyarrow. Raises MalformedExport where it is not installed."""
    try:
        import pyarrow
    except ImportError:
        raise MalformedExport(
            "This service writes CSV only. For Parquet and Arrow its operator installs reader-reactions[analysis].",
            pointer="#/format",
        ) from None
    return pyarrow


def pieces(table: Table, columns: Sequence[Column], batches: Iterable[Batch], *, parquet: bool) -> Iterator[bytes]:
    """The file in pieces. The first may be empty: nothing of a group is written before it is full."""
    pa, sink = arrow(), Sink()
    schema = _schema(pa, table, columns)
    with _writer(pa, sink, schema, parquet=parquet) as writer:
        yield sink.taken()
        for group in _groups(pa, schema, batches):
            if parquet:
                writer.write_table(group, row_group_size=len(group))
            else:
                writer.write_table(group, max_chunksize=len(group))
            yield sink.taken()
    yield sink.taken()


def _writer(pa: Any, sink: Sink, schema: Any, *, parquet: bool) -> Any:
    if not parquet:
        return pa.ipc.new_file(sink, schema)
    import pyarrow.parquet

    return pyarrow.parquet.ParquetWriter(sink, schema, compression="zstd")


def _groups(pa: Any, schema: Any, batches: Iterable[Batch]) -> Iterator[Any]:
    waiting: list[Any] = []
    for batch in batches:
        arrays = [pa.array(column, type=field.type) for column, field in zip(batch, schema, strict=True)]
        waiting.append(pa.record_batch(arrays, schema=schema))
        if sum(map(len, waiting)) >= ROWS_IN_GROUP:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()


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
