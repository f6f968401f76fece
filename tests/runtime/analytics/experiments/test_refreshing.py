"""The results of experiments equal a plain recomputation, whatever the order of events and changes."""

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from runtime.analytics.experiments.registered import Registered
from runtime.analytics.refresh import refresh
from tests import oracle
from tests.oracle import event_id
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.experiments.reference import User, World, comparisons_of, revenue_of, variants_of
from tests.runtime.analytics.experiments.shops import (
    CLEAR,
    Rates,
    Shop,
    contents,
    deliver,
    rates,
    register,
    registrations,
    set_rates,
    shops,
)

CHECKS = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
ENDS = {"ci": "ci", "ci_always_valid": "always_valid"}


def results(connection: psycopg.Connection) -> dict[tuple[str, str, str], dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("select * from experiment_results").fetchall()
    return {(row["experiment_id"], row["variant"], row["metric"]): row for row in rows}


def close(expected: float | None) -> Any:
    return None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-9)


def assert_described(row: dict[str, Any], users: list[User], mixed: int) -> None:
    conversions = sum(user.checkouts > 0 for user in users)
    assert (row["users"], row["conversions"], row["mixed_users"]) == (len(users), conversions, mixed)
    assert row["conversion_rate"] == (close(conversions / len(users)) if users else None)
    revenue = revenue_of(users)
    assert row["revenue_per_user"] == (close(float(revenue.mean)) if revenue and users else None)


@settings(max_examples=40, suppress_health_check=CHECKS, deadline=None)
@given(shop=shops(), registered=registrations(), rates=rates(), currency=st.sampled_from(["EUR", "JPY"]))
def test_the_results_equal_a_plain_recomputation(
    logins: Logins, shop: Shop, registered: list[Registered], rates: Rates, currency: str
) -> None:
    logins.owner.execute(CLEAR)
    logins.owner.execute("update analytics_settings set reporting_currency = %s", [currency])
    register(logins.owner, registered)
    set_rates(logins.owner, rates)
    deliver(logins.sink, shop, shop.events)
    assert refresh(logins.refresher).failed == ()

    standing = list(oracle.standing_events(shop.events).values())
    world = World(standing, shop.labels, registered, rates, currency)
    stored = results(logins.analyst)
    experiments = {name: variants_of(world, name) for name in ("checkout", "search")}
    assert {key[:2] for key in stored} == {
        (name, variant) for name, variants in experiments.items() for variant in variants if variant
    }
    for (name, variant, _), row in stored.items():
        assert_described(row, experiments[name][variant], len(experiments[name].get("", [])))
    comparisons = comparisons_of(registered, experiments["checkout"]) if registered else {}
    for (name, variant, metric), row in stored.items():
        comparison = comparisons.get((variant, metric)) if name == "checkout" else None
        if comparison is None:
            assert (row["lift"], row["p_value"], row["verdict"]) == (None, None, None)
            continue
        assert row["lift"] == close(comparison.lift)
        assert row["p_value"] == close(comparison.p_value)
        assert row["minimum_detectable_lift"] == close(comparison.minimum_detectable_lift)
        for attribute, column in ENDS.items():
            low, high = getattr(comparison, attribute) or (None, None)
            assert (row[f"{column}_low"], row[f"{column}_high"]) == (close(low), close(high))
    names = {row.variant for row in registered}
    unknown = {variant for variant in experiments["checkout"] if variant} - names
    for (name, variant, _), row in stored.items():
        is_registered = name == "checkout" and variant in names
        assert row["is_registered"] == is_registered
        assert row["is_valid"] == (name == "checkout" and bool(names) and not unknown)


def unique_events(shop: Shop) -> list[oracle.Event]:
    """Returns the events of a shop without reused ids, whose order of arrival then makes no difference."""
    unique: dict[object, oracle.Event] = {}
    for event in shop.events:
        unique.setdefault(event_id(event), event)
    return list(unique.values())


@settings(max_examples=25, suppress_health_check=CHECKS, deadline=None)
@given(shop=shops(), data=st.data())
def test_order_and_refreshes_in_between_make_no_difference(logins: Logins, shop: Shop, data: st.DataObject) -> None:
    tables = []
    registered, last_rates = data.draw(registrations()), data.draw(rates())
    for _ in range(2):
        logins.owner.execute(CLEAR)
        order = data.draw(st.permutations(unique_events(shop)))
        half = data.draw(st.integers(0, len(order)))
        register(logins.owner, data.draw(st.just(registered) | registrations()))
        set_rates(logins.owner, data.draw(rates()))
        deliver(logins.sink, shop, order[:half])
        refresh(logins.refresher)
        deliver(logins.sink, shop, order[half:], first=half)
        refresh(logins.refresher)
        register(logins.owner, registered)
        set_rates(logins.owner, last_rates)
        refresh(logins.refresher)
        tables.append(contents(logins.owner))
    assert tables[0] == tables[1]
    refresh(logins.refresher, full=True)
    assert contents(logins.owner) == tables[1]


@settings(max_examples=20, suppress_health_check=CHECKS, deadline=None)
@given(shop=shops(), registered=registrations(), data=st.data())
def test_an_incremental_refresh_gives_the_tables_of_one_from_nothing(
    logins: Logins, shop: Shop, registered: list[Registered], data: st.DataObject
) -> None:
    logins.owner.execute(CLEAR)
    register(logins.owner, registered)
    half = data.draw(st.integers(0, len(shop.events)))
    deliver(logins.sink, shop, shop.events[:half])
    refresh(logins.refresher)
    deliver(logins.sink, shop, shop.events[half:], first=half)
    change = data.draw(st.sampled_from(["select 1", "update analytics_settings set reporting_currency = 'JPY'"]))
    logins.owner.execute(change.encode())
    refresh(logins.refresher)
    incremental = contents(logins.owner)
    refresh(logins.refresher, full=True)
    assert contents(logins.owner) == incremental
