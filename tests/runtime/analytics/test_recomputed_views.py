"""Every column of every view equals a plain recomputation, for random shops, spend, rates and settings."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, LiteralString

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from runtime.analytics.models.weights import half_life_of
from runtime.analytics.refresh import refresh
from tests import oracle
from tests.runtime.analytics import performance_reference, views_reference
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.credits_reference import all_credits
from tests.runtime.analytics.reference import chain_weights, paths_of, unconverted_runs
from tests.runtime.analytics.shops import CLEAR, Shop, deliver, shops
from tests.runtime.analytics.world import Rows, Spend, World

HOUR = timedelta(hours=1)
DAYS = (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 2))
CURRENCIES = ("EUR", "JPY", "KWD")
# roas, cpa, cac and aov.
RATIOS = 4
# Each view with its recomputation, and the number of the columns of its key, which are the first ones.
VIEWS: dict[str, tuple[int, Any]] = {
    "conversion_paths": (1, views_reference.conversion_paths),
    "channel_credits": (6, views_reference.channel_credits),
    "channel_performance": (4, performance_reference.channel_performance),
    "model_comparison": (3, performance_reference.model_comparison),
    "path_summary": (3, views_reference.path_summary),
    "assisted_conversions": (2, views_reference.assisted_conversions),
    "time_to_convert": (2, views_reference.time_to_convert),
    "new_vs_returning": (2, views_reference.new_vs_returning),
    "cohort_ltv": (2, views_reference.cohort_ltv),
    "unattributed": (1, views_reference.unattributed),
    "funnel": (2, views_reference.funnel),
    "reporting_rates": (2, views_reference.reporting_rates),
}


def rates() -> st.SearchStrategy[dict[str, dict[date, Decimal]]]:
    """Draws rates with gaps: none at all, or from a later day on. The reporting currency may have some too."""
    by_day = st.dictionaries(st.sampled_from(DAYS), st.sampled_from([Decimal("0.0061"), Decimal("2.99"), Decimal(1)]))
    return st.dictionaries(st.sampled_from(CURRENCIES), by_day)


def spend() -> st.SearchStrategy[list[Spend]]:
    """Draws spend of campaigns with and without credits, in several currencies."""
    rows = st.builds(
        Spend,
        st.sampled_from(DAYS),
        st.sampled_from(["Paid Search", "Email", "Display"]),
        st.sampled_from(["brand", "weekly", ""]),
        st.sampled_from([Decimal("0.0000"), Decimal("0.0001"), Decimal("80.0000"), Decimal("999999999.9900")]),
        st.sampled_from(CURRENCIES),
    )
    return st.lists(rows, max_size=5, unique_by=lambda row: (row.day, row.channel, row.campaign, row.currency))


def stored(analyst: psycopg.Connection, view: str, keys: int) -> Rows:
    rows = analyst.execute(sql.SQL("select * from {}").format(sql.Identifier(view))).fetchall()
    by_key = {row[:keys]: row[keys:] for row in rows}
    assert len(by_key) == len(rows), f"{view}: two rows have the same key"
    return by_key


def without_ratios(rows: Rows, view: str) -> Rows:
    """Returns the rows without the ratios of channel_performance, its last columns."""
    return {key: row[:-RATIOS] for key, row in rows.items()} if view == "channel_performance" else rows


def assert_same_ratios(rows: Rows, expected: Rows) -> None:
    """PostgreSQL rounds a quotient to nine decimals or more before the view rounds it to four."""
    for key, row in rows.items():
        for ratio, expected_ratio in zip(row[-RATIOS:], expected[key][-RATIOS:], strict=True):
            assert (ratio is None) == (expected_ratio is None), key
            assert ratio is None or abs(ratio - expected_ratio) <= Decimal("0.0001"), key


def execute_all(owner: psycopg.Connection, statement: LiteralString, rows: list[tuple[Any, ...]]) -> None:
    with owner.cursor() as cursor:
        cursor.executemany(statement, rows)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    shop=shops(),
    look_back=st.sampled_from([HOUR, 2 * HOUR, 30 * 24 * HOUR]),
    reporting_currency=st.sampled_from(["EUR", "JPY"]),
    rates=rates(),
    spend=spend(),
)
def test_every_view_equals_a_plain_recomputation(
    logins: Logins,
    *,
    shop: Shop,
    look_back: timedelta,
    reporting_currency: str,
    rates: dict[str, dict[date, Decimal]],
    spend: list[Spend],
) -> None:
    logins.owner.execute(CLEAR)
    logins.owner.execute(
        "update analytics_settings set look_back = %s, reporting_currency = %s", [look_back, reporting_currency]
    )
    rate_rows = [(day, currency, rate) for currency, by_day in rates.items() for day, rate in by_day.items()]
    execute_all(logins.owner, "insert into exchange_rates values (%s, %s, %s)", rate_rows)
    execute_all(logins.owner, "insert into ad_spend values (%s, %s, %s, %s, %s)", [tuple(row) for row in spend])
    deliver(logins.sink, shop, shop.events)
    refresh(logins.refresher)

    standing = list(oracle.standing_events(shop.events).values())
    paths = paths_of(standing, shop.labels, shop.products, look_back)
    weights = chain_weights(paths.values(), unconverted_runs(standing, look_back), shop.labels)
    half_life = half_life_of(look_back)
    world = World(
        standing=standing,
        paths=paths,
        labels=shop.labels,
        credits=all_credits(paths, weights, half_life),
        spend=spend,
        rates=rates,
        reporting_currency=reporting_currency,
        look_back=look_back,
        half_life=half_life,
    )
    for view, (keys, recompute) in VIEWS.items():
        assert without_ratios(stored(logins.analyst, view, keys), view) == without_ratios(recompute(world), view), view
    assert_same_ratios(
        stored(logins.analyst, "channel_performance", 4), performance_reference.channel_performance(world)
    )
