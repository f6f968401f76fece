"""A shop with ten weeks of history and ten minutes of the present, for the tests and the screenshots of the page."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from uuid import uuid4

import psycopg

from local.servers.postgres import Server
from runtime.analytics.experiments.assignment import assign
from runtime.analytics.refresh import refresh
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, Event, Refund
from tests.runtime.attribution_job.sink.rows import dead_letter_row, event_row, table

WEEKS = 10
CUSTOMERS = 900
PRESENT = timedelta(minutes=10)
BATCH = timedelta(seconds=5)
HOURS = 36
DEVICES = ("mobile", "mobile", "desktop", "tablet")
# Source, medium, campaign, and part of the clicks.
TRAFFIC = (
    (("google", "cpc", "brand-search"), 20),
    (("google", "cpc", "generic"), 8),
    (("google", "organic", None), 22),
    (("facebook", "paid_social", "retargeting"), 14),
    (("tiktok", "paid_social", "summer-launch"), 7),
    (("newsletter", "email", "weekly-digest"), 11),
    (("partner-blog", "affiliate", "reviews"), 4),
    (("instagram", "social", None), 5),
    ((None, None, None), 18),
)
SPEND = (
    ("Paid Search", "brand-search", 60),
    ("Paid Search", "generic", 35),
    ("Paid Social", "retargeting", 48),
    ("Paid Social", "summer-launch", 30),
)
EXPERIMENT = "one-page-checkout"
VARIANTS = ("control", "treatment")
REASONS = ("invalid_json", "missing_field", "invalid_timestamp")


class Shop:
    """Makes events, and writes them to a database with the job's sink."""

    def __init__(self, server: Server, database: str, seed: int = 18) -> None:
        self._rng = random.Random(seed)
        self._query = str(uuid4())
        self._numbers = itertools.count()
        self._batches = itertools.count()
        self._sold = ""
        url = server.url(database, "pipeline_writer")
        self._sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "postgres", retry_seconds=30)
        self.refresher_url = server.url(database, "pipeline_analytics")

    def close(self) -> None:
        self._sink.close()

    def write(self, rows: Sequence[dict[str, object]]) -> None:
        self._sink.write(table(*rows), query_id=self._query, batch_id=next(self._batches))

    def refresh(self) -> None:
        """Brings the tables of the models up to date."""
        with psycopg.connect(self.refresher_url, autocommit=True) as connection:
            refresh(connection)

    def sale(self, at: datetime, amount: str | None = None, **labels: object) -> list[dict[str, object]]:
        """Returns a checkout at a time, with a click a minute before it. `labels`: columns of the click."""
        buyer = self._id("buyer")
        click = Click(at - timedelta(minutes=1), self._id("click"), buyer)
        checkout = Checkout(at, self._id("checkout"), buyer, amount or self._amount())
        arrived = {"arrived_at": at}
        self._sold = checkout.checkout_id
        return [
            event_row(click, sequence=next(self._numbers), **(self._labels() | labels | arrived)),
            self._row(checkout),
        ]

    def present(self, at: datetime, clicks: int = 25) -> list[dict[str, object]]:
        """Returns at least as many clicks at a time, and now and then a sale, a refund or a refused event."""
        rows = [row for _ in range(self._rng.choice((0, 0, 1))) for row in self.sale(at)]
        number = clicks + self._rng.randrange(1 + clicks // 2)
        rows += [self._row(self._click(at, self._id("passer-by"))) for _ in range(number)]
        if self._rng.random() < 0.05:
            rows.append(self._row(Refund(at, self._id("refund"), self._sold, "5.00")))
        return rows + (self.refused(at) if self._rng.random() < 0.04 else [])

    def stream(self, until: Signal, *, pause: float = 1, clicks: int = 4, sales: int = 0) -> None:
        """Writes a batch after each pause until the signal. `clicks`, `sales`: least numbers of a batch."""
        while not until.wait(pause):
            at = datetime.now(UTC) - timedelta(milliseconds=200)
            self.write([row for _ in range(sales) for row in self.sale(at)] + self.present(at, clicks))

    def history(self, until: datetime) -> Iterator[dict[str, object]]:
        """Yields the events of the weeks before `until`: visitors, and customers, some of whom return."""
        start = until - timedelta(weeks=WEEKS)
        for customer in range(CUSTOMERS):
            first = start + (until - start) * self._rng.random() ** 0.8
            for order in range(1 + (self._rng.random() < 0.3) + (self._rng.random() < 0.1)):
                at = first + timedelta(days=order * self._rng.uniform(4, 25))
                if at >= until:
                    break
                yield from self._journey(f"customer-{customer}", at)
        for visitor in range(CUSTOMERS):
            at = start + (until - start) * self._rng.random()
            for touch in range(self._rng.choice((1, 1, 2, 3))):
                yield self._row(self._click(at - timedelta(days=touch), f"visitor-{visitor}"))

    def refused(self, at: datetime) -> list[dict[str, object]]:
        """Returns some refused events."""
        count = self._rng.choice((0, 1, 2, 3, 5))
        return [dead_letter_row(next(self._numbers), self._rng.choice(REASONS), b"{", at) for _ in range(count)]

    def _journey(self, user: str, at: datetime) -> Iterator[dict[str, object]]:
        if self._rng.random() > 0.06:
            for _ in range(self._rng.choice((1, 1, 1, 2, 2, 3, 4, 6))):
                before = timedelta(hours=self._rng.choice((0.2, 0.8, 5, 20, 60, 200)) * self._rng.random())
                yield self._row(self._click(at - before, user))
        currency = "USD" if self._rng.random() < 0.2 else "EUR"
        checkout = Checkout(at, self._id("checkout"), user, self._amount(), currency)
        yield self._row(checkout)
        if self._rng.random() < 0.08:
            refund = Refund(at + timedelta(hours=3), self._id("refund"), checkout.checkout_id, "5.00", currency, user)
            yield self._row(refund)

    def _click(self, at: datetime, user: str) -> Click:
        return Click(at, self._id("click"), user)

    def _id(self, kind: str) -> str:
        """Returns a new id. Another shop makes other ids, also in the same database."""
        return f"{kind}-{self._query[:8]}-{next(self._numbers)}"

    def _amount(self) -> str:
        return f"{self._rng.lognormvariate(4, 0.6):.2f}"

    def _labels(self) -> dict[str, object]:
        (source, medium, campaign), *_ = self._rng.choices(
            [labels for labels, _ in TRAFFIC], [weight for _, weight in TRAFFIC]
        )
        product = f"product-{self._rng.randrange(400):04d}"
        return {
            "utm_source": source, "utm_medium": medium, "utm_campaign": campaign, "product_id": product,
            "page_url": f"https://shop.example/products/{product}", "device_type": self._rng.choice(DEVICES),
        }  # fmt: skip

    def _row(self, event: Event) -> dict[str, object]:
        number = next(self._numbers)
        if isinstance(event, Click):
            variant = assign(EXPERIMENT, event.user_id, [(name, 50) for name in VARIANTS])
            return event_row(event, sequence=number, experiment_id=EXPERIMENT, variant=variant, **self._labels())
        if isinstance(event, Checkout):
            items = json.dumps([{"product_id": f"product-{self._rng.randrange(400):04d}", "quantity": 1}])
            return event_row(event, sequence=number, items=items)
        return event_row(event, sequence=number)


@contextmanager
def opened(server: Server, database: str) -> Iterator[Shop]:
    shop = Shop(server, database)
    yield shop
    shop.close()


def fill(server: Server, database: str) -> None:
    """Fills a migrated database with history, spend, exchange rates, and the last ten minutes."""
    with opened(server, database) as shop, psycopg.connect(server.url(database), autocommit=True) as owner:
        _inputs(owner)
        shop.write(list(shop.history(datetime.now(UTC) - PRESENT)))
        now = datetime.now(UTC)
        hours = [now - timedelta(hours=number) for number in reversed(range(2, HOURS + 2))]
        for hour in hours:
            shop.write(shop.refused(hour))
        steps = [now - PRESENT + number * BATCH for number in range(PRESENT // BATCH)]
        for at in steps:
            shop.write(shop.present(at))
        _commit_at(owner, [now - timedelta(hours=HOURS + 2), *hours, *steps])
        shop.refresh()


def _inputs(owner: psycopg.Connection) -> None:
    for variant in VARIANTS:
        owner.execute(
            """
            insert into experiments (experiment_id, variant, is_control, expected_share, started_at, lift)
            values (%s, %s, %s, 50, current_date - 28, 0.05)
            """,
            (EXPERIMENT, variant, variant == VARIANTS[0]),
        )
    owner.execute("insert into exchange_rates values (current_date - 100, 'USD', 0.92)")
    for channel, campaign, amount in SPEND:
        owner.execute(
            """
            insert into ad_spend
            select current_date - n, %s, %s, %s + (n * 7) %% 11, 'EUR' from generate_series(0, 70) n
            """,
            (channel, campaign, amount),
        )


def _commit_at(owner: psycopg.Connection, times: Sequence[datetime]) -> None:
    """Gives the batches and their events the times at which a running job would have committed them."""
    owner.execute(
        """
        create temporary table moved on commit preserve rows as
        select began_at as former, (%s::timestamptz[])[batch_id + 1] as began from batches
        """,
        (list(times),),
    )
    latency = "(120 + 90 * random() + case when random() < 0.02 then 500 else 0 end) * interval '1 millisecond'"
    for events in ("raw_clicks", "raw_checkouts", "raw_refunds", "dead_letters"):
        owner.execute(
            f"update {events} e set ingested_at = m.began, arrived_at = m.began - {latency}"
            " from moved m where e.ingested_at = m.former".encode()
        )
    owner.execute(
        "update batches b set began_at = m.began, committed_at = m.began + interval '150 milliseconds'"
        " from moved m where b.began_at = m.former"
    )
