"""Migrations 29 to 31 on a database with clicks, and beside a running job of the version before."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from runtime.database.migrate import migrate, read_migrations
from tests.clock import within_a_day
from tests.waiting import wait_until

FILES = read_migrations()[:31]
BEFORE, BY_DAY = FILES[:28], FILES[28:]
DAY = timedelta(days=1)
STORE_CLICK = """
insert into raw_clicks (click_id, user_id, is_bot, repairs, click_timestamp, arrived_at, utm_source)
values (%(id)s, 'u', %(is_bot)s, %(repairs)s, %(at)s, now(), 'ads')
"""
VIEWS = "select viewname, definition from pg_views where viewname = 'funnel'"
PRIVILEGES = """
select grantee, privilege_type, column_name
  from information_schema.column_privileges
 where table_name = 'raw_clicks'
 order by 1, 2, 3
"""
COLUMNS = """
select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       col_description(a.attrelid, a.attnum)
  from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attrelid = 'raw_clicks'::regclass and a.attnum > 0 and a.attname <> 'click_id'
 order by a.attnum
"""
PARTITIONS = """
select c.relname, (select count(*) from pg_index where indrelid = c.oid), obj_description(c.oid, 'pg_class') is not null
  from pg_inherits i join pg_class c on c.oid = i.inhrelid
 where i.inhparent = 'raw_clicks'::regclass
 order by 1
