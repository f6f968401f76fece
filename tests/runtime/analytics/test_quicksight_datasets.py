"""QuickSight's datasets: queries that run as the analyst, declared columns, and definitions from the database."""

from datetime import timedelta
from decimal import Decimal

import psycopg
import pytest

from runtime.analytics.refresh import refresh
from stacks.quicksight.comments import column_comments
from stacks.quicksight.datasets import Dataset
from stacks.quicksight.definition import DATASETS
from stacks.quicksight.live import ACTIVITY, ORDERS
from tests.clock import within_a_day
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.analytics.conftest import Logins
from tests.runtime.analytics.shops import TRAFFIC, send

BY_NAME = {dataset.name: dataset for dataset in DATASETS}
# PostgreSQL's type → QuickSight's. A type that is not here, such as interval, is none of QuickSight's.
# https://docs.aws.amazon.com/quicksight/latest/user/supported-data-types-and-values.html
KINDS = {
    "bool": "BOOLEAN", "int4": "INTEGER", "int8": "INTEGER", "numeric": "DECIMAL", "text": "STRING", "date": "DATETIME",
    "timestamp": "DATETIME",
}  # fmt: skip


def rows(connection: psycopg.Connection, dataset: Dataset) -> list[dict[str, object]]:
    """Returns the dataset's rows as QuickSight asks for them: the query stands in parentheses."""
    cursor = connection.execute(f"select * from ({dataset.sql}) as t".encode())
    names = [column.name for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor]


@pytest.fixture
def shop(logins: Logins) -> None:
    """Writes three journeys of seven, of one and of no touch, a refund, and spend."""
    now = within_a_day().replace(microsecond=0)
    start = now - timedelta(minutes=50)
    clicks: list[Event] = [Click(start + timedelta(minutes=number), f"c{number}", "u") for number in range(7)]
    others: list[Event] = [
        Click(start, "d", "v"),
        Checkout(now - timedelta(minutes=10), "k", "u", "12.00"),
        Checkout(now - timedelta(minutes=9), "l", "v", "3.00"),
        Checkout(now - timedelta(minutes=9), "m", "w", "5.00"),
        Refund(now, "r", "l", "1.00", user_id="v"),
    ]
    labels = {f"c{number}": TRAFFIC[2 + number % 5] for number in range(7)} | {"d": TRAFFIC[5]}
    send(logins.sink, *clicks, *others, **labels)
    logins.owner.execute("insert into ad_spend values (current_date, 'Paid Search', 'brand', 9, 'EUR')")
    refresh(logins.refresher)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_dataset_gives_the_declared_columns(shop: None, analyst: psycopg.Connection, name: str) -> None:
    dataset = BY_NAME[name]
    cursor = analyst.execute(dataset.sql.encode())
    types = {
        column.name: KINDS[str(info.name)]
        for column in cursor.description or ()
        if (info := analyst.adapters.types.get(column.type_code)) is not None
    }
    assert types == {column.name: column.kind for column in dataset.columns}
    assert cursor.fetchall() != []


def test_live_counts_what_the_batches_wrote(shop: None, analyst: psycopg.Connection) -> None:
    (activity,) = rows(analyst, ACTIVITY)
    assert (activity["events"], activity["clicks"], activity["checkouts"], activity["refunds"]) == (12, 8, 3, 1)


def test_live_has_amounts_by_currency_and_the_credited_checkouts(shop: None, analyst: psycopg.Connection) -> None:
    orders = rows(analyst, ORDERS)
    assert {order["currency"] for order in orders} == {"EUR"}
    totals = {
        name: sum(Decimal(str(order[name])) for order in orders)
        for name in ("checkouts", "credited", "gross_amount", "refunded_amount", "net_amount")
    }
    assert totals == {"checkouts": 3, "credited": 2, "gross_amount": 20, "refunded_amount": 1, "net_amount": 19}


def test_live_leaves_out_what_is_older_than_its_hours(shop: None, logins: Logins) -> None:
    logins.owner.execute("update batches set began_at = began_at - interval '4 hours'")
    assert rows(logins.analyst, ACTIVITY) == []


def test_the_flow_leads_from_each_first_touch_to_a_checkout(shop: None, analyst: psycopg.Connection) -> None:
    edges = {
        (str(row["source"]), str(row["destination"])): row["conversions"] for row in rows(analyst, BY_NAME["steps"])
    }
    assert edges == {
        ("1. Email", "Checkout"): 1,
        ("1. Paid Search", "2. Paid Search"): 1,
        ("2. Paid Search", "3. Organic Search"): 1,
        ("3. Organic Search", "4. Email"): 1,
        ("4. Email", "5. Unassigned"): 1,
        ("5. Unassigned", "Later touches"): 1,
    }


def test_durations_are_named_by_their_bounds(shop: None, logins: Logins) -> None:
    (duration,) = rows(logins.analyst, BY_NAME["durations"])
    assert (duration["minutes_from"], duration["duration"], duration["conversions"]) == (10, "10 min to 1 h", 2)


def test_every_bound_of_a_duration_has_a_name(migrated: psycopg.Connection) -> None:
    """The view's bounds, without checkouts: in a temporary table in place of the view."""
    migrated.execute(
        """
        create temporary table time_to_convert as
        select current_date as day, b.time_from::interval, b.time_to::interval, 1::bigint as conversions,
               0::numeric as net_revenue
          from (values ('0', '10 minutes'), ('10 minutes', '1 hour'), ('1 hour', '6 hours'), ('6 hours', '1 day'),
                       ('1 day', '3 days'), ('7 days', '14 days'), ('30 days', null)) b (time_from, time_to)
        """
    )
    names = [str(row["duration"]) for row in rows(migrated, BY_NAME["durations"])]
    assert names == ["0 min to 10 min", "10 min to 1 h", "1 h to 6 h", "6 h to 1 d", "1 d to 3 d", "7 d to 14 d",
                     "30 d or more"]  # fmt: skip


def test_long_paths_share_a_length(shop: None, analyst: psycopg.Connection) -> None:
    lengths = {row["touches"]: row["path_length"] for row in rows(analyst, BY_NAME["paths"])}
    assert lengths == {0: "0", 1: "1", 7: "7"}


def test_the_comments_of_the_migrations_are_those_of_the_database(migrated: psycopg.Connection) -> None:
    stored = migrated.execute(
        """
        select c.relname || '.' || a.attname, col_description(c.oid, a.attnum)
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
         where c.relnamespace = 'public'::regnamespace and col_description(c.oid, a.attnum) is not null
           and not c.relispartition
        """
    ).fetchall()
    assert column_comments() == {name: " ".join(comment.split()) for name, comment in stored}
