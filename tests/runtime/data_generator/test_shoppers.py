import json
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from runtime.data_generator.shop import CHANNELS
from runtime.data_generator.simulation import Record, simulate
from tests.runtime.data_generator.simulated import HOUR, INVOCATION, event_time, plain_settings, well_formed_events


def times_by(field: str, events: list[dict[str, Any]]) -> dict[str, list[datetime]]:
    times: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        times[event[field]].append(event_time(event))
    return {key: sorted(times[key]) for key in times}


@pytest.fixture(scope="module")
def simulated() -> list[Record]:
    return simulate(plain_settings(clicks=20_000, malformed_share=0.02), INVOCATION)


@pytest.fixture(scope="module")
def clicks(simulated: list[Record]) -> list[dict[str, Any]]:
    return well_formed_events(simulated, "clicks")


@pytest.fixture(scope="module")
def checkouts(simulated: list[Record]) -> list[dict[str, Any]]:
    return well_formed_events(simulated, "checkouts")


def test_the_total_amount_is_the_exact_sum_of_the_items(checkouts: list[dict[str, Any]]) -> None:
    for event in checkouts:
        assert event["items"]
        assert all(list(item) == ["product_id", "quantity", "unit_price"] for item in event["items"])
        assert all(type(item["quantity"]) is int and item["quantity"] > 0 for item in event["items"])
        prices = [item["unit_price"] for item in event["items"]]
        assert all(re.fullmatch(r"\d+\.\d\d", amount) for amount in [*prices, event["total_amount"]])
        total = sum(item["quantity"] * Decimal(item["unit_price"]) for item in event["items"])
        assert Decimal(event["total_amount"]) == total


def test_checkouts_are_about_a_tenth_of_the_clicks(checkouts: list[dict[str, Any]]) -> None:
    assert 1_600 < len(checkouts) < 2_400


def test_a_user_keeps_device_and_currency(clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]) -> None:
    devices = {(event["user_id"], event["device_type"]) for event in clicks}
    currencies = {(event["user_id"], event["currency"]) for event in checkouts}
    assert len(devices) == len({user for user, _ in devices})
    assert len(currencies) == len({user for user, _ in currencies})
    assert {device for _, device in devices} == {"mobile", "desktop", "tablet"}
    assert len({currency for _, currency in currencies}) > 3


def test_another_seed_gives_another_population() -> None:
    def devices(seed: int) -> dict[str, str]:
        records = simulate(plain_settings(seed=seed, users=50), INVOCATION)
        return {event["user_id"]: event["device_type"] for event in well_formed_events(records, "clicks")}

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


def test_a_user_sees_one_variant_of_the_experiment_or_none(clicks: list[dict[str, Any]]) -> None:
    exposures = {(event["user_id"], event["experiment_id"], event["variant"]) for event in clicks}
    assert len(exposures) == len({user for user, *_ in exposures})
    shares = Counter(exposure[1:] for exposure in exposures)
    assert set(shares) == {(None, None), ("one-page-checkout", "control"), ("one-page-checkout", "treatment")}
    assert shares[None, None] == pytest.approx(len(exposures) / 2, rel=0.1)


def test_a_visit_begins_at_its_channels_site_and_goes_on_in_the_shop(clicks: list[dict[str, Any]]) -> None:
    visits: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in sorted(clicks, key=lambda event: str(event["click_id"])):
        visits[event["session_id"]].append(event)
    later_clicks = [event for visit in visits.values() for event in visit[1:]]
    assert all(event["referrer"].startswith("https://shop.example/products/product-") for event in later_clicks)
    landings = {(visit[0]["utm_source"], visit[0]["referrer"]) for visit in visits.values()}
    from_elsewhere = {
        (source, site) for source, site in landings if not (site or "").startswith("https://shop.example")
    }
    assert from_elsewhere == {(channel.utm_source, channel.referrer) for channel in CHANNELS}


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
        if not any(event_time(event) - HOUR <= at <= event_time(event) for at in clicked.get(event["user_id"], []))
    ]
    never_clicked = [event for event in unattributed if event["user_id"] not in clicked]
    assert 0.05 < len(unattributed) / len(checkouts) < 0.25
    assert len(never_clicked) / len(checkouts) > 0.05


def test_some_shoppers_click_after_buying(clicks: list[dict[str, Any]], checkouts: list[dict[str, Any]]) -> None:
    clicked = times_by("session_id", clicks)
    bought = [event for event in checkouts if event["session_id"] in clicked]
    assert sum(clicked[event["session_id"]][-1] > event_time(event) for event in bought) > 0.05 * len(bought)


def test_events_are_out_of_order_by_at_most_three_seconds(simulated: list[Record]) -> None:
    times = [event_time(json.loads(record.data)) for record in simulated if not record.defect and not record.late]
    newest, largest_lag, out_of_order = times[0], timedelta(0), 0
    for at in times:
        newest = max(newest, at)
        largest_lag = max(largest_lag, newest - at)
        out_of_order += at < newest
    assert out_of_order > len(times) / 2
    assert timedelta(seconds=1) < largest_lag <= timedelta(seconds=3)


def test_clicks_and_checkouts_are_interleaved(simulated: list[Record]) -> None:
    shares = [
        sum(record.stream == "checkouts" for record in simulated[at : at + 1000]) / 1000
        for at in range(0, len(simulated) - 1000, 1000)
    ]
    assert 0.02 < min(shares) <= max(shares) < 0.2


def test_the_late_and_malformed_shares_match_the_settings(simulated: list[Record]) -> None:
    assert sum(record.late for record in simulated) / len(simulated) == pytest.approx(0.01, abs=0.004)
    assert sum(record.defect is not None for record in simulated) / len(simulated) == pytest.approx(0.02, abs=0.004)
