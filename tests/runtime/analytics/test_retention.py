"""Days of raw clicks are dropped, and what the refreshes have computed from them stays."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from psycopg import errors

from local.servers.postgres import Server
from runtime.analytics.handler import handler
from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime import partitions
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import CLEAR, EVENING, TRAFFIC, Shop, contents, deliver, rows, send, shops

KEEP = 60
DAY = timedelta(days=1)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
HOUR = timedelta(hours=1)
SEARCH, MAIL = TRAFFIC[2], TRAFFIC[5]
EXPOSURES = "select user_id, variant, exposed_at, checkouts, net_revenue from exposures order by 1"


def ago(days: float) -> datetime:
    return TODAY - days * DAY


# `u` has bought, `v` has not, `w` has bought twice, and the last time within the retention.
OLD: list[Event] = [
    *(Click(ago(70), "u1", "u"), Click(ago(69), "u2", "u"), Checkout(ago(68), "u", "u", "10.00")),
    *(Click(ago(70), "v1", "v"), Click(ago(69), "v2", "v")),
    *(Click(ago(70), "w1", "w"), Checkout(ago(70) + HOUR, "w", "w", "5.00")),
    # A path that begins before the days that are kept, and ends with one of them.
    *(Click(ago(61), "x1", "x"), Click(ago(59), "x2", "x"), Checkout(ago(58), "x", "x", "8.00")),
]
NEW: list[Event] = [Click(ago(2), "w2", "w"), Checkout(ago(1), "w again", "w", "7.00")]
LABELS = {event.click_id: MAIL if event.click_id.endswith("1") else SEARCH for event in OLD if isinstance(event, Click)}


@pytest.fixture(autouse=True)
def first_day(migrated: psycopg.Connection) -> None:
    partitions.begin_days(migrated, ago(90).date())


@pytest.fixture
def stored(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> dict[str, list[tuple[Any, ...]]]:
    """The tables of the models after the old days were dropped."""
    send(sink, *OLD, **LABELS)
    send(sink, *NEW, w2=SEARCH)
    migrated.execute("update raw_clicks set experiment_id = 'e', variant = 'a' where click_id in ('u1', 'w2')")
    refresh(refresher)
    before = contents(migrated)
    assert rows(migrated, EXPOSURES) == [("u", "a", ago(70), 1, 10), ("w", "a", ago(2), 1, 7)]
    refresh(refresher, keep_click_days=KEEP)
    assert [click for (click,) in rows(migrated, "select click_id from raw_clicks order by 1")] == ["w2", "x2"]
    assert contents(migrated) == before
    return before


def touches(connection: psycopg.Connection) -> dict[str, int]:
    return dict(connection.execute("select checkout_id, touches from checkout_paths").fetchall())


@pytest.mark.parametrize("full", [False, True])
def test_a_recomputation_leaves_what_was_computed_from_dropped_days(
    stored: dict[str, list[tuple[Any, ...]]], migrated: psycopg.Connection, refresher: psycopg.Connection, full: bool
) -> None:
    exposures = rows(migrated, EXPOSURES)
    assert refresh(refresher, full=full).failed == ()
    assert contents(migrated) == stored
    assert rows(migrated, EXPOSURES) == exposures
    migrated.execute("update analytics_settings set look_back = '1 hour'")
    refresh(refresher, full=full)
    assert touches(migrated) == {"u": 2, "w": 1, "x": 2, "w again": 0}
    migrated.execute("update analytics_settings set look_back = '30 days'")
    refresh(refresher, full=full)
    assert contents(migrated) == stored
    assert rows(migrated, EXPOSURES) == exposures


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shop=shops())
def test_recomputations_leave_every_shop_as_it_was_before_the_drop(logins: Logins, shop: Shop) -> None:
    """The first of the days that are kept begins in the middle of the shop's events."""
    logins.owner.execute(CLEAR)
    logins.owner.execute("update refresh_state set clicks_kept_since = null")
    partitions.begin_days(logins.owner, ago(90).date())
    midnight = EVENING + 3 * HOUR
    events = [moved(event, ago(KEEP) - midnight) for event in shop.events]
    deliver(logins.sink, replace(shop, events=events), events)
    refresh(logins.refresher)
    stored = contents(logins.owner)
    refresh(logins.refresher, keep_click_days=KEEP)
    assert rows(logins.owner, f"select * from raw_clicks where click_timestamp < '{ago(KEEP)}'") == []
    refresh(logins.refresher, full=True)
    assert contents(logins.owner) == stored
    for look_back in ("1 hour", "30 days"):
        logins.owner.execute("update analytics_settings set look_back = %s", [look_back])
        refresh(logins.refresher)
    assert contents(logins.owner) == stored


