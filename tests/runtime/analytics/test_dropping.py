"""When days of raw clicks are dropped, and by whom."""

import logging
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from local.servers.postgres import Server
from runtime.analytics.handler import handler
from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.clock import within_a_day
from tests.oracle import Click
from tests.runtime import partitions
from tests.runtime.analytics.old_shop import KEEP, LABELS, MAIL, ago, old_events
from tests.runtime.analytics.shops import rows, send


@pytest.fixture(autouse=True)
def first_day(migrated: psycopg.Connection) -> None:
    within_a_day()
    partitions.begin_days(migrated, ago(90).date())


def test_nothing_is_dropped_unless_asked_nor_before_it_has_been_read(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, *old_events(), **LABELS)
    count = "select count(*) from raw_clicks"
    refresh(refresher)
    assert rows(migrated, count) == [(7,)]
    migrated.execute("update analytics_settings set look_back = '29 days'")
    refresh(refresher, seconds=0, part_size=1, keep_click_days=KEEP)
    assert rows(migrated, count) == [(7,)]


def test_the_look_back_and_thirty_days_more_are_kept_in_any_case(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, *old_events(), **LABELS)
    migrated.execute("update analytics_settings set look_back = '39 days'")
    refresh(refresher, keep_click_days=1)
    assert min(partitions.days(migrated)) == f"{ago(69):%Y%m%d}"


def test_ten_days_are_dropped_at_a_time(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    clicks = [Click(ago(number), f"c{number}", "u") for number in range(61, 90)]
    send(sink, *clicks, **{click.click_id: MAIL for click in clicks})
    left = []
    for _ in range(4):
        refresh(refresher, keep_click_days=KEEP)
        left.append(rows(migrated, "select count(*), min(click_timestamp) from raw_clicks")[0])
    assert left == [(19, ago(79)), (9, ago(69)), (0, None), (0, None)]
    assert rows(migrated, "select clicks_kept_since from refresh_state") == [(ago(KEEP),)]


def test_the_function_drops_after_the_days_of_its_environment(
    sink: PostgresSink, migrated: psycopg.Connection, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(sink, *old_events(), **LABELS)
    monkeypatch.delenv("DATABASE_SECRET", raising=False)
    monkeypatch.setenv("DATABASE_URL", postgres.url(database, "pipeline_analytics"))
    handler({})
    assert rows(migrated, "select count(*) from raw_clicks") == [(7,)]
    monkeypatch.setenv("CLICK_RETENTION_DAYS", str(KEEP))
    handler({})
    assert rows(migrated, "select click_id from raw_clicks") == [("x2",)]


@pytest.fixture
def reader(postgres: Server, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.url(database, "pipeline_analyst")) as connection:
        yield connection


def test_a_reader_puts_the_dropping_off(
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
    reader: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    send(sink, *old_events(), **LABELS)
    reader.execute("select count(*) from raw_clicks")
    assert refresh(refresher, keep_click_days=KEEP).is_complete
    assert "not dropped" in caplog.text
    assert rows(migrated, "select count(*) from raw_clicks") == [(7,)]
    reader.rollback()
    refresh(refresher, keep_click_days=KEEP)
    assert rows(migrated, "select count(*) from raw_clicks") == [(1,)]
    assert "dropped days" in caplog.text


@pytest.mark.parametrize("role", ["pipeline_writer", "pipeline_analyst"])
def test_only_the_refresh_may_drop(postgres: Server, database: str, role: str) -> None:
    with psycopg.connect(postgres.url(database, role)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("select drop_click_days(400)")
