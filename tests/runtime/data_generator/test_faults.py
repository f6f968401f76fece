"""Faults between the schedule and the streams. No record is lost, and duplicates have equal bytes."""

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from runtime.data_generator import handler as module
from runtime.data_generator.handler import handler
from runtime.data_generator.publishing import PublishError
from runtime.data_generator.simulation import simulate
from tests.runtime.data_generator.conftest import EVENT, INVOCATION, Context, read_all
from tests.runtime.data_generator.simulated import make_settings

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CLICKS = 1200  # enough for six requests
SCHEDULED = EVENT | {"detail": {"clicks": CLICKS}}


class Killed(BaseException):
    """Stands for the end of the process by Lambda. No handler catches it."""


def on_request(moment: str, number: int, act: Callable[[], None]) -> None:
    """Calls `act` in each request from `number` on: before sending (before-call) or after the response (after-call)."""
    request_numbers = iter(range(1, 1000))

    def count(**_: Any) -> None:
        if next(request_numbers) >= number:
            act()

    module.kinesis().meta.events.register(f"{moment}.kinesis.PutRecords", count)


def kill() -> None:
    raise Killed


def delivered_twice() -> None:
    handler(SCHEDULED, Context(30))


def killed_half_way() -> None:
    on_request("before-call", 4, kill)
    with pytest.raises(Killed):
        handler(SCHEDULED, Context(30))


def killed_before_the_response() -> None:
    on_request("after-call", 3, kill)
    with pytest.raises(Killed):
        handler(SCHEDULED, Context(30))


def out_of_time() -> None:
    on_request("before-call", 1, lambda: time.sleep(0.9))
    with pytest.raises(PublishError, match="OutOfTime"):
        handler(SCHEDULED, Context(2))


@pytest.mark.parametrize("fault", [delivered_twice, killed_half_way, killed_before_the_response, out_of_time])
def test_a_retry_publishes_every_record_and_duplicates_have_equal_bytes(
    streams: "KinesisClient", fault: Callable[[], None]
) -> None:
    """Equal bytes have equal ids, and the primary key keeps the first of them."""
    simulated = Counter(
        (f"shop-{record.stream}", record.partition_key, record.data)
        for record in simulate(make_settings(clicks=CLICKS), INVOCATION)
    )
    fault()
    before_retry = published_records(streams)
    assert before_retry <= simulated
    assert (before_retry == simulated) is (fault is delivered_twice)
    module.kinesis.cache_clear()  # the retry runs in a new process, with a new client
    handler(SCHEDULED, Context(30))
    after_retry = published_records(streams)
    assert set(after_retry) == set(simulated)
    assert after_retry.total() == before_retry.total() + simulated.total() > simulated.total()


def published_records(streams: "KinesisClient") -> Counter[tuple[str, str, bytes]]:
    """Counts the records in both streams by stream, partition key and bytes."""
    names = ("shop-clicks", "shop-checkouts")
    return Counter((name, *record) for name in names for shard in read_all(streams, name).values() for record in shard)
