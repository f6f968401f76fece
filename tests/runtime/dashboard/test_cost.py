"""Cost of viewers: ten viewers cost as many queries as one, and no viewer costs none."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from local.servers.postgres import Server
from tests.runtime.analytics.conftest import Logins
from tests.runtime.dashboard.browser import Page, Viewer
from tests.runtime.dashboard.events import has_events, send_sale

SECONDS = 6
# Sessions add their transactions to the statistics once a second, and the rest when they have been idle for a while.
# https://www.postgresql.org/docs/current/monitoring-stats.html
SLACK = 4


@pytest.fixture
def admin(postgres: Server) -> Iterator[psycopg.Connection]:
    """A connection to another database, without autovacuum: neither adds to the transactions of the page."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute("alter system set autovacuum = off")
        connection.execute("select pg_reload_conf()")
        yield connection
        connection.execute("alter system reset autovacuum")
        connection.execute("select pg_reload_conf()")


@contextmanager
def viewers(page: Page, count: int) -> Iterator[list[Viewer]]:
    with ExitStack() as stack:
        looking = [stack.enter_context(page.viewer()) for _ in range(count)]
        for viewer in looking:
            viewer.snapshot()
        yield looking


def transactions(admin: psycopg.Connection, database: str) -> int:
    """Returns how many transactions the database has had within SECONDS."""

    def count() -> int:
        ((number,),) = admin.execute(
            "select xact_commit + xact_rollback from pg_stat_database where datname = %s", [database]
        ).fetchall()
        return int(number)

    before = count()
    time.sleep(SECONDS)
    return count() - before


def last_query(admin: psycopg.Connection, database: str) -> list[object]:
    """Returns when the sessions of the page began their last query."""
    rows = admin.execute(
        "select query_start from pg_stat_activity where datname = %s and application_name = 'ecommerce-streaming-page'",
        [database],
    )
    return [query_start for (query_start,) in rows]


def test_ten_viewers_cost_the_queries_of_one(
    page: Page, logins: Logins, admin: psycopg.Connection, database: str
) -> None:
    send_sale(logins.sink, "1")
    with viewers(page, 1):
        of_one = transactions(admin, database)
    with viewers(page, 10):
        of_ten = transactions(admin, database)
        assert len(last_query(admin, database)) == 1
    assert of_one > SECONDS
    assert of_ten <= of_one + SLACK


def test_without_viewers_there_are_no_queries(
    page: Page, logins: Logins, admin: psycopg.Connection, database: str
) -> None:
    send_sale(logins.sink, "1")
    with viewers(page, 2):
        busy = last_query(admin, database)
        time.sleep(1.5)
        assert last_query(admin, database) != busy
    time.sleep(1.5)
    idle = last_query(admin, database)
    send_sale(logins.sink, "2")
    time.sleep(3)
    assert last_query(admin, database) == idle
    with viewers(page, 1):
        assert last_query(admin, database) != idle


def test_equal_panels_at_the_same_time_share_one_query(
    page: Page, logins: Logins, admin: psycopg.Connection, database: str
) -> None:
    page.panel("performance")
    queries = last_query(admin, database)
    for _ in range(5):
        page.panel("performance")
    assert last_query(admin, database) == queries


@pytest.mark.skipif(sys.platform != "linux", reason="reads the processor time from /proc")
def test_fifty_viewers_take_less_than_a_quarter_of_a_core(page: Page, logins: Logins) -> None:
    with viewers(page, 50) as looking:
        began, used = time.monotonic(), cpu_seconds(page)
        for number in range(20):
            send_sale(logins.sink, str(number))
            for viewer in looking:
                viewer.snapshot(has_events(2 * (number + 1)))
            time.sleep(0.3)
        share = (cpu_seconds(page) - used) / (time.monotonic() - began)
    assert share < 0.25


def cpu_seconds(page: Page) -> float:
    """Returns the processor time of the page's server so far."""
    # The fields after the name, which can have spaces: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    fields = Path(f"/proc/{page.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
