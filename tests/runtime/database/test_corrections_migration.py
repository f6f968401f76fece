"""Migrations 10 and 11 on a database with rows of every table, and beside a running job of the version before."""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from runtime.database.migrate import MigrationError, migrate, read_migrations
from tests.waiting import wait_until

FILES = read_migrations()[:11]
BEFORE, CORRECTIONS = FILES[:9], FILES[9:]
# The rows of a batch of the version before, in the order of its statements.
OLD_BATCH = """
insert into raw_clicks (click_id, user_id, utm_source, click_timestamp, arrived_at, late)
values ('{0}', 'u', '', '2026-11-23 12:00+0', '2026-11-23 12:01+0', true);
insert into raw_checkouts (checkout_id, user_id, items, total_amount, currency, checkout_timestamp, arrived_at, late)
values ('{0}', 'u', '[{{"quantity": 1}}]', 9999999999.99, 'EUR', '2026-11-23 12:30+0', '2026-11-23 12:31+0', false);
insert into attributed_checkouts (checkout_id, user_id, checkout_timestamp, total_amount, currency, click_id,
                                  click_timestamp)
values ('{0}', 'u', '2026-11-23 12:30+0', 9999999999.99, 'EUR', '{0}', '2026-11-23 12:00+0');
insert into users (user_id, first_seen, last_seen, order_count, lifetime_value)
values ('{0}', '2026-11-23 12:00+0', '2026-11-23 12:30+0', 1, 123456789012345678.99);
insert into batches (query_id, batch_id, clicks, checkouts, dead_letters, credits, late, duplicates, unknown_fields,
                     watermark)
values ('00000000-0000-0000-0000-000000000001', {0}, 1, 1, 1, 1, 1, 0, 0, 'epoch');
"""
OLD_DEAD_LETTER = """
insert into dead_letters (stream_name, sequence_number, partition_key, reason, data, arrived_at)
values ('clicks', '{0}', 'p', 'no', '\\xff', '2026-11-23 12:00+0')
"""
TABLES = ("raw_clicks", "raw_checkouts", "attributed_checkouts", "users", "dead_letters", "batches")
NEW_COLUMNS: dict[str, dict[str, Any]] = {
    "raw_clicks": {
        "referrer": None, "experiment_id": None, "variant": None, "is_bot": False, "stated_timestamp": None,
        "repairs": None,
    },
    "raw_checkouts": {"revision": 0, "cancelled": False, "test": False, "stated_timestamp": None, "repairs": None},
    "attributed_checkouts": {"test": False},
    "users": {},
    "dead_letters": {"record_index": 0},
    "batches": dict.fromkeys(["records", "refunds", "ignored", "conflicts", "revisions", "repaired"], 0),
}  # fmt: skip


def contents(connection: psycopg.Connection) -> dict[str, list[dict[str, Any]]]:
    query = sql.SQL("select to_jsonb(t) from {} t order by 1")
    return {
        name: [row for (row,) in connection.execute(query.format(sql.Identifier(name))).fetchall()] for name in TABLES
    }


def store_old_batch(connection: psycopg.Connection, number: int) -> None:
    with connection.transaction():
        connection.execute(
            "select latest_click, latest_checkout, unseen_until from batches order by began_at desc limit 1"
        )
        connection.execute(OLD_BATCH.format(number).encode())


def test_every_row_and_value_is_kept(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, BEFORE)
    for number in range(3):
        store_old_batch(empty_database, number)
        empty_database.execute(OLD_DEAD_LETTER.format(number).encode())
    rows_before = contents(empty_database)
    clicks_file = "select pg_relation_filenode('raw_clicks')"
    file_before = empty_database.execute(clicks_file).fetchone()
    assert migrate(empty_database, FILES) == [file.name for file in CORRECTIONS]
    assert contents(empty_database) == {
        name: [row | NEW_COLUMNS[name] for row in rows] for name, rows in rows_before.items()
    }
    assert empty_database.execute(clicks_file).fetchone() == file_before, "raw_clicks is not rewritten"
    amounts = "select net_amount::text from net_checkouts union all select lifetime_value::text from users"
    assert {amount for (amount,) in empty_database.execute(amounts)} == {
        "9999999999.9900", "123456789012345678.9900",
    }  # fmt: skip


def test_a_job_of_the_version_before_waits_and_goes_on(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    migrate(empty_database, BEFORE)
    stop = threading.Event()
    errors: list[psycopg.Error] = []
    stored: list[int] = []

    def run_old_job() -> None:
        connection = connect()
        try:
            while not stop.is_set():
                store_old_batch(connection, len(stored))
                stored.append(len(stored))
        except psycopg.Error as error:
            errors.append(error)

    job = threading.Thread(target=run_old_job)
    job.start()
    wait_until(lambda: len(stored) > 20)
    migrate(empty_database, FILES)
    batches_during_migration = len(stored)
    wait_until(lambda: len(stored) > batches_during_migration + 20 or errors)
    stop.set()
    job.join()
    assert errors == []
    for name in ("raw_clicks", "net_checkouts", "batches"):
        count = sql.SQL("select count(*) from {}").format(sql.Identifier(name))
        assert empty_database.execute(count).fetchone() == (len(stored),)


def test_a_session_that_holds_a_table_fails_the_migration_which_changes_nothing(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    migrate(empty_database, BEFORE)
    impatient = [
        replace(file, statements=re.sub(r"lock_timeout = '60s'", "lock_timeout = '100ms'", file.statements))
        for file in CORRECTIONS
    ]
    analyst = connect()
    with analyst.transaction():
        analyst.execute("select count(*) from raw_checkouts")
        with pytest.raises(MigrationError, match="lock timeout"):
            migrate(empty_database, [*BEFORE, *impatient])
    assert migrate(empty_database, FILES) == [file.name for file in CORRECTIONS]
