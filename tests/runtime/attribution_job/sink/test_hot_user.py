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
ROWS_READ = "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'raw_clicks'"
NAME = "hot_user"


@pytest.fixture(scope="module")
def robot(postgres: Server) -> Iterator[psycopg.Connection]:
    """The owner's, of a database in which a user clicked all through an hour, and every second click was late."""
    embedded.create_database(postgres, NAME)
    with psycopg.connect(postgres.url(NAME), autocommit=True) as owner:
        owner.execute(
            "insert into raw_clicks (click_id, user_id, click_timestamp, arrived_at, late)"
            " select 'c' || n, 'robot', %(noon)s + n * interval '1 hour' / %(clicks)s, %(noon)s, n %% 2 = 0"
            "   from generate_series(0, %(clicks)s - 1) n",
            {"noon": NOON, "clicks": CLICKS},
        )
        owner.execute("analyze raw_clicks")
        yield owner
    embedded.drop_database(postgres, NAME)


@pytest.mark.parametrize("join", get_args(Join))
def test_what_a_batch_reads_does_not_grow_with_the_clicks_of_a_user(
    robot: psycopg.Connection, postgres: Server, join: Join
) -> None:
    """The server counts the rows that it looks at."""
    before = rows_read(robot)
    checkouts = [Checkout(NOON + minutes * MINUTE, f"{join}-{minutes}", "robot") for minutes in (60, 61)]
    rows = [checkout_row(checkout) for checkout in checkouts]
    sink = open_sink(postgres.url(NAME, "pipeline_writer"), join)
    query = "00000000-0000-0000-0000-000000000001"
    sink.write(table(*rows, click_row(Click(NOON + 62 * MINUTE, f"{join}-last", "robot"))), query_id=query, batch_id=0)
    sink.write(table(click_row(Click(NOON + 30 * MINUTE, f"{join}-again", "robot"))), query_id=query, batch_id=1)
    sink.close()
    assert rows_read(robot) - before < 50
    found = credits(robot)
    assert (found[f"{join}-60"], found[f"{join}-61"]) == ("c0", f"c{CLICKS // 60 + 1}")


def rows_read(connection: psycopg.Connection) -> int:
    """Of raw_clicks, by all sessions; they hand in their counts at the end."""
    while connection.execute("select from pg_stat_activity where usename = 'pipeline_writer'").fetchall():
        time.sleep(0.02)
    return int((connection.execute(ROWS_READ).fetchone() or (0,))[0])
