"""Users with very many clicks, flagged as a robot's or not: a micro-batch reads few of their rows."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import psycopg
import pytest

from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import credits, open_sink
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLICKS = 1_000_000
FLAGGED_CLICKS = 100_000
# The partitions are counted, and not the parent.
ROWS_READ = "select sum(seq_tup_read + idx_tup_fetch) from pg_stat_user_tables where relname like 'raw_clicks%'"
# An autovacuum worker reads all rows of a range to summarize it, and these count as rows read.
NO_WORKERS = """
alter table raw_clicks_before set (autovacuum_enabled = off);
alter index raw_clicks_before_by_transaction set (autosummarize = off);
alter index raw_clicks_before_by_time set (autosummarize = off);
alter index raw_clicks_before_by_day set (autosummarize = off)
"""
DATABASE = "hot_user"


@pytest.fixture(scope="module")
def robot(postgres: Server) -> Iterator[psycopg.Connection]:
    """An owner's connection to a database with the clicks of two users in one hour, every second one late.

    CLICKS are of the user `robot`, and FLAGGED_CLICKS, with `is_bot`, of the user `flagged`.
    """
    embedded.create_database(postgres, DATABASE)
    with psycopg.connect(postgres.url(DATABASE), autocommit=True) as owner:
        owner.execute(NO_WORKERS)
        for prefix, user, clicks in (("c", "robot", CLICKS), ("f", "flagged", FLAGGED_CLICKS)):
            owner.execute(
                "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late, is_bot)"
                " select %(prefix)s || n, %(user)s, %(noon)s + n * interval '1 hour' / %(clicks)s, %(noon)s,"
                "        n %% 2 = 0, %(user)s = 'flagged'"
                "   from generate_series(0, %(clicks)s - 1) n",
                {"noon": NOON, "clicks": clicks, "prefix": prefix, "user": user},
            )
        owner.execute("vacuum analyze raw_clicks")
        yield owner
    embedded.drop_database(postgres, DATABASE)


@pytest.mark.parametrize("join", get_args(Join))
def test_a_batch_reads_few_rows_of_a_user_with_many_clicks(
    robot: psycopg.Connection, postgres: Server, join: Join
) -> None:
    rows_read_before = rows_read(robot)
    checkouts = [Checkout(NOON + minutes * MINUTE, f"{join}-{minutes}", "robot") for minutes in (60, 61)]
    rows = [checkout_row(checkout) for checkout in checkouts]
    sink = open_sink(postgres.url(DATABASE, "pipeline_writer"), join)
    query = "00000000-0000-0000-0000-000000000001"
    sink.write(table(*rows, click_row(Click(NOON + 62 * MINUTE, f"{join}-last", "robot"))), query_id=query, batch_id=0)
    sink.write(table(click_row(Click(NOON + 30 * MINUTE, f"{join}-again", "robot"))), query_id=query, batch_id=1)
    sink.close()
    assert rows_read(robot) - rows_read_before < 50
    credited = credits(robot)
    assert (credited[f"{join}-60"], credited[f"{join}-61"]) == ("c0", f"c{CLICKS // 60 + 1}")


@pytest.mark.parametrize("join", get_args(Join))
def test_a_persons_click_is_found_without_reading_a_robots_clicks_under_the_same_user(
    robot: psycopg.Connection, postgres: Server, join: Join
) -> None:
    rows_read_before = rows_read(robot)
    person, checkout = Click(NOON + 59 * MINUTE, f"{join}-person", "flagged"), Checkout(NOON, f"{join}-no", "flagged")
    later = Checkout(NOON + 60 * MINUTE, f"{join}-yes", "flagged")
    sink = open_sink(postgres.url(DATABASE, "pipeline_writer"), join)
    batches = [[checkout_row(checkout), checkout_row(later)], [click_row(person)]]
    for batch_id, rows in enumerate(batches):
        sink.write(table(*rows), query_id=f"00000000-0000-0000-0000-0000000000{len(join):02}", batch_id=batch_id)
    sink.close()
    assert rows_read(robot) - rows_read_before < 50
    assert credits(robot)[later.checkout_id] is not None
    assert credits(robot)[checkout.checkout_id] is None


def rows_read(connection: psycopg.Connection) -> int:
    """Returns the number of rows of `raw_clicks` that all sessions have read.

    Waits for the writer's sessions to end, because sessions report their statistics at the end.
    """
    while connection.execute("select from pg_stat_activity where usename = 'pipeline_writer'").fetchall():
        time.sleep(0.02)
    return int((connection.execute(ROWS_READ).fetchone() or (0,))[0])
