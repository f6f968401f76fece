"""Each fault of Kinesis alone: the job's reader and the generator's publisher use their own clients on the emulator.

tests/runtime/attribution_job/sources/test_read_ahead.py covers resharding and expired iterators in any order, and
tests/runtime/data_generator/test_publishing.py the publisher's response to every error.
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pytest
from botocore.config import Config

from chaos import kinesis_proxy
from chaos.kinesis_proxy import Kind, KinesisFault, KinesisProxy
from local.reconciliation.comparison import collect
from local.reconciliation.readback import read_streams
from runtime.attribution_job.sources.kinesis import KinesisStreamReader, _connect
from runtime.attribution_job.sources.offsets import Offsets
from runtime.data_generator import handler
from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import publish
from runtime.data_generator.simulation import simulate
from tests.runtime.data_generator.simulated import INVOCATION, plain_settings

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

numbers = itertools.count()


@pytest.fixture
def client(emulator: str) -> "KinesisClient":
    """Returns a client that bypasses the proxy."""
    return boto3.client("kinesis", endpoint_url=emulator)


@pytest.fixture
def streams(client: "KinesisClient", monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[Stream, str]]:
    names: dict[Stream, str] = {"clicks": f"faulty-{next(numbers)}", "checkouts": f"faulty-{next(numbers)}"}
    for stream, name in names.items():
        client.create_stream(StreamName=name, ShardCount=2)
        monkeypatch.setenv(f"{stream.upper()}_STREAM", name)
    yield names
    for name in names.values():
        client.delete_stream(StreamName=name)


@pytest.fixture
def proxy(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[KinesisProxy]:
    """Starts a proxy and directs the reader and the publisher to it by the environment."""
    with kinesis_proxy.running(emulator) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", proxy.url)
        handler.kinesis.cache_clear()
        yield proxy
    handler.kinesis.cache_clear()


def reader(stream: str) -> KinesisStreamReader:
    """Returns a reader of unparsed records, with the retries of the job's client."""
    return KinesisStreamReader(lambda: _connect("us-east-1"), stream, 20, lambda records: records)


def read_rows(stream: str, count: int) -> Iterator[dict[str, Any]]:
    """Yields every row. A new reader reads each batch a second time and must return the same rows."""
    source = reader(stream)
    offsets: Offsets = {}
    rows_read = 0
    while rows_read < count:
        batches, end = source.read(offsets)
        rows = rows_of(batches)
        if rows:
            repeated_rows = rows_of(reader(stream).readBetweenOffsets(offsets, end))
            assert sorted(map(str, repeated_rows)) == sorted(map(str, rows))
        yield from rows
        rows_read, offsets = rows_read + len(rows), end
    source.stop()


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param(
            [
                KinesisFault(operation="ListShards", kind="limited", times=1),
                KinesisFault(operation="GetShardIterator", kind="throttled", times=1),
                KinesisFault(operation="GetRecords", kind="throttled", times=2, every=3),
            ],
            id="throttled",
        ),
        pytest.param(
            [
                KinesisFault(operation="GetShardIterator", kind="failing", times=1),
                KinesisFault(operation="GetRecords", kind="unavailable", times=1, every=3),
            ],
            id="failing",
        ),
        pytest.param([KinesisFault(operation="GetRecords", kind="expired", times=4, every=2)], id="expired"),
        pytest.param(
            [
                KinesisFault(operation="GetRecords", kind="reset", times=1, every=2),
                KinesisFault(operation="GetRecords", kind="unanswered", times=1, every=3),
            ],
            id="cut",
        ),
    ],
)
def test_every_record_is_read_once_and_in_order_despite_read_faults(
    client: "KinesisClient", streams: Mapping[Stream, str], proxy: KinesisProxy, faults: list[KinesisFault]
) -> None:
    name = streams["clicks"]
    put = defaultdict(list)
    for number in range(120):
        answer = client.put_record(StreamName=name, PartitionKey=f"user-{number % 7}", Data=b"%d" % number)
        put[f"user-{number % 7}"].append((answer["SequenceNumber"], b"%d" % number))
    proxy.inject(*faults)
    read = defaultdict(list)
    for row in read_rows(name, 120):
        assert row["streamName"] == name
        read[row["partitionKey"]].append((row["sequenceNumber"], row["data"]))
    assert proxy.spent
    assert read == put


@pytest.mark.parametrize(
    ("faults", "sent_again"),
    [
        pytest.param([KinesisFault(operation="PutRecords", kind="partial", times=2)], 300, id="partial"),
        pytest.param(
            [
                KinesisFault(operation="PutRecords", kind="throttled", times=1),
                KinesisFault(operation="PutRecords", kind="failing", times=1, every=2),
                KinesisFault(operation="PutRecords", kind="reset", times=1, every=3),
            ],
            1200,
            id="whole",
        ),
    ],
)
def test_refused_records_are_published_once(
    client: "KinesisClient",
    streams: Mapping[Stream, str],
    proxy: KinesisProxy,
    faults: list[KinesisFault],
    sent_again: int,
) -> None:
    clicks = [record for record in simulate(plain_settings(clicks=400), INVOCATION) if record.stream == "clicks"]
    proxy.inject(*faults)
    assert publish(handler.kinesis(), streams, clicks, 30) == sent_again
    assert proxy.spent
    assert Counter(stored.data for stored in read_streams(client, streams)) == Counter(record.data for record in clicks)


@pytest.mark.parametrize("kind", ["unanswered", "late"])
def test_a_put_without_a_response_is_repeated_with_the_same_ids(
    client: "KinesisClient", streams: Mapping[Stream, str], proxy: KinesisProxy, kind: Kind
) -> None:
    """To store them once is what keys are for: test_a_repeated_batch_changes_nothing_and_adds_up."""
    records = simulate(plain_settings(clicks=100, malformed_share=0), INVOCATION)
    clicks = [record.data for record in records if record.stream == "clicks"]
    checkouts = [record.data for record in records if record.stream == "checkouts"]
    # The generator's own configuration, with a shorter timeout.
    config = Config(read_timeout=2, retries={"total_max_attempts": 1})
    proxy.inject(KinesisFault(operation="PutRecords", kind=kind, times=1))
    assert publish(boto3.client("kinesis", config=config), streams, records, 30) == len(clicks)
    published = list(read_streams(client, streams))
    assert Counter(record.data for record in published) == Counter([*clicks, *clicks, *checkouts])
    assert collect(published).to_store == len(records)


def test_without_faults_the_proxy_changes_nothing(
    client: "KinesisClient", streams: Mapping[Stream, str], proxy: KinesisProxy
) -> None:
    proxied = boto3.client("kinesis", endpoint_url=proxy.url)
    proxied.put_record(StreamName=streams["clicks"], PartitionKey="ü", Data=bytes(range(256)))
    (record,) = read_streams(proxied, streams)
    assert [record] == list(read_streams(client, streams))
    assert record.data == bytes(range(256))
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        proxied.describe_stream_summary(StreamName="missing")
