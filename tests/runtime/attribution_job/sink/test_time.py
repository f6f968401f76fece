"""Late, idle and uneven streams: each checkout is credited by the rule."""

from datetime import UTC, datetime

import psycopg
import pytest

from runtime.attribution_job.sink.counts import BatchCounts
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Checkout, Click, first_clicks
from tests.runtime.attribution_job.conftest import credits
from tests.runtime.attribution_job.join.streaming_join import EPOCH, MINUTE, StreamingJoin
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUERY = "00000000-0000-0000-0000-000000000001"


class Delivery:
    """Writes batches of one query, with the candidates of Spark's join, and applies the rule to all events."""

    def __init__(self, sink: PostgresSink) -> None:
        self._sink = sink
        self._join = StreamingJoin()
        self._batches = 0
        self.clicks: list[Click] = []
        self.checkouts: list[Checkout] = []

    def batch(self, *events: Click | Checkout) -> BatchCounts:
        rows = [click_row(event) if isinstance(event, Click) else checkout_row(event) for event in events]
        rows += self._join.batch(list(events))
        self.clicks += [event for event in events if isinstance(event, Click)]
        self.checkouts += [event for event in events if isinstance(event, Checkout)]
        self._batches += 1
        return self._sink.write(table(*rows), query_id=QUERY, batch_id=self._batches - 1)

    def advance_both_streams(self, at: datetime) -> None:
        """Writes one event of each stream at the time, which moves the watermark."""
        self.batch(Click(at, f"tick {at}", "nobody"), Checkout(at, f"tock {at}", "nobody"))

    @property
    def watermark(self) -> datetime:
        return self._join.watermark

    def expected_credits(self) -> dict[str, str | None]:
        return first_clicks(self.clicks, self.checkouts)


@pytest.fixture
def delivery(sink: PostgresSink) -> Delivery:
    return Delivery(sink)


@pytest.mark.parametrize("minutes", [4, 6, 59])
def test_a_click_that_is_minutes_late_is_credited(
    delivery: Delivery, migrated: psycopg.Connection, minutes: int
) -> None:
    late = Click(NOON - minutes * MINUTE, "late", "u")
    delivery.batch(Click(NOON, "punctual", "u"), Checkout(NOON, "before", "u"))
    assert delivery.batch(late).late == (1 if minutes > 5 else 0)
    delivery.batch(Checkout(NOON + MINUTE, "after", "u"))
    assert credits(migrated) == delivery.expected_credits() == {"before": "late", "after": "late"}


def test_an_idle_stream_makes_no_event_late(delivery: Delivery, migrated: psycopg.Connection) -> None:
    for minute in range(0, 61, 5):
        assert delivery.batch(Click(NOON + minute * MINUTE, f"c{minute:02}", "u")).late == 0
    assert delivery.watermark == EPOCH
    assert delivery.batch(Checkout(NOON + 60 * MINUTE, "k", "u")).late == 0
    assert credits(migrated) == delivery.expected_credits() == {"k": "c00"}


def test_events_of_a_slow_shard_are_late_and_credited(delivery: Delivery, migrated: psycopg.Connection) -> None:
    """Two users in two shards, for three hours. The fast shard is read an hour ahead of the slow one."""
    hours = {
        user: [
            [
                Click(NOON + (60 * hour + minute) * MINUTE, f"c{user}{hour}{minute:02}", user)
                if minute % 20
                else Checkout(NOON + (60 * hour + minute + 9) * MINUTE, f"k{user}{hour}{minute:02}", user)
                for minute in range(0, 60, 5)
            ]
            for hour in range(3)
        ]
        for user in ("fast", "slow")
    }
    late = 0
    delivery.batch(*hours["fast"][0])
    for hour in (1, 2):
        late += delivery.batch(*hours["fast"][hour], *hours["slow"][hour - 1]).late
    late += delivery.batch(*hours["slow"][2]).late
    assert late > 12
    assert credits(migrated) == delivery.expected_credits()
    assert None not in credits(migrated).values()


def test_events_of_1970_make_no_other_event_late(delivery: Delivery, migrated: psycopg.Connection) -> None:
    delivery.advance_both_streams(NOON)
    watermark = delivery.watermark
    counts = delivery.batch(Click(EPOCH, "old", "u"), Checkout(EPOCH + MINUTE, "old", "u"))
    assert counts.late == 2
    assert delivery.watermark == watermark
    assert delivery.batch(Click(NOON, "new", "u"), Checkout(NOON, "new", "u")).late == 0
    assert credits(migrated) == delivery.expected_credits()
    assert credits(migrated)["old"] == "old"


def test_streams_that_begin_in_1970_make_no_event_late(delivery: Delivery, migrated: psycopg.Connection) -> None:
    delivery.batch(Click(EPOCH, "old", "u"), Checkout(EPOCH, "old", "u"))
    assert delivery.batch(Click(NOON, "new", "u"), Checkout(NOON, "new", "u")).late == 0
    assert credits(migrated) == delivery.expected_credits() == {"old": "old", "new": "new"}
