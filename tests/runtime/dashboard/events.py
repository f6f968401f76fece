"""Events of today for the tests of the page, and the snapshots that show them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click
from tests.runtime.analytics.reference import Labels
from tests.runtime.analytics.shops import TRAFFIC, send

MAIL = TRAFFIC[5]


def now() -> datetime:
    return datetime.now(UTC)


def send_sale(
    sink: PostgresSink, name: str, *, amount: str = "12.50", currency: str = "EUR", labels: Labels = MAIL
) -> None:
    """Writes a batch with a click of five minutes ago and a checkout of now by the same user."""
    at = now()
    click = Click(at - timedelta(minutes=5), f"c-{name}", f"u-{name}")
    checkout = Checkout(at, f"k-{name}", f"u-{name}", amount, currency)
    send(sink, click, checkout, **{click.click_id: labels})


def events(snapshot: dict[str, Any]) -> int | None:
    """Returns the number of events of a snapshot."""
    value: int | None = snapshot["figures"]["events"]["value"]
    return value


def has_events(count: int) -> Callable[[dict[str, Any]], bool]:
    """Returns the condition that a snapshot shows so many events."""
    return lambda snapshot: events(snapshot) == count
