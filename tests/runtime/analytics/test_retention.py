"""Days of raw clicks are dropped, and what the refreshes have computed from them stays."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.clock import within_a_day
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime import partitions
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.old_shop import HOUR, KEEP, LABELS, MAIL, SEARCH, ago, old_events
from tests.runtime.analytics.shops import CLEAR, EVENING, Shop, contents, deliver, rows, send, shops

EXPOSURES = "select user_id, variant, exposed_at, checkouts, net_revenue from exposures order by 1"


@pytest.fixture(autouse=True)
def first_day(migrated: psycopg.Connection) -> None:
    within_a_day()
    partitions.begin_days(migrated, ago(90).date())


@pytest.fixture
def stored(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> dict[str, list[tuple[Any, ...]]]:
    """The tables of the models after the old days were dropped."""
    send(sink, *old_events(), **LABELS)
    send(sink, Click(ago(2), "w2", "w"), Checkout(ago(1), "w again", "w", "7.00"), w2=SEARCH)
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
    within_a_day()
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
