"""Each rule of data quality fires on rows that break it, and on no others."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.quality.shop import (
    CLICKS,
    DAY,
    Row,
    checkouts,
    clicks,
    evaluate,
    half_past,
    refunds,
    refused,
    sound,
    write,
)

MINUTE = timedelta(minutes=1)
# Adds rows to a sound hour.
BREAKS: dict[str, Callable[[datetime], list[Row]]] = {
    "clicks_without_session": lambda at: [*clicks(at, 40, first=CLICKS, session_id=None)],
    "clicks_without_page": lambda at: [*clicks(at, 40, first=CLICKS, page_url=None)],
    "clicks_without_device": lambda at: [*clicks(at, 40, first=CLICKS, device_type=None)],
    "clicks_without_source": lambda at: [*clicks(at, 800, first=CLICKS, utm_source=None)],
    "checkouts_without_items": lambda at: [
        *checkouts(at, 5, first=100, items=None),
        *checkouts(at, 5, first=105, items="[]"),
    ],
    "refused_events": lambda at: [*refused(at, 20)],
    "unknown_fields": lambda at: [*clicks(at, 40, first=CLICKS, unknown_fields=1)],
    "robot_clicks": lambda at: [*clicks(at, 200, first=CLICKS, is_bot=True)],
    "free_checkouts": lambda at: [*checkouts(at, 20, first=100, total_amount="0")],
    "repaired_events": lambda at: [*clicks(at, 800, first=CLICKS, repairs="{trimmed_id}")],
    "repeated_events": lambda at: [*clicks(at, 100)],
    "conflicting_events": lambda at: [*clicks(at, 20, variant="another")],
    "late_events": lambda at: [*clicks(at - 20 * MINUTE, 80, first=CLICKS)],
    "slow_processing": lambda at: [*clicks(at, 80, first=CLICKS, arrived_at=at)],
    "clock_corrections": lambda at: [*clicks(at, 40, first=CLICKS, stated_timestamp=at + DAY)],
    "orphan_refunds": lambda at: [*refunds(at, first=20, order="unknown-{number}")],
    "totals_unlike_items": lambda at: [*checkouts(at, 20, first=100, total_amount="150")],
}


def test_the_detail_of_unknown_fields_has_their_names(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, sound(at), [*clicks(at, 40, first=CLICKS, unknown_fields=2, unknown_names="coupon,(other)")])
    evaluate(logins.refresher)
    detail = "select detail from data_quality where rule = 'unknown_fields' and state = 'breached'"
    assert logins.analyst.execute(detail).fetchall() == [("(other), coupon",)]


@pytest.mark.parametrize("rule", BREAKS)
def test_a_rule_fires_on_rows_that_break_it_and_alone(logins: Logins, rule: str) -> None:
    at = half_past()
    write(logins.sink, sound(at), BREAKS[rule](at))
    assert evaluate(logins.refresher) == {rule}


def test_an_hour_with_half_of_the_clicks_of_the_day_before_is_a_breach(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, sound(at - DAY), [*clicks(at, 150), *checkouts(at), *refunds(at)])
    assert evaluate(logins.refresher) == {"clicks_missing"}


def test_an_hour_with_half_of_the_checkouts_of_the_day_before_is_a_breach(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, sound(at - DAY), [*clicks(at), *checkouts(at, 40), *refunds(at)])
    assert evaluate(logins.refresher) == {"checkouts_missing"}


def test_the_lower_one_of_the_day_and_the_week_before_is_expected(logins: Logins) -> None:
    at = half_past()
    week_before = [*clicks(at - 7 * DAY, 250), *checkouts(at - 7 * DAY, 60)]
    write(logins.sink, week_before, sound(at - DAY), [*clicks(at, 150), *checkouts(at, 40), *refunds(at)])
    assert evaluate(logins.refresher) == set()


def test_no_rule_fires_on_sound_rows(logins: Logins) -> None:
    at = half_past()
    write(logins.sink, sound(at - DAY), sound(at))
    assert evaluate(logins.refresher) == set()
    states = logins.analyst.execute("select state, count(distinct rule) from data_quality where total > 0 group by 1")
    assert states.fetchall() == [("sound", len(BREAKS) + 2)]


def test_every_rule_has_a_test_that_breaks_it(logins: Logins) -> None:
    rules = {rule for (rule,) in logins.owner.execute("select name from quality_rules")}
    assert rules == BREAKS.keys() | {"clicks_missing", "checkouts_missing"}
