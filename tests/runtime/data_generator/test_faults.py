"""What goes wrong between the schedule and the streams: the tables have each event once all the same."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from local.postgres import Server
from runtime.attribution_job.sink import PostgresSink
from runtime.data_generator import handler as module
from runtime.data_generator.handler import handler
from runtime.data_generator.publishing import PublishError
from runtime.data_generator.simulation import simulate
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.rows import checkout_row, click_row, table
from tests.runtime.data_generator.conftest import EVENT, INVOCATION, Context, read_all
from tests.runtime.data_generator.simulated import good, make, time_of

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CLICKS = 1200  # which take six requests
SCHEDULED = EVENT | {"detail": {"clicks": CLICKS}}


class Killed(BaseException):
    """Lambda ends the process: nothing in it is run any more."""


def on_request(moment: str, number: int, act: Callable[[], None]) -> None:
    """Acts before the function's request of that number is sent ("before-call"), or after its answer came."""
    seen = iter(range(1, 1000))

    def count(**_: Any) -> None:
        if next(seen) >= number:
            act()

    module.kinesis().meta.events.register(f"{moment}.kinesis.PutRecords", count)


def kill() -> None:
    raise Killed


def twice() -> None:
    handler(SCHEDULED, Context(30))


def killed_half_way() -> None:
    on_request("before-call", 4, kill)
    with pytest.raises(Killed):
        handler(SCHEDULED, Context(30))


def killed_before_it_heard_the_answer() -> None:
    on_request("after-call", 3, kill)
    with pytest.raises(Killed):
        handler(SCHEDULED, Context(30))


def out_of_time() -> None:
    on_request("before-call", 1, lambda: time.sleep(0.2))
    with pytest.raises(PublishError, match="OutOfTime"):
        handler(SCHEDULED, Context(0.5))


@pytest.mark.parametrize("fault", [twice, killed_half_way, killed_before_it_heard_the_answer, out_of_time])
def test_after_a_retry_each_event_is_there_once(
    streams: "KinesisClient",
    postgres: Server,
    database: str,
    migrated: psycopg.Connection,
    fault: Callable[[], None],
) -> None:
    fault()
    module.kinesis.cache_clear()  # the retry is another process
    records = simulate(make(clicks=CLICKS), INVOCATION)
    before = sum(len(shard) for name in ("shop-clicks", "shop-checkouts") for shard in read_all(streams, name).values())
    assert 0 < before <= len(records)
    assert (before == len(records)) is (fault is twice)
    handler(SCHEDULED, Context(30))

    rows = []
    for shard in read_all(streams, "shop-clicks").values():
        rows += [click_row(click_of(event)) for event in readable(shard)]
    for shard in read_all(streams, "shop-checkouts").values():
        rows += [checkout_row(checkout_of(event)) for event in readable(shard)]
    url = postgres.url(database, "pipeline_writer")
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "postgres")
    counts = sink.write(table(*rows), query_id="00000000-0000-0000-0000-000000000001", batch_id=0)
    sink.close()

    clicks = [click_of(event) for event in good(records, "clicks")]
    checkouts = [checkout_of(event) for event in good(records, "checkouts")]
    stored = migrated.execute("select click_timestamp, click_id, user_id from raw_clicks").fetchall()
    assert sorted(stored) == sorted((c.click_timestamp, c.click_id, c.user_id) for c in clicks)
    stored = migrated.execute("select checkout_timestamp, checkout_id, user_id from raw_checkouts").fetchall()
    assert sorted(stored) == sorted((k.checkout_timestamp, k.checkout_id, k.user_id) for k in checkouts)
    assert counts.duplicates == len(rows) - len(clicks) - len(checkouts) > 0


def readable(shard: list[tuple[str, bytes]]) -> list[dict[str, Any]]:
    """The events of a shard that are not malformed on purpose."""
    malformed = {record.data for record in simulate(make(clicks=CLICKS), INVOCATION) if record.defect}
    return [json.loads(data) for _, data in shard if data not in malformed]


def click_of(event: dict[str, Any]) -> Click:
    return Click(time_of(event), event["click_id"], event["user_id"])


def checkout_of(event: dict[str, Any]) -> Checkout:
    return Checkout(time_of(event), event["checkout_id"], event["user_id"])
