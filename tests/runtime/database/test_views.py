"""The views for analysts: their rows, their comments, and who may read them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Refund
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, dead_letter_row, refund_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPAIRS: dict[str, Any] = {"repairs": "{amount_from_number,trimmed_id}"}


def write_an_account(postgres: Server, database: str) -> None:
    """Writes a batch twice: accepted, repaired, refused, ignored, refunded and conflicting events."""
    rows = table(
        click_row(Click(NOON, "c1", "u")),
        click_row(Click(NOON, "c2", "u"), repairs="{trimmed_id}"),
        click_row(Click(NOON, "c2", "v"), sequence=1),
        checkout_row(Checkout(NOON, "k", "u"), **REPAIRS),
        refund_row(Refund(NOON, "r", "k"), **REPAIRS),
        dead_letter_row(1, "not JSON", b"{", NOON),
        dead_letter_row(2, "not JSON", b"{", NOON),
        dead_letter_row(3, None, b"", NOON),
    )
    url = postgres.url(database, "pipeline_writer")
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "postgres", retry_seconds=5)
    query_id = str(uuid4())
    for _ in range(2):
        sink.write(rows, query_id=query_id, batch_id=0)
    sink.close()


def test_event_accounts_has_each_event_once_by_outcome_and_reason(
    postgres: Server, database: str, migrated: psycopg.Connection
) -> None:
    write_an_account(postgres, database)
    migrated.execute("update dead_letters set stream_name = 'ecommerce-streaming-dev-checkouts'")
    with psycopg.connect(postgres.url(database, "pipeline_analyst")) as analyst:
        account = analyst.execute("select stream, outcome, reason, events from event_accounts").fetchall()
        hours = analyst.execute(
            "select distinct hour = date_trunc('hour', now(), 'UTC') from event_accounts"
        ).fetchall()
    assert sorted(account, key=str) == sorted(
        [
            ("clicks", "accepted", None, 2),
            ("clicks", "repaired", "trimmed_id", 1),
            ("clicks", "conflict", "click_id with other content", 1),
            ("checkouts", "accepted", None, 2),
            ("checkouts", "repaired", "amount_from_number", 2),
            ("checkouts", "repaired", "trimmed_id", 2),
            ("checkouts", "refused", "not JSON", 2),
        ],
        key=str,
    )
    assert hours == [(True,)]


def test_the_analyst_reads_net_amounts(postgres: Server, database: str) -> None:
    write_an_account(postgres, database)
    with psycopg.connect(postgres.url(database, "pipeline_analyst")) as analyst:
        columns = sql.SQL("select gross_amount, refunded_amount, net_amount from net_checkouts")
        assert [tuple(map(float, row)) for row in analyst.execute(columns)] == [(1.5, 1.0, 0.5)]


def test_every_column_of_the_views_and_every_new_table_has_a_comment(migrated: psycopg.Connection) -> None:
    uncommented = migrated.execute("""
        select c.relname, a.attname
          from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
         where c.oid in ('net_checkouts'::regclass, 'event_accounts'::regclass)
           and (col_description(c.oid, a.attnum) is null or obj_description(c.oid, 'pg_class') is null)
         union all
        select relname, null from pg_class
         where oid in ('raw_refunds'::regclass, 'conflicts'::regclass) and obj_description(oid, 'pg_class') is null
    """)
    assert uncommented.fetchall() == []
