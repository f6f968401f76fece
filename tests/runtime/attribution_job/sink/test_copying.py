"""COPY of Arrow tables: values of each type, and the columns that it leaves out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import uuid4

import psycopg
import pyarrow as pa
import pytest
from psycopg.rows import dict_row

from local.servers.postgres import Server
from runtime.attribution_job.events.schemas import TIME
from runtime.attribution_job.sink.copying import ROWS_PER_CHUNK, copy
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Refund
from tests.runtime.attribution_job.sink.rows import (
    candidate_row,
    checkout_row,
    click_row,
    dead_letter_row,
    refund_row,
    table,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUERY = str(uuid4())
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "column", "postgres_type", "values"),
    [
        ("late", pa.array([True, False]), "boolean", [True, False]),
        ("revision", pa.array([2**63 - 1, 0]), "bigint", [2**63 - 1, 0]),
        ("record_index", pa.array([2**31 - 1, 0], pa.int32()), "int", [2**31 - 1, 0]),
        ("repairs", pa.array(["{clock_corrected,utm_from_url}", None]), "text[]",
         [["clock_corrected", "utm_from_url"], None]),
        ("total_amount", pa.array(["999999999999999.9999", "0.10"]), "numeric(19, 4)",
         [Decimal("999999999999999.9999"), Decimal("0.1")]),
        ("amount", pa.array(["0", None]), "numeric(19, 4)", [Decimal(0), None]),
        ("items", pa.array(['[{"quantity": 2, "product_id": "p\\u00e9"}]', None]), "jsonb",
         [[{"quantity": 2, "product_id": "p\u00e9"}], None]),
        ("data", pa.array(["\\x00ff7b", "\\x"]), "bytea", [b"\x00\xff{", b""]),
        ("arrived_at", pa.array([EARLIEST, LATEST], TIME), "timestamptz", [EARLIEST, LATEST]),
        ("label", pa.array(["", None]), "text", ["", None]),
        ("label", pa.array(['a,"b"\n\\N', "\U0001f600"]), "text", ['a,"b"\n\\N', "\U0001f600"]),
        ("is_bot", pa.array([False, False]), "boolean default false", [False, False]),
        ("revision", pa.array([0, 0]), "bigint default 0", [0, 0]),
        ("label", pa.array([None, None], pa.string()), "text", [None, None]),
    ],
)  # fmt: skip
def test_values_of_each_type_are_stored_unchanged(
    migrated: psycopg.Connection, name: str, column: pa.Array, postgres_type: str, values: list[Any]
) -> None:
    migrated.execute("set time zone 'UTC'")
    migrated.execute(f"create table copied (place bigint, {name} {postgres_type})".encode())
    with migrated.cursor() as cursor:
        copy(cursor, "copied", pa.table({"place": pa.array([1, 2]), name: column}))
    assert [value for (value,) in migrated.execute(f"select {name} from copied order by place".encode())] == values


def test_rows_of_many_chunks_are_stored_unchanged(migrated: psycopg.Connection) -> None:
    """Each chunk starts at an offset within the columns; bits of nulls and booleans do not start at a byte there."""
    rows = [
        {"place": number, "label": None if number % 3 else f"label {number}", "late": number % 7 == 0}
        for number in range(2 * ROWS_PER_CHUNK + 5)
    ]
    migrated.execute("create table copied (place bigint, label text, late boolean)")
    parts = [
        pa.Table.from_pylist(rows[:1003]),
        pa.Table.from_pylist(rows[1003:1003], pa.Table.from_pylist(rows).schema),
    ]
    with migrated.cursor() as cursor:
        copy(cursor, "copied", pa.concat_tables([*parts, pa.Table.from_pylist(rows[1003:])]))
    with migrated.cursor(row_factory=dict_row) as cursor:
        assert cursor.execute("select * from copied order by place").fetchall() == rows


class RecordingCursor(psycopg.Cursor[Any]):
    """A cursor that keeps the text of the statements that it executes."""

    executed: ClassVar[list[str]] = []

    def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
        self.executed.append(str(query))
        return super().execute(query, *arguments, **options)

    def copy(self, statement: Any, *arguments: Any, **options: Any) -> Any:
        self.executed.append(statement.as_string(self))
        return super().copy(statement, *arguments, **options)


@pytest.fixture
def recording_sink(postgres: Server, database: str) -> Iterator[PostgresSink]:
    url = postgres.url(database, "pipeline_writer")
    sink = PostgresSink(
        lambda: psycopg.connect(url, autocommit=True, cursor_factory=RecordingCursor), "postgres", retry_seconds=5
    )
    sink.open()
    RecordingCursor.executed.clear()
    yield sink
    sink.close()


def test_a_plain_batch_runs_no_correction_and_copies_no_empty_column(recording_sink: PostgresSink) -> None:
    click, checkout = Click(NOON, "c", "u"), Checkout(NOON + timedelta(minutes=1), "k", "u")
    rows = table(click_row(click), checkout_row(checkout), candidate_row(checkout, click))
    recording_sink.write(rows, query_id=QUERY, batch_id=0)
    text = "\n".join(RecordingCursor.executed)
    for absent in ("raw_refunds", "conflicts (", "staged_conflicts", "set (revision", "dead_letters (", "set late"):
        assert absent not in text
    copied = [statement for statement in RecordingCursor.executed if statement.startswith("copy ")]
    for absent in ("is_bot", "repairs", "revision", "cancelled", "test", "stated_timestamp", "record_index", "late"):
        assert f'"{absent}"' not in "\n".join(copied)


def test_repairs_are_stored_by_name_and_counted(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    repairs: dict[str, Any] = {"repairs": "{amount_from_number,clock_corrected}"}
    rows = [
        click_row(Click(NOON, "c", "u"), repairs="{trimmed_id}"),
        click_row(Click(NOON, "plain", "u")),
        checkout_row(Checkout(NOON, "k", "u"), **repairs),
        refund_row(Refund(NOON, "r", "k"), **repairs),
    ]
    assert [sink.write(table(*rows), query_id=QUERY, batch_id=0).repaired for _ in range(2)] == [3, 0]
    names = ["amount_from_number", "clock_corrected"]
    stored = "select c.repairs, k.repairs, r.repairs from raw_clicks c, raw_checkouts k, raw_refunds r order by 1"
    assert migrated.execute(stored).fetchall() == [(["trimmed_id"], names, names), (None, names, names)]


def test_each_refused_event_of_a_record_is_stored_and_ignored_ones_are_counted(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    rows = table(
        click_row(Click(NOON, "c", "u"), sequence=1),
        dead_letter_row(1, "not JSON", b"{", NOON, index=1),
        dead_letter_row(1, "not UTF-8", b"\xff", NOON, index=2),
        dead_letter_row(2, None, b"", NOON),
        dead_letter_row(3, "no", b"", NOON),
    )
    for _ in range(2):
        counts = sink.write(rows, query_id=QUERY, batch_id=0)
        assert (counts.records, counts.ignored) == (3, 1)
    letters = migrated.execute("select sequence_number, record_index, data from dead_letters order by 1, 2").fetchall()
    assert letters == [("1", 1, b"{"), ("1", 2, b"\xff"), ("3", 0, b"")]
    assert migrated.execute("select records, ignored, dead_letters from batches").fetchall() == [(3, 1, 3)]
