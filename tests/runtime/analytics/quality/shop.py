"""Rows of a shop that follow every rule of data quality, and the rules that are breached."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from runtime.analytics.quality.refreshing import refresh_quality
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Refund
from tests.runtime.attribution_job.sink.rows import click_row, dead_letter_row, event_row, refund_row, table

Row = dict[str, object]
DAY = timedelta(days=1)
CLICKS, CHECKOUTS, REFUNDS = 400, 100, 20
LABELS: dict[str, object] = {
    "session_id": "s", "page_url": "https://shop.example/", "device_type": "mobile", "utm_source": "google",
}  # fmt: skip
ITEMS = '[{"product_id": "p", "quantity": 2, "unit_price": "0.75"}]'


def half_past() -> datetime:
    """Returns the middle of the hour before, which is complete."""
    return datetime.now(UTC).replace(minute=30, second=0, microsecond=0) - timedelta(hours=1)


def clicks(at: datetime, count: int = CLICKS, *, first: int = 0, **columns: object) -> Iterator[Row]:
    for number in range(first, first + count):
        click = Click(at, f"c{at:%d%H}-{number}", f"u{number}")
        yield click_row(click, sequence=number, **(LABELS | {"arrived_at": datetime.now(UTC)} | columns))


def checkouts(at: datetime, count: int = CHECKOUTS, *, first: int = 0, **columns: object) -> Iterator[Row]:
    for number in range(first, first + count):
        checkout = Checkout(at, f"k{at:%d%H}-{number}", f"u{number}", "1.50")
        yield event_row(checkout, sequence=CLICKS + number, **({"items": ITEMS} | columns))


def refunds(at: datetime, *, first: int = 0, order: str = "k{at:%d%H}-{number}") -> Iterator[Row]:
    for number in range(first, first + REFUNDS):
        yield refund_row(Refund(at, f"r{at:%d%H}-{number}", order.format(at=at, number=number)), sequence=number)


def refused(at: datetime, count: int) -> Iterator[Row]:
    for number in range(count):
        yield dead_letter_row(number, "user_id: missing", b'{"email": "jane@example.org"}', at)


def sound(at: datetime) -> list[Row]:
    return [*clicks(at), *checkouts(at), *refunds(at)]


def write(sink: PostgresSink, *batches: list[Row]) -> None:
    query_id = str(uuid4())
    for number, rows in enumerate(batches):
        sink.write(table(*rows), query_id=query_id, batch_id=number)


def evaluate(connection: psycopg.Connection, now: datetime | None = None) -> set[str]:
    """Evaluates the rules; returns those that are breached in an hour of the view."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("set local timezone = 'UTC'")
        refresh_quality(cursor, now or datetime.now(UTC))
    return {rule for (rule,) in connection.execute("select rule from data_quality where is_breach")}
