"""The state of Spark's join, on streams: how long a click waits for its checkout."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from runtime.attribution_job.frames import attribute, stage_joined
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.events.published import Published

pytestmark = pytest.mark.usefixtures("interpreted")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TICK = timedelta(milliseconds=1)


@dataclass
class RunningJoin:
    """The job's frames over published events, without its sink. `pairs` has the candidates of the last batch."""

    published: Published
    query: StreamingQuery | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def stage(self, batch: DataFrame, _: int) -> None:
        candidates = stage_joined(batch)["candidate"]
        self.pairs = list(zip(candidates["checkout_id"].to_pylist(), candidates["click_id"].to_pylist(), strict=True))

    def batch(self, *events: Click | Checkout) -> list[tuple[str, str]]:
        """Publishes events, and returns the pairs (checkout, click) of their batch."""
        assert self.query is not None
        self.published.publish(*events)
        self.query.processAllAvailable()
        return self.pairs

    def rows_in_state(self) -> int:
        assert self.query is not None
        progress = self.query.lastProgress
        assert progress is not None
        return int(progress["stateOperators"][0]["numRowsTotal"])


@pytest.fixture
def join(spark: SparkSession, tmp_path: Path) -> Iterator[RunningJoin]:
    join = RunningJoin(Published(tmp_path / "streams"))
    join.query = (
        attribute(*join.published.pages(spark))
        .writeStream.foreachBatch(join.stage)
        .option("checkpointLocation", str(tmp_path / "checkpoint"))
        .start()
    )
    yield join
    join.query.stop()


def passing(at: datetime, name: str) -> tuple[Click, Checkout]:
    """Events of a user of their own, which move the watermark to `at` after their batch."""
    return Click(at + 5 * MINUTE, f"c{name}", name), Checkout(at + 5 * MINUTE, f"k{name}", name)


def test_a_click_waits_for_its_last_punctual_checkout_and_leaves_the_state_then(join: RunningJoin) -> None:
    clicks = Click(NOON - HOUR, "c-first", "first"), Click(NOON - TICK, "c-last", "last")
    assert join.batch(*clicks, *passing(NOON, "noon")) == [("knoon", "cnoon")]
    # The watermark is at noon. This checkout is on time, and an hour after its click to the microsecond.
    assert join.batch(Checkout(NOON, "k-first", "first")) == [("k-first", "c-first")]
    assert join.batch(*passing(NOON + HOUR - TICK, "one")) == [("kone", "cone")]
    assert join.batch(Checkout(NOON + HOUR - TICK, "k-last", "last")) == [("k-last", "c-last")]

    join.batch(*passing(NOON + HOUR, "end"))
    before = join.rows_in_state()
    # The watermark has reached the end of the window: both clicks go, and a row of each checkout from noon to one.
    join.batch(*passing(NOON + HOUR, "again"))
    added = 1 + 1
    assert join.rows_in_state() == before + added - 5
