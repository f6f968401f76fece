"""Reading of Parquet: each row becomes a JSON object with exact values."""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from local.event_files.delimited import Encoder
from local.event_files.rows import MAX_BYTES, OVERSIZED, BrokenFileError, Row

MAGIC = b"PAR1"
ROWS_PER_BATCH = 2_000


@contextmanager
def opened(path: Path, chunks: Iterable[bytes], *, is_compressed: bool) -> Iterator[ParquetFile]:
    """Opens a Parquet file. A compressed one is decompressed to a temporary file, because Parquet is read from its end.

    Raises:
        BrokenFileError: the file is cut or damaged.
    """
    with tempfile.TemporaryFile() if is_compressed else path.open("rb") as file:
        if is_compressed:
            file.writelines(chunks)
            file.seek(0)
        yield _parquet(path, file)


def columns(file: ParquetFile) -> Sequence[str]:
    return [str(name) for name in file.schema_arrow.names]


def read_parquet(path: Path, file: ParquetFile) -> Iterator[Row]:
    """Yields the rows as JSON objects. Nulls are left out, which means the same.

    Decimals become text; times with a zone become text in UTC, and times without a zone text without a zone.
    """
    encode = Encoder(columns(file))
    number = 0
    batches = file.iter_batches(ROWS_PER_BATCH)
    while (batch := _next(path, batches)) is not None:
        values = [_cut_to_microseconds(column).to_pylist(maps_as_pydicts="lossy") for column in batch.columns]
        for row in zip(*values, strict=True):
            number += 1
            filled = [(place, value) for place, value in enumerate(row) if value is not None]
            data = encode((place, _json(encode, place, value)) for place, value in filled)
            is_oversized = len(data) > MAX_BYTES
            yield Row(number, 0, None if is_oversized else data, OVERSIZED if is_oversized else None, number)


def _parquet(path: Path, file: BinaryIO) -> ParquetFile:
    try:
        return ParquetFile(file, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError(f"{path}: the Parquet file is cut or damaged: {_first_line(error)}") from error


def _next(path: Path, batches: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError(f"{path}: the Parquet file is damaged: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _cut_to_microseconds(column: pa.Array) -> pa.Array:
    """Python's times have microseconds. Arrow refuses to convert nanoseconds unless told to cut them."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)
    return column


def _json(encode: Encoder, number: int, value: Any) -> str:
    if isinstance(value, str):
        return encode.text(number, value)
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Returns the JSON form of a value that JSON has no type for."""
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo is None else value.astimezone(UTC).isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return format(value, "f") if isinstance(value, Decimal) else str(value)
