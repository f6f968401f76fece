"""COPY of Arrow tables to PostgreSQL."""

import io

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from pyarrow import csv

# In PostgreSQL's CSV format an unquoted empty field is null, and a quoted one is empty text.
CSV_OPTIONS = csv.WriteOptions(include_header=False, quoting_style="all_valid")
ROWS_PER_CHUNK = 4096


def copy(cursor: psycopg.Cursor, table: str, rows: pa.Table) -> None:
    """Copies rows to a table in chunks: the server stores one chunk while the next is encoded.

    Leaves out the columns that hold only nulls, zeros or false. The table has these values as its defaults.
    """
    if not len(rows):
        return
    stated = rows.select([name for name in rows.column_names if not _has_only_defaults(rows[name])])
    copy_rows = sql.SQL("copy {} ({}) from stdin (format csv)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, stated.column_names))
    )
    # pyarrow 26 writes wrong bytes for a table that has an empty chunk.
    combined = stated.combine_chunks()
    with cursor.copy(copy_rows) as stream:
        for offset in range(0, len(combined), ROWS_PER_CHUNK):
            buffer = io.BytesIO()
            csv.write_csv(combined.slice(offset, ROWS_PER_CHUNK), buffer, CSV_OPTIONS)
            stream.write(buffer.getbuffer())


def _has_only_defaults(column: pa.ChunkedArray) -> bool:
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type):
        return not pc.any(column.cast(pa.bool_())).as_py()
    return bool(column.null_count == len(column))
