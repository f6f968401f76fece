"""Clicks of several days: each day has a partition, in which a click id is unique."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.attribution_job.sink import correction_statements, credit_statements, days, statements, transaction
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime import partitions
from tests.runtime.attribution_job.conftest import Sinks, credits
from tests.runtime.attribution_job.sink.contents import table_contents
from tests.runtime.attribution_job.sink.rows import candidate_row, checkout_row, click_row, table

FIRST_DAY = date(2026, 11, 22)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
QUERY = str(uuid4())
STORED = "select tableoid::regclass::text, click_id, user_id from raw_clicks order by click_timestamp, user_id"


@pytest.fixture(autouse=True)
def first_day(migrated: psycopg.Connection) -> None:
    partitions.begin_days(migrated, FIRST_DAY)


def test_a_batch_over_midnight_is_stored_and_credited(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    before, after = Click(MIDNIGHT - MOMENT, "before", "u"), Click(MIDNIGHT, "after", "v")
    ours, theirs = Checkout(MIDNIGHT + MINUTE, "k", "u"), Checkout(MIDNIGHT + MINUTE, "l", "v")
    rows = table(
        *(click_row(click) for click in (before, after)),
        *(checkout_row(checkout) for checkout in (ours, theirs)),
        *(candidate_row(ours, before), candidate_row(theirs, after)),
    )
    assert sink.write(rows, query_id=QUERY, batch_id=0).clicks == 2
    assert migrated.execute(STORED).fetchall() == [
        ("raw_clicks_20261123", "before", "u"),
        ("raw_clicks_20261124", "after", "v"),
    ]
    assert credits(migrated) == {"k": "before", "l": "after"}
    contents = table_contents(migrated)
    counts = sink.write(rows, query_id=QUERY, batch_id=0)
    assert (counts.clicks, counts.duplicates, counts.conflicts) == (0, 4, 0)
    assert table_contents(migrated) == contents


def test_checkouts_of_days_far_apart_are_credited_in_one_batch(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    times = [MIDNIGHT + timedelta(days=number) for number in (-20_000, -1, 0, 30)]
    clicks = [Click(at - MINUTE, f"c{number}", "u") for number, at in enumerate(times)]
    checkouts = [Checkout(at, f"k{number}", "u") for number, at in enumerate(times)]
    rows = [*map(click_row, clicks), *map(checkout_row, checkouts), *map(candidate_row, checkouts, clicks)]
    counts = sink.write(table(*rows), query_id=QUERY, batch_id=0)
    assert credits(migrated) == {"k0": "c0", "k1": "c1", "k2": "c2", "k3": "c3"}
    assert counts.credits == 4


@pytest.mark.parametrize("batches", [1, 2])
def test_an_id_that_comes_again_on_another_day_is_another_click(
    sink: PostgresSink, migrated: psycopg.Connection, batches: int
) -> None:
    first = Click(MIDNIGHT - MINUTE, "c", "u")
    again = [replace(first, click_timestamp=MIDNIGHT + MINUTE, user_id=user) for user in ("v", "w")]
    checkout = Checkout(MIDNIGHT + 2 * MINUTE, "k", "v")
    rows = [
        click_row(click, sequence=number, arrived_at=MIDNIGHT + number * MINUTE)
        for number, click in enumerate([first, *again])
    ]
    rows += [checkout_row(checkout), candidate_row(checkout, again[0])]
    for batch_id, part in enumerate([rows] if batches == 1 else [rows[:1], rows[1:]]):
        sink.write(table(*part), query_id=QUERY, batch_id=batch_id)
    assert [row[1:] for row in migrated.execute(STORED)] == [("c", "u"), ("c", "v")]
    assert migrated.execute("select content ->> 'user_id' from conflicts").fetchall() == [("w",)]
    assert credits(migrated) == {"k": "c"}
    assert [user for (user,) in migrated.execute("select user_id from users order by 1")] == ["u", "v"]


def test_clicks_before_the_first_day_share_a_partition_and_its_ids(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    """Files with old events, and clocks that went wrong, create no partitions."""
    times = [datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 1999, 2025)]
    for batch_id, at in enumerate(times):
        sink.write(table(click_row(Click(at, "c", f"u{batch_id}"))), query_id=QUERY, batch_id=batch_id)
    assert migrated.execute(STORED).fetchall() == [("raw_clicks_before", "c", "u0")]
    assert migrated.execute("select count(*) from conflicts").fetchone() == (2,)
    assert partitions.days(migrated) == []


def test_a_day_is_created_with_the_first_batch_of_the_day_before(
    sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(click_row(Click(MIDNIGHT, "c", "u"))), query_id=QUERY, batch_id=0)
    assert partitions.days(migrated) == ["20261124", "20261125"]
    sink.write(table(click_row(Click(MIDNIGHT - timedelta(days=2), "late", "u"))), query_id=QUERY, batch_id=1)
    assert partitions.days(migrated) == ["20261122", "20261123", "20261124", "20261125"]


def test_a_late_click_of_a_dropped_day_creates_the_day_again(sink: PostgresSink, migrated: psycopg.Connection) -> None:
    sink.write(table(click_row(Click(MIDNIGHT, "c", "u"))), query_id=QUERY, batch_id=0)
    migrated.execute("drop table raw_clicks_20261124")
    counts = sink.write(table(click_row(Click(MIDNIGHT + MINUTE, "c", "v"))), query_id=QUERY, batch_id=1)
    assert (counts.clicks, counts.late) == (1, 0)
    assert migrated.execute(STORED).fetchall() == [("raw_clicks_20261124", "c", "v")]


def test_two_sessions_can_create_the_same_days(postgres: Server, database: str, migrated: psycopg.Connection) -> None:
    wanted = [FIRST_DAY + timedelta(days=number) for number in range(5)]
    together = threading.Barrier(4)
    errors: list[Exception] = []

    def create() -> None:
        try:
            with psycopg.connect(postgres.url(database, "pipeline_writer"), autocommit=True) as connection:
                together.wait()
                connection.execute(statements.ENSURE_DAYS, {"days": wanted})
        except (psycopg.Error, threading.BrokenBarrierError) as error:
            errors.append(error)

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert partitions.days(migrated) == [f"{day:%Y%m%d}" for day in wanted]


@contextmanager
def transaction_of(url: str, *texts: bytes) -> Iterator[None]:
    """Lets a session hold the locks of some statements for the block."""
    with psycopg.connect(url) as session:
        for text in texts:
            session.execute(text)
        yield
        session.rollback()


def test_a_day_is_created_beside_readers_a_writer_and_an_erasure(
    postgres: Server, database: str, sink: PostgresSink, migrated: psycopg.Connection
) -> None:
    sink.write(table(click_row(Click(MIDNIGHT, "c", "u"))), query_id=QUERY, batch_id=0)
    owner, analyst = postgres.url(database), postgres.url(database, "pipeline_analyst")
    with (
        transaction_of(analyst, b"select count(*) from raw_clicks", b"select count(*) from funnel"),
        transaction_of(owner, b"update raw_clicks set late = true"),
        transaction_of(owner, b"select * from erase_user('v')"),
        psycopg.connect(postgres.url(database, "pipeline_writer"), autocommit=True) as session,
    ):
        session.execute("set statement_timeout = '5s'")
        session.execute(statements.ENSURE_DAYS, {"days": [date(2027, 5, 1)]})
    assert partitions.days(migrated)[-1] == "20270501"


def opened(connection: psycopg.Connection, statement: str, parameters: dict[str, Any]) -> set[str]:
    """Returns the partitions that the plan of a statement can read."""
    plan = connection.execute(f"explain (verbose) {statement}".encode(), parameters, prepare=False).fetchall()
    return set(re.findall(r"raw_clicks_(?:\d{8}|before)\b", str(plan)))


def test_statements_open_only_the_partitions_of_their_events(sinks: Sinks, migrated: psycopg.Connection) -> None:
    """Planning would take longer than the statements if every partition was opened."""
    many = [FIRST_DAY + timedelta(days=number) for number in range(60)]
    migrated.execute(statements.ENSURE_DAYS, {"days": many})
    sink = sinks.for_join("postgres")
    sink.open()
    session = sink._sessions[0]
    facts = {"watermark": MIDNIGHT + MINUTE, "unseen_until": None, "last_known_checkout": None}
    of_day = facts | {"ids": ["c"]} | days.bounds(MIDNIGHT.date(), FIRST_DAY)
    for text in (
        statements.KNOWN_CLICKS,
        credit_statements.MARK_LATE,
        correction_statements.STAGE_CLICK_CONFLICTS,
    ):
        assert opened(session, text, of_day) == {"raw_clicks_20261124"}
    before = of_day | days.bounds(FIRST_DAY - timedelta(days=1), FIRST_DAY)
    assert opened(session, statements.KNOWN_CLICKS, before) == {"raw_clicks_before"}
    of_hour = facts | transaction.touches(MIDNIGHT + MINUTE, MIDNIGHT + 2 * MINUTE)
    for text in (credit_statements.MERGE_CREDITS, credit_statements.REPAIR_LATE, credit_statements.CREDIT_CHECKOUTS):
        assert opened(session, text, of_hour) == {"raw_clicks_20261123", "raw_clicks_20261124"}
        assert opened(session, text, facts | transaction.touches(None, None)) == set()
