"""Runs of clicks without a checkout: new events continue, end and convert the stored ones as if all were read again."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.analytics.refresh import refresh
from tests.oracle import Checkout, Click, Event
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.reference import Labels
from tests.runtime.analytics.shops import CLEAR, TRAFFIC, contents, send

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PATHS = """
select started_at, ended_at,
       array(select t.campaign from unnest(traffic_ids) with ordinality i (traffic_id, place)
               join traffic t using (traffic_id) order by place)
  from unconverted_paths
 order by started_at
"""
BRAND, GENERIC = TRAFFIC[2], TRAFFIC[3]


@pytest.fixture
def shop(logins: Logins) -> Logins:
    """A shop with a look-back of an hour, whose person has clicked at noon and twenty minutes later."""
    logins.owner.execute(CLEAR)
    logins.owner.execute("update analytics_settings set look_back = '1 hour', markov_order = 2")
    deliver(logins, click(0), click(20, GENERIC))
    assert paths(logins.owner) == [(0, 20, ["brand", "generic"])]
    return logins


def at(minutes: int) -> datetime:
    return NOON + minutes * MINUTE


def click(minutes: int, labels: Labels = BRAND, user: str = "u") -> tuple[Event, Labels | None]:
    return Click(at(minutes), f"c{user}{minutes}", user), labels


def checkout(minutes: int, revision: int = 0, *, test: bool = False) -> tuple[Event, Labels | None]:
    return Checkout(at(minutes), f"k{minutes}", "u", "9.99", revision=revision, test=test), None


def deliver(shop: Logins, *events: tuple[Event, Labels | None]) -> None:
    labels = {event.click_id: given for event, given in events if isinstance(event, Click) and given}
    send(shop.sink, *(event for event, _ in events), **labels)
    refresh(shop.refresher)


def paths(connection: psycopg.Connection) -> list[tuple[int, int, list[str]]]:
    """Returns the runs: the minutes of both ends, and the campaigns."""
    return [
        (int((begin - NOON) / MINUTE), int((end - NOON) / MINUTE), campaigns)
        for begin, end, campaigns in connection.execute(PATHS).fetchall()
    ]


def assert_as_from_nothing(shop: Logins) -> None:
    """Asserts that the tables of the models are those of a full refresh."""
    stored = contents(shop.owner)
    refresh(shop.refresher, full=True)
    assert contents(shop.owner) == stored


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([click(80)], [(0, 80, ["brand", "generic", "brand"])], id="a later click continues the run"),
        pytest.param([click(81)], [(0, 20, ["brand", "generic"]), (81, 81, ["brand"])], id="a longer pause ends it"),
        pytest.param([click(10)], [(0, 20, ["brand", "brand", "generic"])], id="a late click takes its place"),
        pytest.param(
            [click(20, user="z")], [(0, 20, ["brand", "generic"]), (20, 20, ["brand"])], id="users have their own runs"
        ),
        pytest.param([checkout(60)], [], id="a checkout converts the run"),
        pytest.param([checkout(61)], [(0, 0, ["brand"])], id="it converts the clicks of the look-back only"),
        pytest.param(
            [checkout(81)], [(0, 20, ["brand", "generic"])], id="a checkout after the look-back changes nothing"
        ),
        pytest.param([checkout(20)], [], id="a click at the time of the checkout is converted"),
        pytest.param([checkout(0)], [(20, 20, ["generic"])], id="a late checkout converts the clicks before it"),
        pytest.param([checkout(30, test=True)], [(0, 20, ["brand", "generic"])], id="a test order converts nothing"),
        pytest.param(
            [checkout(90), click(85), click(95), click(100, GENERIC)],
            [(0, 20, ["brand", "generic"]), (95, 100, ["brand", "generic"])],
            id="clicks after a checkout begin a run",
        ),
    ],
)
def test_new_events_change_the_stored_runs(
    shop: Logins, events: list[tuple[Event, Labels | None]], expected: list[tuple[int, int, list[str]]]
) -> None:
    deliver(shop, *events)
    assert paths(shop.owner) == expected
    assert_as_from_nothing(shop)


def test_a_run_continues_after_a_test_order(shop: Logins) -> None:
    deliver(shop, checkout(30, test=True))
    deliver(shop, click(40))
    assert paths(shop.owner) == [(0, 40, ["brand", "generic", "brand"])]
    assert_as_from_nothing(shop)


def test_a_checkout_that_becomes_a_test_order_gives_the_run_back(shop: Logins) -> None:
    deliver(shop, checkout(30), click(40))
    assert paths(shop.owner) == [(40, 40, ["brand"])]
    deliver(shop, checkout(30, 1, test=True))
    assert paths(shop.owner) == [(0, 40, ["brand", "generic", "brand"])]
    assert_as_from_nothing(shop)


def test_the_clicks_of_the_stored_run_are_not_read_again(shop: Logins) -> None:
    # Only a difference that no refresh may ever see shows which clicks it read.
    shop.owner.execute("delete from raw_clicks where click_id = 'cu0'")
    deliver(shop, click(30))
    assert paths(shop.owner) == [(0, 30, ["brand", "generic", "brand"])]


STEPS = st.tuples(
    st.sampled_from([0, 1, 30, 59, 60, 61, 90]), st.sampled_from("cccckkt"), st.sampled_from([0, 0, 0, -70])
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=st.lists(STEPS, min_size=3, max_size=12), batch_size=st.integers(1, 3))
def test_events_in_their_order_give_the_runs_of_a_full_refresh(
    logins: Logins, steps: list[tuple[int, str, int]], batch_size: int
) -> None:
    logins.owner.execute(CLEAR)
    logins.owner.execute("update analytics_settings set look_back = '1 hour', markov_order = 2")
    now = 0
    events: list[tuple[Event, Labels | None]] = []
    for number, (pause, kind, delay) in enumerate(steps):
        now += pause
        time = at(now + delay)
        if kind == "c":
            events.append((Click(time, f"c{number}", "u"), TRAFFIC[number % 3]))
        else:
            events.append((Checkout(time, f"k{number}", "u"), None))
            if kind == "t":
                events.append((Checkout(time, f"k{number}", "u", revision=1, test=True), None))
    for first in range(0, len(events), batch_size):
        deliver(logins, *events[first : first + batch_size])
    assert_as_from_nothing(logins)
