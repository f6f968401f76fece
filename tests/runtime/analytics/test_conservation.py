"""Random shops in random deliveries with refreshes between them: the models equal a plain recomputation."""

from collections import defaultdict
from datetime import timedelta

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.analytics.models.weights import half_life_of
from runtime.analytics.refresh import refresh
from tests import oracle
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.credits_reference import NOTHING, Key, Sums, added, all_credits
from tests.runtime.analytics.reference import MODELS, Credit, chain_weights, credits_of, paths_of, unconverted_runs
from tests.runtime.analytics.shops import CLEAR, Shop, contents, deliver, shops

HOUR = timedelta(hours=1)
Where = tuple[str, str]


def stored_credits(analyst: psycopg.Connection) -> dict[tuple[str, str], dict[Where, Credit]]:
    credits: dict[tuple[str, str], dict[Where, Credit]] = defaultdict(dict)
    for checkout_id, model, channel, campaign, *amounts in analyst.execute(
        "select checkout_id, model, channel, campaign, conversions, gross_credit, net_credit from channel_credits"
    ):
        if any(amounts):
            credits[checkout_id, model][channel, campaign] = Credit(*amounts)
    return credits


def stored_days(owner: psycopg.Connection) -> dict[Key, Sums]:
    days: dict[Key, Sums] = defaultdict(lambda: NOTHING)
    for *key, conversions, new_customers, gross, net in owner.execute(
        "select day, currency, model, channel, campaign, conversions, new_customers, gross, net from all_credits"
    ):
        days[Key(*key)] = added(days[Key(*key)], Sums(conversions, new_customers, gross, net))
    return {key: sums for key, sums in days.items() if any(sums)}


def first_touches(analyst: psycopg.Connection) -> list[tuple[object, ...]]:
    """Returns the checkouts by first_touch, in the form of `streamed_credits`."""
    return analyst.execute(
        "select checkout_id, user_id, checkout_timestamp, currency, gross_amount, first_click_id, first_touch_at"
        " from conversion_paths order by 1"
    ).fetchall()


def streamed_credits(analyst: psycopg.Connection) -> list[tuple[object, ...]]:
    """Returns the checkouts as the job credited them."""
    return analyst.execute(
        "select checkout_id, user_id, checkout_timestamp, currency, total_amount, click_id, click_timestamp"
        " from attributed_checkouts where not test order by 1"
    ).fetchall()


@settings(
    max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(shop=shops(), look_back=st.sampled_from([HOUR, 2 * HOUR, 30 * 24 * HOUR]), data=st.data())
def test_the_models_equal_a_plain_recomputation_after_any_delivery(
    logins: Logins, shop: Shop, look_back: timedelta, data: st.DataObject
) -> None:
    logins.owner.execute(CLEAR)
    logins.owner.execute("update analytics_settings set look_back = %s", [look_back])
    delivered = 0
    while delivered < len(shop.events):
        size = data.draw(st.integers(1, len(shop.events) - delivered))
        deliver(logins.sink, shop, shop.events[delivered : delivered + size], first=delivered)
        delivered += size
        if data.draw(st.booleans()):
            refresh(logins.refresher, part_size=data.draw(st.sampled_from([1, 2, 1000])))
    assert refresh(logins.refresher).is_complete

    standing = list(oracle.standing_events(shop.events).values())
    paths = paths_of(standing, shop.labels, shop.products, look_back)
    half_life = half_life_of(look_back)
    expected = {(name, model): credits_of(path, model, half_life) for name, path in paths.items() for model in MODELS}
    assert stored_credits(logins.analyst) == expected
    weights = chain_weights(paths.values(), unconverted_runs(standing, look_back), shop.labels)
    assert stored_days(logins.owner) == all_credits(paths, weights, half_life)

    if look_back == HOUR:
        assert first_touches(logins.analyst) == streamed_credits(logins.analyst)
    incremental = contents(logins.owner)
    assert refresh(logins.refresher, full=True).is_complete
    assert contents(logins.owner) == incremental
