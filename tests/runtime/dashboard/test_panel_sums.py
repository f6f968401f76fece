"""Panels over random shops: their sums equal the views, and filtered credits equal a plain recomputation."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.analytics.models.weights import half_life_of
from runtime.analytics.refresh import refresh
from runtime.dashboard.panels.checkouts import OF_A_CHECKOUT, OF_POSITIONS
from runtime.dashboard.panels.filters import MODELS
from tests import oracle
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.reference import Path, credits_of, paths_of
from tests.runtime.analytics.shops import Shop, shops
from tests.runtime.dashboard.shop_panels import DAYS, RATES, ask, fill

HOUR, SETTING = timedelta(hours=1), timedelta(days=30)

# Panel → the query of its numbers over the views, of DAYS and all checkouts.
VIEWS = {
    "performance": """
        select channel, sum(conversions), sum(new_customers), sum(gross_revenue), sum(net_revenue), sum(spend),
               round(sum(net_revenue) / nullif(sum(spend), 0), 4), round(sum(spend) / nullif(sum(conversions), 0), 4),
               round(sum(spend) / nullif(sum(new_customers), 0), 4),
               round(sum(gross_revenue) / nullif(sum(conversions), 0), 4)
          from channel_performance where model = 'position_based' group by 1""",
    "performance_by_day": """
        select day, channel, sum(conversions), sum(net_revenue)
          from channel_performance where model = 'position_based' and conversions > 0 group by 1, 2""",
    "paths": """
        select path, touches, sum(conversions), sum(gross_revenue), sum(net_revenue)
          from path_summary where conversions > 0 group by 1, 2""",
    "path_lengths": """
        select touches, sum(conversions), sum(gross_revenue), sum(net_revenue)
          from path_summary where conversions > 0 group by 1""",
    "time_to_convert": """
        select extract(epoch from time_from), extract(epoch from time_to), sum(conversions), sum(gross_revenue),
               sum(net_revenue)
          from time_to_convert group by 1, 2""",
    "assists": """
        select channel, sum(first_touch_conversions), sum(last_touch_conversions), sum(assisted_conversions),
               sum(assisted_net_revenue)
          from assisted_conversions group by 1""",
    "new_returning": "select * from new_vs_returning",
    "cohorts": "select * from cohort_ltv",
    "models": f"""
        select channel, {", ".join(f"sum({model})" for model in MODELS)}
          from model_comparison where measure = 'net_revenue' group by 1""",
}


def rows_of(rows: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Returns rows in one order, with all numbers as floats of nine decimals."""

    def comparable(value: Any) -> Any:
        try:
            return round(float(value), 9)
        except (TypeError, ValueError):
            return value if value is None else str(value)

    return sorted((tuple(map(comparable, row)) for row in rows), key=str)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(shop=shops())
def test_the_sums_of_every_panel_equal_the_views(logins: Logins, url: str, shop: Shop) -> None:
    fill(logins, shop)
    panels = ask(url, *((name, DAYS) for name in VIEWS))
    for panel in panels:
        view = logins.analyst.execute(VIEWS[panel["panel"]].encode()).fetchall()
        # The comparison of models has no spend, so it has no row where there is nothing but spend.
        is_comparison = panel["panel"] == "models"
        rows, expected = (
            [row for row in table if any(row[1:]) or not is_comparison] for table in map(rows_of, (panel["rows"], view))
        )
        assert rows == expected, panel["panel"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    shop=shops(),
    filters=st.fixed_dictionaries(
        {},
        optional={
            "device": st.sampled_from(["mobile", "desktop"]),
            "currency": st.sampled_from(list(RATES)),
            "look_back": st.sampled_from(["1 hour", "30 days"]),
        },
    ),
)
def test_filtered_credits_equal_a_plain_recomputation(
    logins: Logins, url: str, shop: Shop, filters: dict[str, str]
) -> None:
    fill(logins, shop)
    is_trimmed = filters.get("look_back") == "1 hour"
    standing = list(oracle.standing_events(shop.events).values())
    whole = paths_of(standing, shop.labels, shop.products, SETTING)
    shown = paths_of(standing, shop.labels, shop.products, HOUR) if is_trimmed else whole
    chosen = [
        path
        for name, path in shown.items()
        if filters.get("device") in (None, device(whole[name]))
        and filters.get("currency") in (None, path.checkout.currency)
    ]
    models = OF_POSITIONS if is_trimmed else OF_A_CHECKOUT
    panels = ask(url, *(("performance", {**DAYS, **filters, "model": model}) for model in models))
    for model, panel in zip(models, panels, strict=True):
        half_life = half_life_of(HOUR if is_trimmed else SETTING)
        expected = credits_by_channel(chosen, model, half_life, in_euros="currency" not in filters)
        rows = [row[:5] for row in panel["rows"] if row[1]]
        assert rows_of(rows) == rows_of(expected), model


def device(path: Path) -> str | None:
    if not path.clicks:
        return None
    return "mobile" if path.clicks[0].click_id < "c4" else "desktop"


def credits_by_channel(
    paths: Iterable[Path], model: str, half_life: timedelta, *, in_euros: bool
) -> list[tuple[Any, ...]]:
    """Returns channel, conversions, new customers, gross and net revenue."""
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for path in paths:
        rate = RATES[path.checkout.currency] if in_euros else Decimal(1)
        for (channel, _), credit in credits_of(path, model, half_life).items():
            new = credit.conversions if path.is_new_customer else Decimal(0)
            numbers = (credit.conversions, new, credit.gross * rate, credit.net * rate)
            totals[channel] = [a + b for a, b in zip(totals[channel], numbers, strict=True)]
    return [(channel, *numbers) for channel, numbers in totals.items() if numbers[0]]


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(shop=shops())
def test_a_shorter_look_back_equals_that_setting(logins: Logins, url: str, shop: Shop) -> None:
    names = ("paths", "path_lengths", "time_to_convert", "touch_flow", "assists", "new_returning")
    fill(logins, shop)
    trimmed = ask(url, *((name, {**DAYS, "look_back": "1 hour"}) for name in names))
    logins.owner.execute("update analytics_settings set look_back = '1 hour'")
    refresh(logins.refresher)
    for panel, expected in zip(trimmed, ask(url, *((name, DAYS) for name in names)), strict=True):
        assert panel["rows"] == expected["rows"], panel["panel"]
