"""Panels over a small shop: filters, notes, the period before, and the right to read only."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.dashboard.database import Database
from tests import oracle
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.segments.shop import compute
from tests.runtime.analytics.shops import EVENING, TRAFFIC, Shop, send
from tests.runtime.dashboard.shop_panels import DAYS, FIRST_DAY, ask, fill

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(logins: Logins) -> None:
    """A shop of two days with two touches, two currencies, a refund and spend."""
    events: list[oracle.Event] = [
        oracle.Click(EVENING, "c1", "u1"),
        oracle.Click(EVENING + HOUR, "c5", "u1"),
        oracle.Checkout(EVENING + 2 * HOUR, "k1", "u1", "100.00"),
        oracle.Refund(EVENING + 3 * HOUR, "r1", "k1", "40.00"),
        oracle.Checkout(EVENING + 4 * HOUR, "k2", "u2", "1000", "JPY"),
    ]
    labels = {"c1": TRAFFIC[2], "c5": TRAFFIC[5]}
    fill(logins, Shop(events, labels, {"k1": frozenset(), "k2": frozenset()}))


def only(url: str, name: str, **filters: str) -> dict[str, Any]:
    return ask(url, (name, {**DAYS, **filters}))[0]


def test_spend_is_empty_where_filters_choose_among_checkouts(shop: None, url: str) -> None:
    panel = only(url, "performance", device="mobile", model="linear")
    assert [row[5:9] for row in panel["rows"]] == [[None] * 4] * 2
    assert "Spend is not known by device and segment" in panel["note"]


def test_models_that_the_filters_exclude_are_named(shop: None, url: str) -> None:
    panel = only(url, "performance", device="mobile", model="markov")
    assert panel["rows"] == []
    assert "markov credits no single checkout" in panel["note"]
    comparison = only(url, "models", look_back="1 hour")
    assert "Not known for these filters: w_shaped, shapley, markov, shapley_markov" in comparison["note"]
    assert {value for row in comparison["rows"] for value in row[7:]} == {None}


def test_a_segment_chooses_the_checkouts_of_its_customers(shop: None, url: str, logins: Logins) -> None:
    assert only(url, "performance", segment="New customers")["rows"] == []
    compute(logins.refresher, FIRST_DAY + timedelta(days=9))
    panel = only(url, "performance", segment="New customers")
    assert [[*row[:3], float(row[3])] for row in panel["rows"]] == [["(unattributed)", 1, 1, 6.1]]
    assert only(url, "performance", segment="Champions")["rows"] == []


def test_the_page_shows_segments_and_the_moves_between_them(shop: None, url: str, logins: Logins) -> None:
    send(logins.sink, oracle.Checkout(EVENING + timedelta(days=8), "k3", "u1", "5.00"))
    compute(logins.refresher, FIRST_DAY + timedelta(days=9))
    panel = only(url, "segments")
    assert [[*row[:2], float(row[3])] for row in panel["rows"]] == [["Champions", 1, 65.0], ["Hibernating", 1, 6.1]]
    assert all(column["definition"] for column in panel["columns"])
    assert "whichever days are chosen" in panel["note"]
    moves = only(url, "segment_migration")
    assert moves["rows"] == [
        ["2026-11-30", "(new)", "Hibernating", 1],
        ["2026-11-30", "(new)", "New customers", 1],
    ]
    assert [column["unit"] for column in moves["columns"]] == ["day", "text", "text", "count"]


def test_a_panel_tells_which_filters_it_does_not_follow(shop: None, url: str) -> None:
    panel = only(url, "cohorts", device="mobile", currency="JPY", channel="Email")
    assert panel["note"] == "Not filtered by channel, device, currency."
    assert panel["rows"] == only(url, "cohorts")["rows"]


def test_a_currency_shows_its_own_amounts_without_a_rate(shop: None, url: str, logins: Logins) -> None:
    logins.owner.execute("delete from exchange_rates")
    panel = only(url, "performance", currency="JPY")
    assert panel["currency"] == "JPY"
    assert [row[:5] for row in panel["rows"]] == [["(unattributed)", 1, 1, "1000.0000", "1000.0000"]]
    everything = {row[0]: row[3] for row in only(url, "performance")["rows"]}
    assert everything == {"Paid Search": "50.0000", "Email": "50.0000", "(unattributed)": None}


def test_a_channel_chooses_paths_with_a_touch_of_it(shop: None, url: str) -> None:
    assert [row[0] for row in only(url, "performance", channel="Email")["rows"]] == ["Email"]
    assert [row[:3] for row in only(url, "paths", channel="Email")["rows"]] == [["Paid Search > Email", 2, 1]]
    assert [row[:3] for row in only(url, "paths", channel="(unattributed)")["rows"]] == [["(unattributed)", 0, 1]]
    assert only(url, "paths", channel="Display")["rows"] == []


def test_the_period_before_has_the_same_length(shop: None, url: str) -> None:
    third, fourth = ((FIRST_DAY + timedelta(days=days)).isoformat() for days in (2, 3))
    (panel,) = ask(url, ("performance", {"from": third, "to": fourth, "model": "first_touch"}))
    assert panel["rows"] == []
    assert {row[0]: row[1] for row in panel["previous"]} == {"Paid Search": 1, "(unattributed)": 1, "Email": 0}
    (panel,) = ask(url, ("performance", {"from": fourth, "to": fourth}))
    assert panel["previous"] == []


def test_touches_flow_to_the_checkout(shop: None, url: str) -> None:
    assert only(url, "touch_flow")["rows"] == [
        [1, "(unattributed)", 5, "(checkout)", 1],
        [1, "Paid Search", 2, "Email", 1],
        [2, "Email", 5, "(checkout)", 1],
    ]


def test_a_login_that_may_do_more_only_reads(postgres: Server, migrated: psycopg.Connection) -> None:
    async def write(statement: bytes) -> None:
        database = Database(lambda: postgres.url(migrated.info.dbname))
        try:
            await database.read(lambda connection: connection.execute(statement))
        finally:
            await database.close()

    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        asyncio.run(write(b"create table mine ()"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        asyncio.run(write(b"select * from dead_letters"))
