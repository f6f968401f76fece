"""Writes rows as Parquet with exact types, in bounded memory.

PostgreSQL sends CSV, which is stored in a temporary file. Arrow then parses it by blocks. The file is read twice if a
numeric column has no fixed scale: first to find the scale.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from local.errors import RunError
from local.export.relations import Column

# Text that Arrow reads at a time, up to 32 blocks ahead. No cell may be longer.
BLOCK_BYTES = 4 * 1024 * 1024
ROW_GROUP_BYTES = 32 * 1024 * 1024
# The most that Parquet's common readers take.
MAX_PRECISION = 38
TYPES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
}


def write(rows: BinaryIO, columns: Sequence[Column], file: BinaryIO) -> None:
    """Writes the rows, which are PostgreSQL's CSV without a header, as Parquet.

    Raises:
        RunError: a value does not fit into Parquet.
    """
    is_empty = rows.seek(0, 2) == 0
    try:
        unfixed = [column.name for column in columns if column.type == "numeric" and not _is_fixed(column)]
        scales = {} if is_empty or not unfixed else _scales(rows, columns, unfixed)
        types = {column.name: _type(column, scales.get(column.name, 0)) for column in columns}
        with pq.ParquetWriter(file, pa.schema(types.items()), compression="zstd") as writer:
            if not is_empty:
                with _opened(rows, types) as batches:
                    for table in _row_groups(batches):
                        writer.write_table(table, row_group_size=max(1, table.num_rows))
    except pa.ArrowInvalid as error:
        raise RunError(f"a value does not fit into Parquet: {error}; export the view as CSV") from error


def _row_groups(batches: Iterable[Any]) -> Iterator[Any]:
    """Yields tables of several batches, because small row groups make a file large and slow to read."""
    pending: list[Any] = []
    for batch in batches:
        pending.append(batch)
        if sum(held.nbytes for held in pending) >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(pending)
            pending = []
    if pending:
        yield pa.Table.from_batches(pending)


def _type(column: Column, scale: int) -> pa.DataType:
    if column.type != "numeric":
        return TYPES.get(column.type, pa.string())
    return pa.decimal128(column.precision, column.scale) if _is_fixed(column) else pa.decimal128(MAX_PRECISION, scale)


def _is_fixed(column: Column) -> bool:
    return (
        column.precision is not None
        and column.scale is not None
        and 0 <= column.scale <= column.precision <= MAX_PRECISION
    )


def _scales(rows: BinaryIO, columns: Sequence[Column], names: Sequence[str]) -> dict[str, int]:
    """Returns the number of decimals that each of these columns needs."""
    scales = dict.fromkeys(names, 0)
    with _opened(rows, {column.name: pa.string() for column in columns}, names) as batches:
        for batch in batches:
            for name in names:
                decimals = pc.replace_substring_regex(batch.column(name), r"^[^.]*\.?", "")
                longest = pc.max(pc.utf8_length(pc.utf8_rtrim(decimals, "0"))).as_py()
                scales[name] = max(scales[name], longest or 0)
    return scales


@contextmanager
def _opened(rows: BinaryIO, types: dict[str, pa.DataType], names: Sequence[str] = ()) -> Iterator[Any]:
    """Yields the batches of the rows, with all columns or those of these names."""
    rows.seek(0)
    reader = csv.open_csv(
        pa.PythonFile(rows, mode="r"),
        read_options=csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES, column_names=list(types)),
        # A row with a single column and null is an empty line.
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=types,
            include_columns=list(names),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    with reader:
        yield reader