def moved(event: Event, by: timedelta) -> Event:
    """Returns the event at another time."""
    if isinstance(event, Click):
        return replace(event, click_timestamp=event.click_timestamp + by)
    if isinstance(event, Checkout):
        return replace(event, checkout_timestamp=event.checkout_timestamp + by)
    return replace(event, refund_timestamp=event.refund_timestamp + by)


def test_refunds_and_revisions_of_old_checkouts_reach_the_credits(
    stored: dict[str, list[tuple[Any, ...]]],
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
) -> None:
    send(sink, Refund(ago(0), "r", "u", "4.00", user_id="u"), Checkout(ago(58), "x", "x", "9.00", revision=1))
    refresh(refresher)
    linear = "select channel, sum(net)::float from all_credits where model = 'linear' group by 1"
    assert dict(rows(migrated, linear)) == {"Email": 3 + 5 + 4.5, "Paid Search": 3 + 4.5 + 7}
    assert touches(migrated) == {"u": 2, "w": 1, "x": 2, "w again": 1}
    assert dict(rows(migrated, "select checkout_id, net_amount::float from net_checkouts")) == {
        "u": 6, "w": 5, "x": 9, "w again": 7,
    }  # fmt: skip
    incremental = contents(migrated)
    refresh(refresher, full=True)
    assert contents(migrated) == incremental


def test_new_events_of_people_with_dropped_clicks_are_added(
    stored: dict[str, list[tuple[Any, ...]]],
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
) -> None:
    events: list[Event] = [Click(ago(1), "v3", "v"), Click(ago(1), "u3", "u"), Checkout(ago(0), "u again", "u", "1.00")]
    send(sink, *events, v3=MAIL, u3=MAIL)
    migrated.execute("update raw_clicks set experiment_id = 'e', variant = 'b' where click_id = 'u3'")
    exposures = rows(migrated, EXPOSURES)
    assert refresh(refresher).failed == ()
    assert rows(migrated, EXPOSURES) == exposures
    runs = "select user_id, ended_at from unconverted_paths order by 1, 2"
    assert rows(migrated, runs) == [("v", ago(69)), ("v", ago(1))]
    assert touches(migrated) == {"u": 2, "w": 1, "x": 2, "w again": 1, "u again": 1}
    new_customers = "select checkout_id from checkout_paths where is_new_customer order by 1"
    assert [name for (name,) in rows(migrated, new_customers)] == ["u", "w", "x"]
    incremental = contents(migrated)
    refresh(refresher, full=True)
    assert contents(migrated) == incremental


def test_late_clicks_of_dropped_days_change_no_stored_path_and_create_no_day(
    stored: dict[str, list[tuple[Any, ...]]],
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
) -> None:
    days = partitions.days(migrated)
    send(sink, Click(ago(69.5), "late", "u"), late=SEARCH)
    assert partitions.days(migrated) == days
    assert rows(migrated, "select click_id from raw_clicks_before") == [("late",)]
    refresh(refresher, keep_click_days=KEEP)
    assert contents(migrated)["checkout_paths"] == stored["checkout_paths"]


def test_a_late_checkout_of_a_dropped_day_is_stored_with_its_amount(
    stored: dict[str, list[tuple[Any, ...]]],
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
) -> None:
    send(sink, Checkout(ago(70), "late", "v", "3.00"))
    refresh(refresher)
    assert touches(migrated)["late"] == 0
    net = rows(migrated, "select net_amount::float from net_checkouts where checkout_id = 'late'")
    assert net == [(3,)]


def test_nothing_is_dropped_unless_asked_nor_before_it_has_been_read(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, *OLD, **LABELS)
    count = "select count(*) from raw_clicks"
    refresh(refresher)
    assert rows(migrated, count) == [(7,)]
    migrated.execute("update analytics_settings set look_back = '29 days'")
    refresh(refresher, seconds=0, part_size=1, keep_click_days=KEEP)
    assert rows(migrated, count) == [(7,)]


def test_the_look_back_and_thirty_days_more_are_kept_in_any_case(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, *OLD, **LABELS)
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
    send(sink, *OLD, **LABELS)
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
    send(sink, *OLD, **LABELS)
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
