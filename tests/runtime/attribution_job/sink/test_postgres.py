"""The sink's connection: retries with back-off, refused batches, concurrent writers and closing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.postgres import PostgresSink, SinkClosedError
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.sink.contents import table_contents
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUERY = str(uuid4())


def test_a_broken_connection_is_replaced_and_the_batch_written(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(click_row(Click(NOON, "a", "u"))), query_id=QUERY, batch_id=0)
    migrated.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where pid <> pg_backend_pid() and datname = current_database()"
    )
    assert sink.write(table(click_row(Click(NOON, "b", "u"))), query_id=QUERY, batch_id=1).clicks == 1


def test_a_refused_batch_is_not_retried_and_writes_nothing(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    invalid = checkout_row(Checkout(NOON, "k", "u"), amount="9999999999999999.99")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        sink.write(table(click_row(Click(NOON, "c", "u")), invalid), query_id=QUERY, batch_id=0)
    assert all(rows == [] for rows in table_contents(migrated).values())


def test_a_click_stored_concurrently_is_a_duplicate(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    """The sink's look-up does not see the other transaction's click, and then COPY conflicts with it."""
    with ThreadPoolExecutor() as threads:
        with migrated.transaction():
            migrated.execute(
                "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
                " values ('c', 'u', %(noon)s, %(noon)s, false)",
                {"noon": NOON},
            )
            rows = table(click_row(Click(NOON, "c", "u")), click_row(Click(NOON, "d", "u")))
            write = threads.submit(sink.write, rows, query_id=QUERY, batch_id=0)
            blocked = "select from pg_locks where not granted and pg_backend_pid() = any (pg_blocking_pids(pid))"
            wait_until(lambda: migrated.execute(blocked).fetchall(), "the sink to wait for the other transaction")
        counts = write.result()
    assert (counts.clicks, counts.duplicates) == (1, 1)
    assert migrated.execute("select click_id from raw_clicks order by 1").fetchall() == [("c",), ("d",)]


def test_an_unreachable_server_is_given_up_after_the_retry_time() -> None:
    def refuse() -> psycopg.Connection:
        raise psycopg.OperationalError("refused")

    with pytest.raises(psycopg.OperationalError, match="refused"):
        PostgresSink(refuse, "spark", retry_seconds=0.2).write(table(), query_id=QUERY, batch_id=0)


def test_closing_ends_the_wait_for_an_unreachable_server() -> None:
    def refuse() -> psycopg.Connection:
        threading.Timer(0.2, sink.close).start()
        raise psycopg.OperationalError("refused")

    sink = PostgresSink(refuse, "spark", retry_seconds=60)
    start = time.monotonic()
    with pytest.raises(psycopg.OperationalError, match="refused"):
        sink.write(table(), query_id=QUERY, batch_id=0)
    assert time.monotonic() - start < 30


def test_a_closed_sink_refuses_a_batch(sink: PostgresSink) -> None:
    sink.close()
    with pytest.raises(SinkClosedError, match="batch 3"):
        sink.write(table(), query_id=QUERY, batch_id=3)
