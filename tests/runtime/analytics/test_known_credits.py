"""Known answers of the models in SQL."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest

from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.shops import TRAFFIC, rows, send

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECT, SEARCH, GENERIC, MAIL = TRAFFIC[0], TRAFFIC[2], TRAFFIC[3], TRAFFIC[5]


def test_the_touch_limit_keeps_the_first_touch_and_the_latest_ones(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    migrated.execute("update analytics_settings set touch_limit = 3")
    clicks: list[Event] = [Click(NOON + number * HOUR, f"c{number}", "u") for number in range(6)]
    send(sink, *clicks, Checkout(NOON + 6 * HOUR, "k", "u"), **{f"c{number}": MAIL for number in range(6)})
    refresh(refresher)
    ((times,),) = migrated.execute("select touch_times from checkout_paths").fetchall()
    assert times == [NOON, NOON + 4 * HOUR, NOON + 5 * HOUR]


@pytest.mark.parametrize(
    ("amount", "shares"),
    [("140.00", ["56.00", "28.00", "56.00"]), ("0.02", ["0.01", "0.00", "0.01"]), ("0.01", ["0.01", "0.00", "0.00"])],
)
def test_position_based_of_three_touches(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, amount: str, shares: list[str]
) -> None:
    labels = {"a": SEARCH, "b": MAIL, "c": DIRECT}
    clicks: list[Event] = [Click(NOON, name, "u") for name in labels]
    send(sink, *clicks, Checkout(NOON, "k", "u", amount), **labels)
    refresh(refresher)
    query = "select channel, gross from all_credits where model = 'position_based'"
    credits: dict[object, object] = dict(rows(migrated, query))
    assert [credits[label.channel] for label in labels.values()] == [Decimal(share) for share in shares]


def test_time_decay_of_touches_of_five_weeks(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    migrated.execute("update analytics_settings set look_back = '40 days'")
    ages = {"a": 38, "b": 33, "c": 26, "d": 8, "e": 0}
    labels = dict(zip("abcde", (SEARCH, GENERIC, MAIL, DIRECT, TRAFFIC[4]), strict=True))
    clicks: list[Event] = [Click(NOON - age * 24 * HOUR, name, "u") for name, age in ages.items()]
    send(sink, *clicks, Checkout(NOON, "k", "u", "12000", "JPY"), **labels)
    refresh(refresher)
    query = "select channel, campaign, gross::int from all_credits where model = 'time_decay'"
    credits = {(channel, campaign): gross for channel, campaign, gross in rows(migrated, query)}
    # The largest remainder gives the unit that rounding loses to the last touch.
    assert [credits[label.where] for label in labels.values()] == [175, 287, 575, 3417, 7546]


def test_the_time_zone_of_the_session_makes_no_difference(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    """In New York, the clocks change between the click and the checkout."""
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    migrated.execute("update analytics_settings set look_back = '2 days'")
    refresher.execute("set timezone = 'America/New_York'")
    send(sink, Click(at - 2 * 24 * HOUR, "c", "u"), Checkout(at, "k", "u"), c=MAIL)
    refresh(refresher)
    assert rows(migrated, "select touches, day::text from checkout_paths") == [(1, "2026-11-01")]
