"""A publisher of events to Kinesis that remembers them for a comparison with the tables."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.oracle import Checkout, Click

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

NOON = datetime(2025, 11, 23, 12, tzinfo=UTC)


class Shop:
    """Publishes events and invalid records, and remembers the expected rows. Creates the two streams."""

    def __init__(self, client: "KinesisClient") -> None:
        self._client = client
        self.clicks: list[Click] = []
        self.checkouts: list[Checkout] = []
        self.invalid_records = 0
        for stream in ("clicks", "checkouts"):
            client.create_stream(StreamName=stream, ShardCount=2)

    @property
    def expected_rows(self) -> int:
        """Rows of `raw_clicks`, `raw_checkouts` and `dead_letters` after all published records are stored."""
        return len(self.clicks) + len(self.checkouts) + self.invalid_records

    def click(self, at: datetime, user: str, click_id: str | None = None) -> None:
        event = Click(at, click_id or f"c{len(self.clicks):05d}", user)
        self.clicks.append(event)
        self._put("clicks", user, click_id=event.click_id, user_id=user, click_timestamp=at)

    def checkout(self, at: datetime, user: str) -> None:
        event = Checkout(at, f"k{len(self.checkouts):05d}", user)
        self.checkouts.append(event)
        self._put(
            "checkouts", user, checkout_id=event.checkout_id, user_id=user, checkout_timestamp=at,
            total_amount="1.00", currency="EUR",
        )  # fmt: skip

    def invalid_record(self, data: bytes) -> None:
        self.invalid_records += 1
        self._client.put_record(StreamName="clicks", PartitionKey="invalid", Data=data)

    def repeat_last_click(self) -> None:
        """Publishes the last click again, as a producer does after a lost answer."""
        click = self.clicks[-1]
        self._put(
            "clicks", click.user_id, click_id=click.click_id, user_id=click.user_id,
            click_timestamp=click.click_timestamp,
        )  # fmt: skip

    def busy_hours(self, seed: int, events: int) -> None:
        """Publishes events of few users in random order, over three hours of event time and with many ties."""
        rng = random.Random(seed)
        for _ in range(events):
            at = NOON + timedelta(minutes=rng.randrange(180), milliseconds=rng.choice([0, 0, 1]))
            user = f"user-{rng.randrange(20)}"
            if rng.random() < 0.25:
                self.checkout(at, user)
            else:
                self.click(at, user)

    def _put(self, stream: str, user: str, **event: Any) -> None:
        iso_times = {
            name: value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            for name, value in event.items()
            if isinstance(value, datetime)
        }
        self._client.put_record(StreamName=stream, PartitionKey=user, Data=json.dumps(event | iso_times).encode())
