"""What a refresh finds: corrections, late events, rules and settings give the tables of a refresh from nothing."""

from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund, event_id
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import CLEAR, TRAFFIC, Shop, contents, deliver, rows, send, shops

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DIRECT, SEARCH, GENERIC, MAIL = TRAFFIC[0], TRAFFIC[2], TRAFFIC[3], TRAFFIC[5]


def linear(connection: psycopg.Connection) -> dict[object, float]:
    query = "select channel, sum(net)::float from all_credits where model = 'linear' group by 1"
    return dict(rows(connection, query))


def test_corrections_reach_the_credits(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    send(sink, Click(NOON, "c", "u"), Checkout(NOON + HOUR, "k", "u", "10.00"), c=MAIL)
    refresh(refresher)
    assert linear(migrated) == {"Email": 10}
    send(sink, Refund(NOON, "r", "k", "4.00"))
    refresh(refresher)
    assert linear(migrated) == {"Email": 6}
    send(sink, Checkout(NOON + HOUR, "k", "u", "20.00", revision=1))
    refresh(refresher)
    assert linear(migrated) == {"Email": 16}
    send(sink, Click(NOON - HOUR, "late", "u"), late=SEARCH)
    refresh(refresher)
    assert linear(migrated) == {"Email": 8, "Paid Search": 8}
    send(sink, Checkout(NOON + HOUR, "k", "u", "20.00", revision=1, cancelled=True))
    refresh(refresher)
    assert linear(migrated) == {"Email": 0, "Paid Search": 0}
    send(sink, Checkout(NOON + HOUR, "k", "u", "20.00", revision=2, test=True))
    refresh(refresher)
    assert linear(migrated) == {}
    assert rows(migrated, "select * from checkout_paths union all select * from checkout_paths") == []


def test_an_earlier_checkout_that_arrives_late_becomes_the_first_one(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection
) -> None:
    query = "select checkout_id, is_new_customer from checkout_paths order by 1"
    send(sink, Checkout(NOON, "k2", "u"))
    refresh(refresher)
    send(sink, Checkout(NOON - HOUR, "k1", "u"))
    refresh(refresher)
    assert rows(migrated, query) == [("k1", True), ("k2", False)]
    send(sink, Checkout(NOON - HOUR, "k1", "u", revision=1, test=True))
    refresh(refresher)
    assert rows(migrated, query) == [("k2", True)]


def test_a_new_rule_regroups_history_at_once_and_the_models_at_the_next_refresh(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, analyst: psycopg.Connection
) -> None:
    touches: list[Event] = [
        Click(NOON, "a", "u"),
        Click(NOON, "b", "u"),
        Click(NOON, "c", "u"),
        Checkout(NOON, "k", "u", "12.00"),
    ]
    send(sink, *touches, a=SEARCH, b=GENERIC, c=MAIL)
    refresh(refresher)
    query = "select channel, sum(net_revenue)::float from channel_performance where model = 'shapley' group by 1"
    assert dict(rows(analyst, query)) == {"Paid Search": 6, "Email": 6}
    migrated.execute(
        "insert into channel_rules (priority, campaign, channel, is_paid) values (1, '^generic', 'Generic', true)"
    )
    assert dict(rows(analyst, query)) == {"Paid Search": 3, "Generic": 3, "Email": 6}
    refresh(refresher)
    assert dict(rows(analyst, query)) == {"Paid Search": 4, "Generic": 4, "Email": 4}
    incremental = contents(migrated)
    refresh(refresher, full=True)
    assert contents(migrated) == incremental


@pytest.mark.parametrize(
    "change", ["look_back = '90 minutes'", "half_life = '10 minutes'", "markov_order = 2", "touch_limit = 2"]
)
def test_a_changed_setting_gives_the_tables_of_a_full_refresh(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, change: str
) -> None:
    clicks: list[Event] = [Click(NOON + number * HOUR / 2, f"c{number}", "u") for number in range(6)]
    lost = Click(NOON - 50 * HOUR, "lost", "v")
    labels = {f"c{number}": (SEARCH, MAIL, DIRECT)[number % 3] for number in range(6)} | {"lost": MAIL}
    send(sink, *clicks, lost, Checkout(NOON + 3 * HOUR, "k", "u", "99.99"), **labels)
    refresh(refresher)
    before = contents(migrated)
    migrated.execute(f"update analytics_settings set {change}".encode())
    refresh(refresher)
    incremental = contents(migrated)
    assert incremental != before
    refresh(refresher, full=True)
    assert contents(migrated) == incremental


def unique_events(shop: Shop) -> list[Event]:
    """Returns the events of a shop without reused ids, apart from revisions of a checkout."""
    unique: dict[object, Event] = {}
    for event in shop.events:
        unique.setdefault(event_id(event), event)
    return list(unique.values())


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(shop=shops(), data=st.data())
def test_the_order_of_arrival_makes_no_difference(
    sink: PostgresSink,
    migrated: psycopg.Connection,
    refresher: psycopg.Connection,
    shop: Shop,
    data: st.DataObject,
) -> None:
    results = []
    events = unique_events(shop)
    for _ in range(2):
        migrated.execute(CLEAR)
        order = data.draw(st.permutations(events))
        half = len(order) // 2
        deliver(sink, shop, order[:half])
        refresh(refresher)
        deliver(sink, shop, order[half:], first=half)
        refresh(refresher)
        results.append(contents(migrated))
    assert results[0] == results[1]


# Changes of the settings and rules, in any order and number. The last one erases a person.
CHANGES: tuple[LiteralString, ...] = (
    "update analytics_settings set look_back = '90 minutes'",
    "update analytics_settings set look_back = '1 hour'",
    "update analytics_settings set half_life = '10 minutes'",
    "update analytics_settings set half_life = null",
    "update analytics_settings set markov_order = 2",
    "update analytics_settings set markov_order = 1",
    "update analytics_settings set touch_limit = 2",
    "update analytics_settings set touch_limit = 1000",
    "insert into channel_rules (priority, source, channel, is_paid) values (1, '^google', 'Search', true)"
    " on conflict (priority) do update set source = '^g', channel = 'Found'",
    "insert into channel_rules (priority, campaign, channel, is_paid) values (2, 'weekly', 'Direct', false)"
    " on conflict do nothing",
    "delete from channel_rules where priority < 100",
    "select from erase_user('u1')",
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(shop=shops(), data=st.data())
def test_any_sequence_of_changes_gives_the_tables_of_a_full_refresh(
    logins: Logins, shop: Shop, data: st.DataObject
) -> None:
    logins.owner.execute(CLEAR)
    delivered = 0
    while delivered < len(shop.events):
        size = data.draw(st.integers(min(4, len(shop.events) - delivered), len(shop.events) - delivered))
        deliver(logins.sink, shop, shop.events[delivered : delivered + size], first=delivered)
        delivered += size
        for change in data.draw(st.lists(st.sampled_from(CHANGES), max_size=2)):
            logins.owner.execute(change)
        if data.draw(st.booleans()):
            refresh(logins.refresher, part_size=data.draw(st.sampled_from([2, 1000])))
    assert refresh(logins.refresher).is_complete
    incremental = contents(logins.owner)
    assert refresh(logins.refresher, full=True).is_complete
    assert contents(logins.owner) == incremental
