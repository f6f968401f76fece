"""Random shops for the tests of the models, their delivery to the database, and the rows of the models' tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
from hypothesis import strategies as st

from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.analytics.reference import Labels
from tests.runtime.attribution_job.sink.rows import event_row, table
from tests.strategies import AMOUNTS, versions

# The last evening of a month: some events come in the next month.
EVENING = datetime(2026, 11, 30, 21, tzinfo=UTC)
ARRIVAL = datetime(2026, 12, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TRAFFIC = (
    Labels("Direct"),
    Labels("Direct", "(direct)", "(none)"),
    Labels("Paid Search", "google", "cpc", "brand"),
    Labels("Paid Search", "Google", "CPC", "generic"),
    Labels("Organic Search", "google", "organic"),
    Labels("Email", "newsletter", "email", "weekly"),
    Labels("Unassigned", "foo", "bar"),
)
PRODUCTS = ("p1", "p2", None)
CLEAR = """
truncate raw_clicks, raw_checkouts, raw_refunds, attributed_checkouts, users, dead_letters, conflicts, batches,
         ad_spend, exchange_rates, changed_checkouts, changed_users, checkout_paths, unconverted_paths, daily_credits,
         chain_steps, model_weights, model_runs;
delete from channel_rules where priority < 100;
delete from traffic where traffic_id <> 0;
update refresh_state set horizon = null;
update analytics_settings
   set reporting_currency = 'EUR', look_back = '30 days', half_life = null, markov_order = 1, touch_limit = 1000;
"""


@dataclass(frozen=True)
class Shop:
    """Events in the order of their arrival, labels by click id, and the products of the orders by checkout id."""

    events: Sequence[Event]
    labels: Mapping[str, Labels]
    products: Mapping[str, frozenset[str]]


def times() -> st.SearchStrategy[datetime]:
    """Draws times with many ties and many distances of exactly one hour, over a midnight."""
    return st.sampled_from([0, 0, 1, 59, 60, 61, 119, 120, 180, 240, 300]).map(lambda m: EVENING + m * MINUTE)


@st.composite
def shops(draw: st.DrawFn) -> Shop:
    users = st.sampled_from(["u1", "u1", "ü2"])
    clicks = [
        Click(draw(times()), f"c{number}", draw(users), draw(st.sampled_from([False, False, False, True])))
        for number in draw(st.permutations(range(draw(st.integers(0, 9)))))
    ]
    checkouts = [
        Checkout(draw(times()), f"k{number}", draw(users), draw(AMOUNTS), draw(st.sampled_from(["EUR", "JPY", "KWD"])))
        for number in range(draw(st.integers(0, 4)))
    ]
    events: list[Event] = [*clicks]
    events += [replace(click, user_id=draw(users)) for click in clicks if draw(st.integers(0, 5)) == 0]
    for checkout in checkouts:
        events += [checkout, *draw(st.lists(versions(checkout), max_size=2))]
    checkout_ids = st.sampled_from([*(checkout.checkout_id for checkout in checkouts), "unknown"])
    for number in draw(st.lists(st.integers(0, 4), max_size=3)):
        currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
        events.append(Refund(draw(times()), f"r{number}", draw(checkout_ids), draw(AMOUNTS), currency))
    products = {
        checkout.checkout_id: draw(st.frozensets(st.sampled_from(["p1", "p2", "p3"]), max_size=2))
        for checkout in checkouts
    }
    labels = {
        click.click_id: draw(st.sampled_from(TRAFFIC))._replace(product=draw(st.sampled_from(PRODUCTS)))
        for click in clicks
    }
    return Shop(draw(st.permutations(events)), labels, products)


def deliver(sink: PostgresSink, shop: Shop, events: Sequence[Event], *, first: int = 0) -> None:
    """Writes a batch of events, which arrive in their order. `first`: number of the first event."""
    rows = [
        event_row(event, sequence=number, arrived_at=ARRIVAL + timedelta(seconds=number), **_columns(event, shop))
        for number, event in enumerate(events, start=first)
    ]
    sink.write(table(*rows), query_id=str(uuid4()), batch_id=0)


def _columns(event: Event, shop: Shop) -> dict[str, object]:
    if isinstance(event, Click):
        labels = shop.labels[event.click_id]
        return {
            "utm_source": labels.source,
            "utm_medium": labels.medium,
            "utm_campaign": labels.campaign,
            "product_id": labels.product,
        }
    if isinstance(event, Checkout):
        items = [{"product_id": name, "quantity": 1} for name in sorted(shop.products[event.checkout_id])]
        return {"items": json.dumps(items)}
    return {}


def send(sink: PostgresSink, *events: Event, **labels: Labels) -> None:
    """Writes a batch of events, with the labels of their clicks by id, and orders without products."""
    products = {event.checkout_id: frozenset[str]() for event in events if isinstance(event, Checkout)}
    deliver(sink, Shop(events, labels, products), events)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query.encode()).fetchall()


def contents(connection: psycopg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Returns the rows of the tables of the models, without the numbers of the traffic, which depend on the arrival."""
    return {name: sorted(connection.execute(query.encode()).fetchall(), key=str) for name, query in CONTENTS.items()}


# The digests of traffic, in the order of their numbers in an array.
_DIGESTS = """(
    select array_agg(t.digest order by u.place)
      from unnest({}) with ordinality u (traffic_id, place)
      join traffic t using (traffic_id)
)"""
CONTENTS = {
    "checkout_paths": f"select to_jsonb(p) - 'traffic_ids', {_DIGESTS.format('p.traffic_ids')} from checkout_paths p",
    "unconverted_paths": f"""
        select to_jsonb(p) - 'traffic_ids', {_DIGESTS.format("p.traffic_ids")} from unconverted_paths p
    """,
    "daily_credits": """
        select to_jsonb(d) - 'traffic_id', t.digest from daily_credits d join traffic t using (traffic_id)
    """,
    "chain_steps": f"""
        select {_DIGESTS.format("c.origin")}, {_DIGESTS.format("array[c.target]")}, least(target, 1), paths
          from chain_steps c
    """,
    "model_weights": "select to_jsonb(w) - 'run_id' from model_weights w",
}
