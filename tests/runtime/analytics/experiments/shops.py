"""Random shops with experiments, their delivery to the database, and the tables of the experiments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from hypothesis import strategies as st

from runtime.analytics.experiments.registered import Registered
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.sink.rows import event_row, table
from tests.strategies import versions

START = datetime(2026, 10, 31, 12, tzinfo=UTC)
ARRIVAL = datetime(2026, 11, 24, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
USERS = tuple(f"u{number}" for number in range(8))
EXPERIMENTS = ("checkout", "checkout", "search", None)
VARIANTS = ("a", "a", "b", "b", "B", None)
CURRENCIES = ("EUR", "EUR", "JPY")
Rates = Mapping[str, Mapping[date, Decimal]]
CLEAR = """
truncate raw_clicks, raw_checkouts, raw_refunds, attributed_checkouts, users, dead_letters, conflicts, batches,
         exchange_rates, experiments, changed_checkouts, changed_users, checkout_paths, unconverted_paths,
         daily_credits, chain_steps;
update refresh_state set horizon = null;
update experiment_state set horizon = null;
update analytics_settings set reporting_currency = 'EUR';
"""
CONTENTS: Mapping[str, LiteralString] = {
    "exposures": "select * from exposures",
    "sums": "select * from experiment_sums",
    # The value depends on the time of the refresh.
    "statistics": "select to_jsonb(s) - 'days_left' from experiment_statistics s",
}


@dataclass(frozen=True)
class Shop:
    """Events in the order of their arrival, and the experiment and variant of the clicks by id."""

    events: Sequence[Event]
    labels: Mapping[str, tuple[str | None, str | None]]


def times() -> st.SearchStrategy[datetime]:
    """Draws times at the edges of periods and of the 30 days before an exposure."""
    days = st.sampled_from([0, 0, 1, 1, 2, 29, 30, 31])
    return st.builds(lambda day, hours: START + day * DAY + hours * HOUR, days, st.sampled_from([0, 0, 1]))


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    users = st.sampled_from(USERS)
    clicks = [
        Click(draw(times()), f"c{number}", draw(users), draw(st.sampled_from([False, False, False, True])))
        for number in range(draw(st.integers(0, 14)))
    ]
    labels = {click.click_id: (draw(st.sampled_from(EXPERIMENTS)), draw(st.sampled_from(VARIANTS))) for click in clicks}
    events: list[Event] = [*clicks]
    amounts = st.sampled_from(["0.01", "1.50", "3.0000", "100"])
    for number in range(draw(st.integers(0, 8))):
        at, user = draw(times()), draw(users)
        if clicks and draw(st.sampled_from([True, True, False])):
            # Just at a click, at the ends of the 30 days before it, and beyond both.
            click = draw(st.sampled_from(clicks))
            offset = draw(st.sampled_from([0, 0, 1, -1, -30 * 24, -30 * 24 - 1]))
            at, user = click.click_timestamp + offset * HOUR, click.user_id
        checkout = Checkout(at, f"k{number}", user, draw(amounts), draw(st.sampled_from(CURRENCIES)))
        revisions = draw(st.lists(versions(checkout), max_size=1))
        events += [checkout, *(replace(revision, user_id=checkout.user_id) for revision in revisions)]
    for number in range(draw(st.integers(0, 3))):
        checkout_id, currency = f"k{draw(st.integers(0, 8))}", draw(st.sampled_from(CURRENCIES))
        events.append(Refund(draw(times()), f"r{number}", checkout_id, draw(amounts), currency))
    return Shop(draw(st.permutations(events)), labels)


def rates() -> st.SearchStrategy[Rates]:
    days = st.sampled_from([START.date() - DAY, START.date() + DAY, START.date() + 29 * DAY])
    by_day = st.dictionaries(days, st.sampled_from([Decimal("0.0061"), Decimal("2.99"), Decimal(1)]))
    return st.dictionaries(st.sampled_from(["EUR", "JPY"]), by_day)


@st.composite
def registrations(draw: st.DrawFn) -> list[Registered]:
    """Draws an experiment with the control a; clicks may lack some of its variants, and have others."""
    names = draw(st.sampled_from([[], ["a", "b"], ["a", "b", "B"], ["a", "b", "c"]]))
    ended_at = draw(st.sampled_from([None, START + DAY, START + 30 * DAY]))
    metric = draw(st.sampled_from(["conversion_rate", "revenue_per_user"]))
    lift = draw(st.sampled_from([None, 0.05]))
    started_at = draw(st.sampled_from([START - DAY, START, START + HOUR]))
    return [
        Registered("checkout", name, name == "a", Decimal(draw(st.integers(1, 2))), started_at, ended_at, metric, 0.05,
                   lift, 0.01)
        for name in names
    ]  # fmt: skip


def deliver(sink: PostgresSink, shop: Shop, events: Sequence[Event], *, first: int = 0) -> None:
    """Writes a batch of events, which arrive in their order. `first`: number of the first event."""
    batch = []
    for number, event in enumerate(events, start=first):
        columns: dict[str, object] = {"arrived_at": ARRIVAL + timedelta(seconds=number)}
        if isinstance(event, Click):
            columns["experiment_id"], columns["variant"] = shop.labels.get(event.click_id, (None, None))
        batch.append(event_row(event, sequence=number, **columns))
    sink.write(table(*batch), query_id=str(uuid4()), batch_id=0)


def register(owner: psycopg.Connection, registered: Sequence[Registered]) -> None:
    owner.execute("delete from experiments")
    with owner.cursor() as cursor:
        cursor.executemany(
            "insert into experiments values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [tuple(vars(row).values()) for row in registered],
        )


def set_rates(owner: psycopg.Connection, rates: Rates) -> None:
    owner.execute("delete from exchange_rates")
    rows = [(day, currency, rate) for currency, by_day in rates.items() for day, rate in by_day.items()]
    with owner.cursor() as cursor:
        cursor.executemany("insert into exchange_rates values (%s, %s, %s)", rows)


def contents(owner: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(owner.execute(query).fetchall(), key=str) for name, query in CONTENTS.items()}
