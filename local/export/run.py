"""The command export: writes the rows of a view as CSV or Parquet."""

import codecs
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, LiteralString

import psycopg
from psycopg import IsolationLevel, sql

from local import deployed_database, files
from local.errors import InputError, RunError
from local.export import parquet
from local.export.relations import Column, become_analyst, columns

FORMATS = ("csv", "parquet")
# One spelling of each value, whatever the server's and the login's settings are.
SETTINGS: LiteralString = """
set client_encoding = 'UTF8';
set timezone = 'UTC';
set datestyle = 'ISO, YMD';
set intervalstyle = 'iso_8601';
set extra_float_digits = 1
"""
# Starts of a cell that spreadsheets read as a formula: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA: LiteralString = r"^[=+\-@\t\r\n]"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The view to write. `format`: one of FORMATS. `output`: None for the standard output."""

    view: str
    format: str
    output: Path | None = None
    spreadsheet: bool = False


def run(options: Options) -> int:
    """Writes the rows of the view and returns the exit status 0.

    Raises:
        InputError: the options contradict each other, there is no database, or the analyst may not read the view.
        RunError: a value does not fit into Parquet, or the output cannot be written.
        psycopg.Error: the query failed.
    """
    if options.format == "parquet" and options.output is None:
        raise InputError("Parquet needs a file: add --output FILE")
    if options.format == "parquet" and options.spreadsheet:
        raise InputError("--spreadsheet is for CSV; leave it out, or choose --format csv")
    if options.output:
        files.check_writable(options.output)
    try:
        with deployed_database.connected() as connection:
            rows = _export(connection, options)
    except BrokenPipeError:  # The program that reads the output has ended, such as `head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        raise RunError(f"{options.output or 'standard output'}: cannot be written: {error.strerror}") from error
    if options.output:
        print(f"{options.output}: {rows:,} rows")
    return 0


def _export(connection: psycopg.Connection, options: Options) -> int:
    """Writes the rows and returns their number."""
    become_analyst(connection)
    connection.execute(SETTINGS)
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    with connection.transaction():
        view_columns = columns(connection, options.view)
        if options.output is None:
            rows = _write_csv(connection, options, view_columns, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return rows
        with files.written_atomically(options.output) as file:
            if options.format == "csv":
                return _write_csv(connection, options, view_columns, file)
            # Beside the output, where there is room for it. The temporary folder can be in memory.
            with tempfile.TemporaryFile(dir=options.output.parent) as stored_rows:
                rows = _copy(connection, _query(options, view_columns), stored_rows, "format csv")
                parquet.write(stored_rows, view_columns, file)
                return rows


def _write_csv(connection: psycopg.Connection, options: Options, view_columns: Sequence[Column], file: BinaryIO) -> int:
    if options.spreadsheet:
        file.write(codecs.BOM_UTF8)
    return _copy(connection, _query(options, view_columns), file, "format csv, header")


def _query(options: Options, view_columns: Sequence[Column]) -> sql.Composed:
    selected = [
        sql.SQL("case when {0}::text ~ {1} then '''' || {0}::text else {0}::text end as {0}").format(
            sql.Identifier(column.name), sql.Literal(FORMULA)
        )
        if options.spreadsheet and column.type not in parquet.TYPES and column.type != "numeric"
        else sql.Identifier(column.name)
        for column in view_columns
    ]
    return sql.SQL("select {} from {}").format(sql.SQL(", ").join(selected), sql.Identifier(options.view))


def _copy(connection: psycopg.Connection, query: sql.Composed, file: BinaryIO, form: LiteralString) -> int:
    """Writes the rows of a query to a file and returns their number."""
    with connection.cursor() as cursor:
        with cursor.copy(sql.SQL("copy ({}) to stdout ({})").format(query, sql.SQL(form))) as copy:
            for chunk in copy:
                file.write(chunk)
        return cursor.rowcount
