import threading
import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runtime.attribution_job.sources import read_ahead, shard
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis
from tests.runtime.attribution_job.sources.reading import Query, numbered, read_again
from tests.waiting import wait_until


def test_children_are_read_after_their_parents_are_drained() -> None:
    kinesis = FakeKinesis(shards=1, page=2)
    kinesis.put(b"parent 1")
    kinesis.put(b"parent 2")
    kinesis.split()
    kinesis.put(b"child", shard=0)
    assert Query(kinesis, records_per_batch=1).read(3) == [b"parent 1", b"parent 2", b"child"]


def test_a_merged_shard_waits_for_both_of_its_parents() -> None:
    kinesis = FakeKinesis(shards=2, page=1)
    kinesis.put(b"a", shard=0)
    for number in range(20):
        kinesis.put(b"b%d" % number, shard=1)
    kinesis.merge()
    kinesis.put(b"child")
    assert Query(kinesis, records_per_batch=2).read(22)[-1] == b"child"


def test_a_parent_that_retention_has_removed_holds_nothing_up() -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"old")
    kinesis.split()
    kinesis.put(b"child")
    query = Query(kinesis)
    query.read(2)
    kinesis.forget("shardId-000000000000")
    query.restart()
    kinesis.put(b"new")
    assert query.read(1) == [b"new"]
    assert "shardId-000000000000" not in query.offsets


def test_shards_are_listed_again_only_when_one_has_ended() -> None:
    kinesis = FakeKinesis(shards=1)
    query = Query(kinesis)
    for _ in range(5):
        kinesis.put(b"x")
        query.read(1)
    assert kinesis.list_calls == 1
    kinesis.split()
    query.read_until(lambda: kinesis.list_calls > 1)
    assert kinesis.list_calls == 2


def test_one_throttled_shard_does_not_hold_up_the_others() -> None:
    kinesis = FakeKinesis(shards=2)
    kinesis.errors["shardId-000000000000"] = ["ProvisionedThroughputExceededException"] * 10_000
    kinesis.put(b"throttled", shard=0)
    kinesis.put(b"other", shard=1)
    query = Query(kinesis)
    assert query.read(1) == [b"other"]
    kinesis.errors.clear()
    assert query.read(1, seconds=30) == [b"throttled"]


def test_a_slow_shard_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    kinesis = FakeKinesis(shards=2)
    get_records = kinesis.get_records
    answered = threading.Event()

    def slowly(ShardIterator: str, Limit: int) -> object:  # noqa: N803 - boto3's names
        if kinesis._iterators[ShardIterator][0] == "shardId-000000000000":
            assert answered.wait(30)
        return get_records(ShardIterator, Limit)

    monkeypatch.setattr(kinesis, "get_records", slowly)
    kinesis.put(b"slow", shard=0)
    kinesis.put(b"fast", shard=1)
    query = Query(kinesis)
    assert query.next_batch_with_records() == [b"fast"]
    answered.set()
    assert query.next_batch_with_records() == [b"slow"]


def test_reading_ahead_stops_at_two_batches() -> None:
    kinesis = FakeKinesis(shards=1, page=5)
    numbered(kinesis, 200)
    query = Query(kinesis, records_per_batch=10)
    taken = len(query.next_batch_with_records())
    wait_until(lambda: len(kinesis.calls) * 5 >= taken + 20)
    time.sleep(0.2)
    assert len(kinesis.calls) * 5 == taken + 20


@pytest.mark.parametrize(("shards", "batch", "share"), [(1, 100, 100), (4, 100, 25), (4, 2, 1)])
def test_a_request_asks_for_an_equal_share_of_a_batch(shards: int, batch: int, share: int) -> None:
    kinesis = FakeKinesis(shards)
    query = Query(kinesis, batch)
    query.next_batch()
    wait_until(lambda: len(kinesis.limits) > 8 and set(kinesis.limits[-8:]) == {share})


def test_a_page_with_more_records_than_a_batch_is_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    kinesis = FakeKinesis(shards=1, page=3)
    answer = kinesis.get_records
    monkeypatch.setattr(kinesis, "get_records", lambda **request: answer(request["ShardIterator"], 1000))
    numbered(kinesis, 3)
    assert len(Query(kinesis, records_per_batch=2).next_batch_with_records()) == 3


def test_reading_ahead_stops_at_its_number_of_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "BUFFER_BYTES", 10_000)
    kinesis = FakeKinesis(shards=1, page=1)
    for _ in range(100):
        kinesis.put(b"x" * 4_000)
    query = Query(kinesis, records_per_batch=1000)
    time.sleep(0.3)
    query.next_batch()
    time.sleep(0.3)
    assert len(kinesis.calls) < 15


def test_the_next_batch_is_read_while_the_last_one_is_written() -> None:
    kinesis = FakeKinesis(shards=1, page=2)
    numbered(kinesis, 4)
    query = Query(kinesis, records_per_batch=2)
    query.next_batch_with_records()
    wait_until(lambda: len(kinesis.calls) >= 2, "the second request before the first batch is committed")


def test_a_failed_shard_fails_the_query_within_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "to_batch", lambda *_: 1 / 0)
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    with pytest.raises(ZeroDivisionError):
        Query(kinesis).read(1)


class ReshardedStream(RuleBasedStateMachine):
    """Whatever happens to the stream and the reader, each record is read once, and a batch repeats itself."""

    def __init__(self) -> None:
        super().__init__()
        self.kinesis = FakeKinesis(shards=2, page=2)
        self.query = Query(self.kinesis, records_per_batch=4)
        self.put_count = 0
        self.seen: list[bytes] = []

    @rule(shard=st.integers(0, 5))
    def put(self, shard: int) -> None:
        self.kinesis.put(b"%d" % self.put_count, shard)
        self.put_count += 1

    @rule(shard=st.integers(0, 5))
    def split(self, shard: int) -> None:
        self.kinesis.split(shard)

    @rule()
    def merge(self) -> None:
        self.kinesis.merge()

    @rule()
    def expire_iterators(self) -> None:
        self.kinesis.expire()

    @rule(shard=st.integers(0, 5))
    def throttle(self, shard: int) -> None:
        self.kinesis.errors[f"shardId-{shard:012d}"] = ["ProvisionedThroughputExceededException"]

    @rule()
    def restart(self) -> None:
        self.query.restart()

    @rule(pause=st.sampled_from([0, 0.002]))
    def read_a_batch(self, pause: float) -> None:
        time.sleep(pause)
        start = self.query.offsets
        data = self.query.next_batch()
        assert sorted(read_again(self.kinesis, start, self.query.offsets)) == sorted(data)
        self.seen += data

    @invariant()
    def no_record_is_read_twice(self) -> None:
        assert len(self.seen) == len(set(self.seen))

    def teardown(self) -> None:
        self.seen += self.query.read(self.put_count - len(self.seen))
        self.query.reader.stop()
        assert sorted(self.seen) == sorted(b"%d" % number for number in range(self.put_count))


TestReshardedStream = ReshardedStream.TestCase
TestReshardedStream.settings = settings(max_examples=40, stateful_step_count=30)
