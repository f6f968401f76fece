"""Tests of experiment_results for registered, unregistered and invalid experiments."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import errors

from runtime.analytics.experiments import result_statements
from runtime.analytics.experiments.registered import Registered, Sums
from runtime.analytics.experiments.statistics import statistics_of
from runtime.analytics.refresh import refresh
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.experiments.shops import DAY, HOUR, START, Shop, contents, deliver, register
from tests.runtime.analytics.experiments.test_refreshing import results

MINUTE = timedelta(minutes=1)


def registered(**shares: int) -> list[Registered]:
    """Returns an experiment; the first variant is the control."""
    control = next(iter(shares))
    return [
        Registered("e", name, name == control, Decimal(share), START, None, "conversion_rate", 0.05, 0.05, 0.0)
        for name, share in shares.items()
    ]


def exposures(**users: int) -> Shop:
    """Returns a shop with a click of each user, by variant."""
    names = [(variant, f"{variant}{number}") for variant, count in users.items() for number in range(count)]
    return Shop([Click(START, user, user) for _, user in names], {user: ("e", variant) for variant, user in names})


def show(logins: Logins, shop: Shop) -> dict[tuple[str, str, str], dict[str, Any]]:
    deliver(logins.sink, shop, shop.events)
    assert refresh(logins.refresher).failed == ()
    return results(logins.analyst)


def test_a_sample_ratio_mismatch_is_shown_as_invalid_and_gives_no_verdict(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    rows = show(logins, exposures(a=300, b=200))
    assert {row["is_valid"] for row in rows.values()} == {False}
    assert {row["verdict"] for row in rows.values()} | {row["guardrail"] for row in rows.values()} == {None}
    row = rows["e", "b", "conversion_rate"]
    assert row["why_invalid"].startswith("sample ratio mismatch (p < 0.001)")
    assert row["srm_p_value"] == pytest.approx(7.744e-6, rel=1e-3)
    # The same users are as expected under other shares.
    register(logins.owner, registered(a=3, b=2))
    refresh(logins.refresher)
    row = results(logins.analyst)["e", "b", "conversion_rate"]
    assert (row["is_valid"], row["srm_p_value"], row["verdict"]) == (True, 1, "undecided")


def test_users_of_several_variants_are_counted_and_left_out(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    shop = exposures(a=3, b=3)
    events: list[Event] = [Click(START + DAY, "again", "a0"), Click(START + DAY, "other", "a1")]
    shop = Shop([*shop.events, *events], {**shop.labels, "again": ("e", "a"), "other": ("e", "b")})
    rows = show(logins, shop)
    assert rows["e", "a", "conversion_rate"]["users"] == 2
    assert rows["e", "b", "conversion_rate"]["users"] == 3
    assert {row["mixed_users"] for row in rows.values()} == {1}
    assert "left out: 1" in rows["e", "a", "conversion_rate"]["notes"]


def test_robots_and_clicks_outside_of_the_period_expose_nobody(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    logins.owner.execute("update experiments set ended_at = %s", [START + DAY])
    clicks: list[Event] = [
        Click(START - MINUTE, "before", "u1"),
        Click(START, "first", "u2"),
        Click(START + DAY - MINUTE, "last", "u3"),
        Click(START + DAY, "after", "u4"),
        Click(START, "robot", "u5", is_bot=True),
    ]
    late = Checkout(START + DAY, "k", "u2")
    rows = show(logins, Shop([*clicks, late], dict.fromkeys(("before", "first", "last", "after", "robot"), ("e", "a"))))
    row = rows["e", "a", "conversion_rate"]
    assert (row["users"], row["conversions"]) == (2, 0)


def test_an_experiment_that_nobody_registered_is_shown_but_not_compared(logins: Logins) -> None:
    rows = show(logins, exposures(a=20, b=30))
    row = rows["e", "b", "conversion_rate"]
    assert (row["is_registered"], row["is_valid"], row["users"], row["user_share"]) == (False, False, 30, 0.6)
    assert "python -m local load experiments" in row["why_invalid"]
    assert (row["expected_share"], row["srm_p_value"], row["lift"]) == (None, None, None)


def test_a_variant_that_is_not_registered_makes_the_experiment_invalid(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    rows = show(logins, exposures(a=20, b=20, B=5))
    assert not any(row["is_valid"] for row in rows.values())
    assert "not registered (B): 5" in rows["e", "a", "conversion_rate"]["why_invalid"]
    assert rows["e", "b", "conversion_rate"]["lift"] is None, "nobody converted"
    assert not rows["e", "B", "conversion_rate"]["is_registered"]


def test_registered_experiments_without_users_have_no_figures(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    refresh(logins.refresher)
    row = results(logins.analyst)["e", "b", "conversion_rate"]
    assert (row["users"], row["conversion_rate"], row["lift"], row["is_valid"]) == (0, None, None, True)


def test_revenue_before_the_exposure_narrows_the_interval(logins: Logins) -> None:
    rng = random.Random(19)
    register(logins.owner, registered(a=1, b=1))
    shop = exposures(a=60, b=60)
    checkouts: list[Event] = []
    for click in shop.events:
        assert isinstance(click, Click)
        habit = rng.uniform(10, 100)
        for name, at in (("before", START - DAY), ("after", START + DAY)):
            amount = f"{habit + rng.uniform(0, 5):.2f}"
            checkouts.append(Checkout(at, f"{name} {click.user_id}", click.user_id, amount))
    rows = show(logins, Shop([*shop.events, *checkouts], shop.labels))
    plain, adjusted = (rows["e", "b", metric] for metric in ("revenue_per_user", "revenue_per_user_cuped"))
    assert adjusted["variance_reduction"] > 0.9
    assert adjusted["ci_high"] - adjusted["ci_low"] < (plain["ci_high"] - plain["ci_low"]) / 3


def test_a_missing_exchange_rate_is_a_gap_of_the_revenue_only(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    shop = exposures(a=2, b=2)
    rows = show(logins, Shop([*shop.events, Checkout(START, "k", "a0", "5.00", "JPY")], shop.labels))
    row = rows["e", "a", "conversion_rate"]
    assert (row["conversions"], row["revenue_per_user"]) == (1, None)
    assert "exchange rate is missing: 1" in row["notes"]
    assert rows["e", "b", "revenue_per_user"]["revenue_per_user"] == 0
    logins.owner.execute("insert into exchange_rates values (%s, 'JPY', 0.01)", [START.date()])
    refresh(logins.refresher)
    assert results(logins.analyst)["e", "a", "conversion_rate"]["revenue_per_user"] == pytest.approx(0.025)


def test_days_left_follow_the_users_a_day_so_far() -> None:
    sums = [Sums("e", name, 1000, 100) for name in "ab"]
    row = next(row for row in statistics_of(registered(a=1, b=1), sums, START + 2 * DAY) if row["variant"] == "b")
    needed = row["users_needed"]
    assert isinstance(needed, int)
    assert row["days_left"] == -(-(needed - 2000) // 1000)
    ended = [Registered(**vars(variant) | {"ended_at": START + DAY}) for variant in registered(a=1, b=1)]
    assert {row.get("days_left") for row in statistics_of(ended, sums, START + 2 * DAY)} == {None}


def test_clicks_cannot_flood_the_results_with_experiments(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    count = result_statements.MAX_UNREGISTERED + 10
    clicks = [Click(START, f"c{number}", f"u{number}") for number in range(count + 1)]
    labels: dict[str, tuple[str | None, str | None]] = {f"c{number}": (f"x{number}", "a") for number in range(count)}
    rows = show(logins, Shop(clicks, labels | {f"c{count}": ("x" * 9000, "a")}))
    assert len({experiment_id for experiment_id, *_ in rows}) == result_statements.MAX_UNREGISTERED + 1
    assert ("e", "a", "conversion_rate") in rows


def test_an_erased_person_leaves_the_experiments(logins: Logins) -> None:
    register(logins.owner, registered(a=1, b=1))
    shop = exposures(a=5, b=5)
    order = Checkout(START + HOUR, "k", "a1", "9.00")
    show(logins, Shop([*shop.events, order], shop.labels))
    before = contents(logins.owner)
    person: list[Event] = [
        Click(START, "c", "u"),
        Checkout(START + HOUR, "kept", "u", "5.00"),
        Refund(START + HOUR, "r", "k", "2.00", user_id="u"),
    ]
    show(logins, Shop(person, {"c": ("e", "a")}))
    assert contents(logins.owner) != before
    with logins.owner.transaction():
        erased = logins.owner.execute("select * from erase_from_experiments('u')").fetchall()
        logins.owner.execute("select * from erase_user('u')")
    assert erased == [("exposures", 1)]
    assert "'u'" not in str(contents(logins.owner))
    refresh(logins.refresher)
    assert contents(logins.owner) == before


@pytest.mark.parametrize("table", ["exposures", "experiment_sums", "experiment_statistics", "exposure_sums"])
def test_the_analyst_reads_results_and_no_user(analyst: psycopg.Connection, table: str) -> None:
    analyst.execute("select * from experiment_results, experiments")
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute(f"select * from {table}".encode())


def test_the_logins_of_analytics_erase_nobody(refresher: psycopg.Connection, analyst: psycopg.Connection) -> None:
    for connection in (refresher, analyst):
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select * from erase_from_experiments('u')")
