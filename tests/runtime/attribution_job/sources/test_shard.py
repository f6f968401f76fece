import threading
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from runtime.attribution_job.sources import shard
from runtime.attribution_job.sources.offsets import START
from runtime.attribution_job.sources.shard import ReadingStoppedError, ShardReader
from tests.runtime.attribution_job.sources.fake_kinesis import FakeKinesis

SHARD = "shardId-000000000000"


def reader(kinesis: FakeKinesis, stopping: threading.Event | None = None) -> ShardReader:
    return ShardReader(kinesis, "clicks", SHARD, START, stopping or threading.Event())  # type: ignore[arg-type]


def seconds_of(reads: int, reader: ShardReader) -> float:
    began = time.monotonic()
    for _ in range(reads):
        reader.read(100)
    return time.monotonic() - began


def test_a_shard_is_asked_at_most_five_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(shard, "IDLE_SECONDS", 1.0)
    kinesis = FakeKinesis(shards=1, page=1)
    for _ in range(4):
        kinesis.put(b"x")
    assert seconds_of(4, reader(kinesis)) >= 0.6


def test_a_shard_gives_at_most_two_megabytes_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "BYTES_PER_SECOND", 2_000_000)
    kinesis = FakeKinesis(shards=1, page=1)
    for _ in range(2):
        kinesis.put(b"x" * 800_000)
    assert seconds_of(2, reader(kinesis)) >= 0.4


def test_a_silent_shard_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "CALL_SECONDS", 0.01)
    monkeypatch.setattr(shard, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(shard, "SILENT_CALLS", 2)
    kinesis = FakeKinesis(shards=1)
    source = reader(kinesis)
    seconds_of(20, source)
    assert seconds_of(3, source) >= 0.29
    kinesis.put(b"x")
    source.read(1)
    source.read(1)
    assert seconds_of(1, source) < 0.09


def test_a_shard_that_is_silent_for_hours_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CALL_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(shard, name, 0)
    kinesis = FakeKinesis(shards=1)
    source = reader(kinesis)
    seconds_of(10_000, source)
    kinesis.put(b"x")
    assert len(source.read(1).records) == 1


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "KMSThrottlingException", "InternalFailure"]
)
def test_a_throttled_request_is_repeated_until_it_succeeds(code: str) -> None:
    kinesis = FakeKinesis(shards=1)
    kinesis.put(b"x")
    kinesis.errors[SHARD] = [code] * 5
    assert len(reader(kinesis).read(10).records) == 1
    assert len(kinesis.calls) == 6


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        *((code, 400, True) for code in ("ProvisionedThroughputExceededException", "LimitExceededException")),
        *((code, 400, True) for code in ("ThrottlingException", "RequestLimitExceeded", "KMSThrottlingException")),
        *((code, 400, True) for code in ("InternalFailure", "InternalFailureException", "ServiceUnavailable")),
        *(("RequestTimeout", 400, True), ("of a proxy", 500, True), ("of a proxy", 503, True)),
        *(("of a proxy", 499, False), ("ResourceNotFoundException", 400, False)),
    ],
)
def test_throttling_and_failures_of_the_service_are_of_the_moment(code: str, status: int, *, expected: bool) -> None:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    assert shard.is_transient(ClientError(response, "GetRecords")) is expected


def test_a_network_that_fails_can_succeed_later() -> None:
    assert shard.is_transient(HTTPClientError(error="connection reset"))


def test_an_expired_iterator_is_replaced_without_loss() -> None:
    kinesis = FakeKinesis(shards=1)
    source = reader(kinesis)
    kinesis.put(b"1")
    source.read(10)
    kinesis.expire()
    kinesis.put(b"2")
    assert source.read(10).records["data"].to_pylist() == [b"2"]


def test_a_reader_that_waits_ends_when_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "CALL_SECONDS", 60)
    monkeypatch.setattr(shard, "IDLE_SECONDS", 60)
    stopping = threading.Event()
    source = reader(FakeKinesis(shards=1), stopping)
    source.read(1)
    threading.Timer(0.1, stopping.set).start()
    with pytest.raises(ReadingStoppedError):
        source.read(1)


def test_the_position_tells_how_far_the_shard_is_behind() -> None:
    kinesis = FakeKinesis(shards=1, page=2)
    for _ in range(5):
        kinesis.put(b"x")
    source = reader(kinesis)
    assert [source.read(10).position["behind_ms"] for _ in range(3)] == [3000, 1000, 0]


def test_a_position_without_a_distance_is_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    kinesis = FakeKinesis(shards=1)
    answer = kinesis.get_records

    def without_distance(**request: Any) -> dict[str, Any]:
        return {name: value for name, value in answer(**request).items() if name != "MillisBehindLatest"}

    monkeypatch.setattr(kinesis, "get_records", without_distance)
    assert reader(kinesis).read(10).caught_up
