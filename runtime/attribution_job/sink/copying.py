"""COPY of Arrow tables to PostgreSQL, in its binary format: neither side spells out values as text.

https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT
"""

from collections.abc import Callable

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql

ROWS_PER_CHUNK = 4096
# As wide as Arrow has it: the table refuses an amount that is too large.
AMOUNT = pa.decimal128(38, 4)
JSON_COLUMN = "items"


def copy(cursor: psycopg.Cursor, table: str, rows: pa.Table) -> None:
    """Copies rows to a table in chunks: the server stores one chunk while the next is encoded.

    Leaves out the columns that hold only nulls, zeros or false. The table has these values as its defaults. The type of
    each other column is the table's: the binary format converts nothing.
    """
    if not len(rows):
        return
    stated = rows.select([name for name in rows.column_names if not _has_only_defaults(rows[name])])
    typed = pa.table({name: _typed(name, stated[name]) for name in stated.column_names}).combine_chunks()
    encoder = _encoder(typed.schema)
    copy_rows = sql.SQL("copy {} ({}) from stdin (format binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, typed.column_names))
    )
    with cursor.copy(copy_rows) as stream:
        stream.write(encoder.write_header())
        for chunk in typed.to_batches(max_chunksize=ROWS_PER_CHUNK):
            stream.write(encoder.write_batch(chunk))
        stream.write(encoder.finish())


def _encoder(schema: pa.Schema) -> ArrowToPostgresBinaryEncoder:
    encoders = {
        field.name: StringEncoderBuilder.new_with_output(field, Jsonb())
        if field.name == JSON_COLUMN
        else ArrowToPostgresBinaryEncoder.infer_encoder(field)
        for field in schema
    }
    return ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)


def _typed(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns a column of parsed events with the values of its type in PostgreSQL; most columns have them already."""
    convert = CONVERSIONS.get(name)
    return convert(column) if convert else column


def _amounts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(AMOUNT)


def _names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns lists of names for PostgreSQL's text form of an array, in which names need no quotes."""
    return pc.split_pattern(pc.utf8_trim(column, "{}"), ",")


def _bytes(column: pa.ChunkedArray) -> pa.ChunkedArray:
    r"""Returns the bytes of PostgreSQL's text form, `\x` and hexadecimal digits."""
    return pa.chunked_array([[text if text is None else bytes.fromhex(text[2:]) for text in column.to_pylist()]])


def _has_only_defaults(column: pa.ChunkedArray) -> bool:
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return not pc.any(column.cast(pa.bool_())).as_py()
    return bool(column.null_count == len(column))


CONVERSIONS: dict[str, Callable[[pa.ChunkedArray], pa.ChunkedArray]] = {
    "total_amount": _amounts,
    "amount": _amounts,
    "repairs": _names,
    "data": _bytes,
}
