"""Parquet and Arrow: in groups that are held in memory one at a time."""

from __future__ import annotations

import io
import subprocess
import sys
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reactions.exports import columnar
from reactions.exports.columnar import CELLS_IN_GROUP
from reactions.exports.columns import ARTICLES, SERIES, Column
from reactions.exports.formats import Batch
from tests.databases import product_environment

COLUMNS = [Column("n", "integer", "")]
ROWS = 2 * CELLS_IN_GROUP + 1000
AT_ONCE = 2000


def written(*, parquet: bool) -> bytes:
    batches = ([range(first, min(first + AT_ONCE, ROWS))] for first in range(0, ROWS, AT_ONCE))
    return b"".join(columnar.arrow_pieces(SERIES, COLUMNS, batches, parquet=parquet))


def test_a_group_is_written_as_soon_as_it_is_full() -> None:
    parquet, arrow = pq.ParquetFile(io.BytesIO(written(parquet=True))), pa.ipc.open_file(written(parquet=False))

    groups = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
    assert groups == [arrow.get_batch(batch).num_rows for batch in range(arrow.num_record_batches)]
    assert groups == [CELLS_IN_GROUP, CELLS_IN_GROUP, 1000]
    assert parquet.read()["n"].to_pylist() == arrow.read_all()["n"].to_pylist() == list(range(ROWS))


def test_a_group_of_a_wide_table_has_fewer_rows() -> None:
    columns = [Column(f"n{number}", "integer", "") for number in range(50)]

    content = b"".join(columnar.arrow_pieces(ARTICLES, columns, ([range(500)] * 50 for _ in range(5)), parquet=True))

    file = pq.ParquetFile(io.BytesIO(content))
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [1000, 1000, 500]


class Watched(list[range]):
    """A batch, of which can be told when it is gone."""


@pytest.mark.parametrize("parquet", [True, False])
def test_of_a_batch_nothing_is_held_while_the_next_is_made(parquet: bool) -> None:
    held: list[bool] = []

    def batches() -> Iterator[Batch]:
        made: list[weakref.ref[Watched]] = []
        for _ in range(3):
            held.append(any(one() is not None for one in made))
            batch = Watched([range(CELLS_IN_GROUP // 2)])
            made.append(weakref.ref(batch))
            yield batch
            del batch

    for _ in columnar.arrow_pieces(SERIES, COLUMNS, batches(), parquet=parquet):
        pass

    assert held == [False, False, False]


def test_a_dictionary_is_made_only_of_what_repeats() -> None:
    columns = [
        Column("key", "string", "", free=True, own=True),
        Column("section", "string", "", free=True),
        Column("tags", "array", ""),
        Column("share", "number", ""),
    ]
    batch = [[f"story/{number}" for number in range(99)], ["Sport"] * 99, [("a", "b")] * 99, [0.5] * 99]

    content = b"".join(columnar.arrow_pieces(ARTICLES, columns, [batch], parquet=True))

    group = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0)
    of_column = [group.column(place) for place in range(group.num_columns)]
    assert [column.has_dictionary_page for column in of_column] == [False, True, True, False]
    assert pq.read_table(io.BytesIO(content)).column("tags").to_pylist() == [["a", "b"]] * 99


def test_what_an_export_has_used_goes_back_to_the_system() -> None:
    """In a process of its own: pyarrow chooses once where its memory comes from."""
    asked = "from reactions.exports import columnar; print(columnar.arrow().default_memory_pool().backend_name)"

    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=product_environment())

    assert answer.stdout.strip() == "system"


def test_parquet_is_written_without_file_systems_in_memory() -> None:
    """In a process of its own: here they have long been imported."""
    asked = (
        "import sys; from reactions.exports.columnar import arrow_pieces; from reactions.exports.columns import SERIES, Column\n"
        "size = sum(map(len, arrow_pieces(SERIES, [Column('n', 'integer', '')], [[range(9)]], parquet=True)))\n"
        "print(size > 0, 'pyarrow.fs' in sys.modules)"
    )

    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, env=product_environment())

    assert answer.stdout.split() == ["True", "False"]


def test_the_public_writer_writes_the_same_where_the_other_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    as_usual = written(parquet=True)
    used = []

    def changed(*_: object, **__: object) -> None:
        used.append("changed")
        raise TypeError("an argument that is not known")

    # The public class has its own name for the module, so it alone still finds the class.
    monkeypatch.setattr(pa, "_parquet", SimpleNamespace(ParquetWriter=changed))

    assert written(parquet=True) == as_usual
    assert used == ["changed"]
