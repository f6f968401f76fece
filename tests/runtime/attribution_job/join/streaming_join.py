"""A model of Spark's streaming join, for tests without Spark."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.oracle import Checkout, Click, Event
from tests.runtime.attribution_job.sink.rows import candidate_row

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class StreamingJoin:
    """Emits candidates for pairs of punctual events. The watermark moves after each batch."""

    def __init__(self) -> None:
        self.clicks: list[Click] = []
        self.checkouts: list[Checkout] = []
        self.latest_click = self.latest_checkout = EPOCH
        self.watermark = EPOCH

    def batch(self, events: Sequence[Event]) -> list[dict[str, object]]:
        """Adds the events to the state and returns the batch's candidate rows. Robots' clicks match no checkout."""
        clicks = [e for e in events if isinstance(e, Click) and e.click_timestamp >= self.watermark and not e.is_bot]
        checkouts = [e for e in events if isinstance(e, Checkout) and e.checkout_timestamp >= self.watermark]
        pairs = [(k, c) for k in checkouts for c in self.clicks + clicks]
        pairs += [(k, c) for k in self.checkouts for c in clicks]
        self.clicks += clicks
        self.checkouts += checkouts
        self.latest_click = max([self.latest_click, *(e.click_timestamp for e in events if isinstance(e, Click))])
        self.latest_checkout = max(
            [self.latest_checkout, *(e.checkout_timestamp for e in events if isinstance(e, Checkout))]
        )
        self.watermark = max(EPOCH, min(self.latest_click, self.latest_checkout) - 5 * MINUTE)
        return [
            candidate_row(k, c)
            for k, c in pairs
            if k.user_id == c.user_id
            and k.checkout_timestamp - 60 * MINUTE <= c.click_timestamp <= k.checkout_timestamp
        ]
