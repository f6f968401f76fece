"""What goes wrong between the schedule and the streams: no record is missing, and what is put twice can be told."""

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
from tests.runtime.data_generator.simulated import make

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
    on_request("before-call", 1, lambda: time.sleep(0.9))
    with pytest.raises(PublishError, match="OutOfTime"):
        handler(SCHEDULED, Context(2))


@pytest.mark.parametrize("fault", [twice, killed_half_way, killed_before_it_heard_the_answer, out_of_time])
def test_after_a_retry_every_record_is_there_and_those_put_twice_have_the_same_bytes(
    streams: "KinesisClient", fault: Callable[[], None]
) -> None:
    """So that their ids are the same, under which the first stands."""
    made = Counter(
        (f"shop-{record.stream}", record.partition_key, record.data)
        for record in simulate(make(clicks=CLICKS), INVOCATION)
    )
    fault()
    before = stored(streams)
    assert before <= made
    assert (before == made) is (fault is twice)
    module.kinesis.cache_clear()  # the retry is another process
    handler(SCHEDULED, Context(30))
    after = stored(streams)
    assert set(after) == set(made)
    assert after.total() == before.total() + made.total() > made.total()


def stored(streams: "KinesisClient") -> Counter[tuple[str, str, bytes]]:
    """Stream, partition key and bytes of every record."""
    names = ("shop-clicks", "shop-checkouts")
    return Counter((name, *record) for name in names for shard in read_all(streams, name).values() for record in shard)
