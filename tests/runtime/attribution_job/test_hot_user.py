import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from runtime.attribution_job.sink import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import credits
from tests.runtime.attribution_job.rows import checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CLICKS = 100_000
ROWS_READ = "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'raw_clicks'"
QUERY = "00000000-0000-0000-0000-000000000001"


@pytest.mark.parametrize("late", [False, True])
def test_what_a_batch_reads_does_not_grow_with_the_clicks_of_a_user(
    sink: PostgresSink, migrated: psycopg.Connection, *, late: bool
) -> None:
    """A robot clicked all through the hour before its checkout. The server counts the rows that the batch looks at."""
    migrated.execute(
        "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
        " select 'c' || n, 'robot', %(noon)s + n * interval '1 hour' / %(clicks)s, %(noon)s, %(late)s"
        "   from generate_series(0, %(clicks)s - 1) n",
        {"noon": NOON, "clicks": CLICKS, "late": late},
    )
    migrated.execute("analyze raw_clicks")
    before = rows_read(migrated)
    checkouts = [Checkout(NOON + minutes * MINUTE, f"k{minutes}", "robot") for minutes in (60, 61)]
    rows = [checkout_row(checkout) for checkout in checkouts]
    sink.write(table(*rows, click_row(Click(NOON + 62 * MINUTE, "last", "robot"))), query_id=QUERY, batch_id=0)
    sink.write(table(click_row(Click(NOON + 30 * MINUTE, "again", "robot"))), query_id=QUERY, batch_id=1)
    sink.close()
    assert rows_read(migrated) - before < 50
    if late:
        assert credits(migrated) == {"k60": "c0", "k61": f"c{CLICKS // 60 + 1}"}


def rows_read(connection: psycopg.Connection) -> int:
    """Of raw_clicks, by all sessions; they hand in their counts at the end."""
    while connection.execute("select from pg_stat_activity where usename = 'pipeline_writer'").fetchall():
        time.sleep(0.02)
    return int((connection.execute(ROWS_READ).fetchone() or (0,))[0])