"""


def store(connection: psycopg.Connection, click_id: str, at: datetime, **columns: Any) -> None:
    connection.execute(STORE_CLICK, {"id": click_id, "at": at, "is_bot": False, "repairs": None} | columns)


def rows(connection: psycopg.Connection, name: str) -> list[Any]:
    return connection.execute(f"select to_jsonb(t) from {name} t order by 1".encode()).fetchall()


def first_day(connection: psycopg.Connection) -> date:
    (day,) = connection.execute("select first_click_day()").fetchone() or (None,)
    assert isinstance(day, date)
    return day


def test_every_click_and_every_answer_stays_and_no_row_is_copied(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, BEFORE)
    empty_database.execute("select regroup_traffic()")
    empty_database.execute("create role auditor")
    try:
        empty_database.execute("grant select on raw_clicks to auditor")
        for number in range(5):
            at = datetime.now(UTC) - number * DAY
            store(empty_database, f"c{number}", at)
            store(empty_database, f"robot {number}", at, is_bot=True, repairs=["trimmed_id"])
        empty_database.execute("""
            insert into traffic (source, medium, campaign, referrer_host, digest)
            values ('ads', '', '', '', traffic_digest('ads', '', '', ''))
        """)
        asked = ("raw_clicks", "event_accounts", "funnel")
        answers = {name: rows(empty_database, name) for name in asked}
        assert all(answers.values())
        catalog = [empty_database.execute(query).fetchall() for query in (PRIVILEGES, COLUMNS, VIEWS)]
        file = empty_database.execute("select pg_relation_filenode('raw_clicks')").fetchone()
        assert migrate(empty_database, FILES) == [migration.name for migration in BY_DAY]
        assert {name: rows(empty_database, name) for name in asked} == answers
        assert [empty_database.execute(query).fetchall() for query in (PRIVILEGES, COLUMNS, VIEWS)] == catalog
        assert ("auditor", "SELECT", "click_id") in catalog[0]
        assert empty_database.execute("select pg_relation_filenode('raw_clicks_before')").fetchone() == file
    finally:
        empty_database.execute("drop owned by auditor; drop role auditor")


@pytest.mark.parametrize("newest", [-400 * DAY, 0 * DAY, 30 * DAY])
def test_stored_clicks_are_before_the_first_day_and_a_week_is_left_to_finish(
    empty_database: psycopg.Connection, newest: timedelta
) -> None:
    now = within_a_day()
    migrate(empty_database, BEFORE)
    store(empty_database, "c", now + newest)
    migrate(empty_database, FILES)
    assert first_day(empty_database) == (max(now, now + newest) + 7 * DAY).date()


def test_a_new_database_begins_with_the_present_day(empty_database: psycopg.Connection) -> None:
    now = within_a_day()
    migrate(empty_database, FILES)
    today = first_day(empty_database)
    assert today == now.date()
    empty_database.execute("select ensure_click_days(array['2020-01-01'::date])")
    partitions = empty_database.execute(PARTITIONS).fetchall()
    days = [f"raw_clicks_{day:%Y%m%d}" for day in (today, today + DAY)]
    assert [name for name, _, _ in partitions] == [*days, "raw_clicks_before"]
    assert {(indexes, commented) for _, indexes, commented in partitions} == {(7, True)}


def test_a_job_of_the_version_before_writes_on(
    empty_database: psycopg.Connection, connect: Callable[[], psycopg.Connection]
) -> None:
    """Beside it, a reader holds the table and then asks for a view, in the opposite order of the migration."""
    migrate(empty_database, BEFORE)
    stop = threading.Event()
    failures: list[psycopg.Error] = []
    stored: list[int] = []

    def write() -> None:
        connection = connect()
        try:
            while not stop.is_set():
                with connection.transaction():
                    for _ in range(10):
                        store(connection, f"c{len(stored)}", datetime.now(UTC))
                        stored.append(1)
                    connection.execute("select pg_sleep(0.02)")
        except psycopg.Error as error:
            failures.append(error)

    def read() -> None:
        connection = connect()
        try:
            while not stop.is_set():
                with connection.transaction():
                    connection.execute("select count(*), pg_sleep(0.01) from raw_clicks")
                    connection.execute("select count(*) from funnel")
                stop.wait(0.1)
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=task) for task in (write, read)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(stored) > 200)
    assert migrate(empty_database, FILES) == [migration.name for migration in BY_DAY]
    stored_then = len(stored)
    wait_until(lambda: len(stored) > stored_then + 200 or failures)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert empty_database.execute("select count(*) from raw_clicks").fetchone() == (len(stored),)


def test_an_interrupted_migration_goes_on_where_it_stopped(empty_database: psycopg.Connection) -> None:
    now = within_a_day()
    migrate(empty_database, BEFORE)
    store(empty_database, "c", now)
    migrate(empty_database, FILES[:30])
    with pytest.raises(errors.CheckViolation, match="raw_clicks_before_days"):
        store(empty_database, "later", now + 8 * DAY)
    assert migrate(empty_database, FILES) == [BY_DAY[-1].name]
    empty_database.execute("select ensure_click_days(array[%s::date])", [now + 8 * DAY])
    store(empty_database, "later", now + 8 * DAY)


def test_the_owner_can_do_by_hand_what_takes_the_function_too_long(empty_database: psycopg.Connection) -> None:
    runbooks = Path(__file__).parents[3] / "docs" / "operations.md"
    (statement,) = re.findall(r"`(alter table raw_clicks validate [^`]+)`", runbooks.read_text())
    migrate(empty_database, BEFORE)
    store(empty_database, "c", datetime.now(UTC))
    migrate(empty_database, FILES[:29])
    validated = "select convalidated from pg_constraint where conname = 'raw_clicks_before_days'"
    assert empty_database.execute(validated).fetchone() == (False,)
    empty_database.execute(statement.encode())
    assert empty_database.execute(validated).fetchone() == (True,)
    assert migrate(empty_database, FILES) == [migration.name for migration in BY_DAY[1:]]


def test_a_click_id_is_unique_within_a_day(empty_database: psycopg.Connection) -> None:
    migrate(empty_database, FILES)
    midnight = datetime.combine(first_day(empty_database) + DAY, datetime.min.time(), UTC)
    for at in (midnight - timedelta(microseconds=1), midnight, midnight - 9 * DAY):
        store(empty_database, "c", at)
        with pytest.raises(errors.UniqueViolation):
            store(empty_database, "c", at + timedelta(microseconds=0))
    assert empty_database.execute("select count(*) from raw_clicks").fetchone() == (3,)
