import json
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from runtime.data_generator.simulation import Record, simulate
from tests.runtime.data_generator.simulated import HOUR, INVOCATION, good, make, time_of


def times_by(field: str, events: list[dict[str, Any]]) -> dict[str, list[datetime]]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        times[event[field]].append(time_of(event))
    return {found: sorted(times[found]) for found in times}


@pytest.fixture(scope="module")
def plenty() -> list[Record]:
    return simulate(make(clicks=20_000, malformed_share=0.02), INVOCATION)


@pytest.fixture(scope="module")
def clicks(plenty: list[Record]) -> list[dict[str, Any]]:
    return good(plenty, "clicks")


@pytest.fixture(scope="module")
def checkouts(plenty: list[Record]) -> list[dict[str, Any]]:
    return good(plenty, "checkouts")


def test_money_adds_up_to_the_cent(checkouts: list[dict[str, Any]]) -> None:
    for event in checkouts:
        assert event["items"]
        assert all(list(item) == ["product_id", "quantity", "unit_price"] for item in event["items"])
        assert all(type(item["quantity"]) is int and item["quantity"] > 0 for item in event["items"])
        prices = [item["unit_price"] for item in event["items"]]
        assert all(re.fullmatch(r"\d+\.\d\d", amount) for amount in [*prices, event["total_amount"]])
        total = sum(item["quantity"] * Decimal(item["unit_price"]) for item in event["items"])
        assert Decimal(event["total_amount"]) == total


def test_about_a_tenth_as_many_checkouts_as_clicks_follow(checkouts: list[dict[str, Any]]) -> None:
    assert 1_600 < len(checkouts) < 2_400


def test_a_user_keeps_device_and_currency(clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]) -> None:
    devices = {(event["user_id"], event["device_type"]) for event in clicks}
    currencies = {(event["user_id"], event["currency"]) for event in checkouts}
    assert len(devices) == len({user for user, _ in devices})
    assert len(currencies) == len({user for user, _ in currencies})
    assert {device for _, device in devices} == {"mobile", "desktop", "tablet"}
    assert len({currency for _, currency in currencies}) > 3


def test_another_seed_is_another_population() -> None:
    def devices(seed: int) -> dict[str, str]:
        records = simulate(make(seed=seed, users=50), INVOCATION)
        return {event["user_id"]: event["device_type"] for event in good(records, "clicks")}

    assert devices(1) != devices(2)


def test_channels_differ_in_traffic_and_in_conversion(
    clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]
) -> None:
    sessions = {event["session_id"]: event["utm_source"] for event in clicks}
    bought = {event["session_id"] for event in checkouts}
    traffic = Counter(sessions.values())
    conversions = Counter(source for session, source in sessions.items() if session in bought)
    assert None in traffic
    assert traffic["google"] > 2 * traffic["newsletter"]
    assert conversions["newsletter"] / traffic["newsletter"] > 2 * conversions["tiktok"] / traffic["tiktok"]


def test_some_sessions_have_many_clicks(clicks: list[dict[str, Any]]) -> None:
    assert max(Counter(event["session_id"] for event in clicks).values()) >= 12


def test_some_shoppers_buy_more_than_once_in_an_hour(checkouts: list[dict[str, Any]]) -> None:
    visits = times_by("session_id", checkouts).values()
    assert sum(any(b - a <= HOUR for a, b in pairwise(times)) for times in visits) > 100


def test_some_checkouts_have_no_click_in_the_hour_before(
    clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]
) -> None:
    clicked = times_by("user_id", clicks)
    unattributed = [
        event
        for event in checkouts
        if not any(time_of(event) - HOUR <= at <= time_of(event) for at in clicked.get(event["user_id"], []))
    ]
    never = [event for event in unattributed if event["user_id"] not in clicked]
    assert 0.05 < len(unattributed) / len(checkouts) < 0.25
    assert len(never) / len(checkouts) > 0.05


def test_some_shoppers_click_on_after_buying(clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]) -> None:
    clicked = times_by("session_id", clicks)
    bought = [event for event in checkouts if event["session_id"] in clicked]
    assert sum(clicked[event["session_id"]][-1] > time_of(event) for event in bought) > 0.05 * len(bought)


def test_events_come_out_of_order_by_seconds_only(plenty: list[Record]) -> None:
    times = [time_of(json.loads(record.data)) for record in plenty if not record.defect and not record.late]
    newest, worst, behind = times[0], timedelta(0), 0
    for at in times:
        newest = max(newest, at)
        worst = max(worst, newest - at)
        behind += at < newest
    assert behind > len(times) / 2
    assert timedelta(seconds=1) < worst <= timedelta(seconds=3)


def test_the_streams_go_out_side_by_side(plenty: list[Record]) -> None:
    shares = [
        sum(record.stream == "checkouts" for record in plenty[at : at + 1000]) / 1000
        for at in range(0, len(plenty) - 1000, 1000)
    ]
    assert 0.02 < min(shares) <= max(shares) < 0.2


def test_the_shares_of_late_and_malformed_are_as_set(plenty: list[Record]) -> None:
    assert sum(record.late for record in plenty) / len(plenty) == pytest.approx(0.01, abs=0.004)
    assert sum(record.defect is not None for record in plenty) / len(plenty) == pytest.approx(0.02, abs=0.004)
