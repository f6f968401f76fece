import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chaos import kinesis_proxy
from chaos.kinesis_proxy import Kind, KinesisFault, KinesisProxy
from chaos.publishing import Ledger, SeededPublisher
from local.reconciliation.comparison import Reconciliation, Record
from local.reconciliation.readback import read_streams
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

numbers = itertools.count()


@pytest.fixture
def streams(emulator: str) -> Iterator[dict[Stream, str]]:
    client = boto3.client("kinesis")
    names: dict[Stream, str] = {"clicks": f"ledger-{next(numbers)}"}
    client.create_stream(StreamName=names["clicks"], ShardCount=2)
    yield names
    client.delete_stream(StreamName=names["clicks"])


@pytest.fixture
def proxy(emulator: str) -> Iterator[KinesisProxy]:
    with kinesis_proxy.running(emulator) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: KinesisProxy) -> "KinesisClient":
    config = Config(read_timeout=2, retries={"total_max_attempts": 1})
    return boto3.client("kinesis", endpoint_url=proxy.url, config=config)


@pytest.fixture
def ledger(tmp_path: Path, client: "KinesisClient") -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl", client)


def put(client: "KinesisClient", streams: dict[Stream, str]) -> None:
    """Puts four records and ignores errors."""
    try:
        entries = [{"Data": b"%d" % number, "PartitionKey": f"{number}"} for number in range(4)]
        client.put_records(StreamName=streams["clicks"], Records=entries)  # type: ignore[arg-type]
    except (BotoCoreError, ClientError):
        pass


def check(ledger: Ledger, records: list[Record], streams: dict[Stream, str]) -> tuple[int, int]:
    """Returns the numbers of lost and wrong records."""
    result = Reconciliation(published=0, accepted=0, repeated=0, dead_lettered=0, checkouts=0, attributed=0)
    ledger.check(records, streams, result)
    return result.lost, result.wrong


# The number of records of a put of four that reach the stream despite each fault.
ARRIVED: dict[Kind, int] = {"partial": 2, "throttled": 0, "failing": 0, "unanswered": 4, "late": 4, "reset": 0}


def test_the_ledger_agrees_with_the_stream_after_every_fault(
    ledger: Ledger, client: "KinesisClient", streams: dict[Stream, str], proxy: KinesisProxy
) -> None:
    put(client, streams)
    for kind in ARRIVED:
        proxy.inject(KinesisFault(operation="PutRecords", kind=kind, times=1))
        put(client, streams)
    records = list(read_streams(boto3.client("kinesis"), streams))
    assert len(records) == 4 + sum(ARRIVED.values())
    assert check(ledger, records, streams) == (0, 0)


def test_an_accepted_record_that_is_not_in_the_stream_is_lost(
    ledger: Ledger, client: "KinesisClient", streams: dict[Stream, str]
) -> None:
    put(client, streams)
    records = list(read_streams(boto3.client("kinesis"), streams))
    assert check(ledger, records[1:], streams) == (1, 0)
    assert check(ledger, [records[0]._replace(data=b"other"), *records[1:]], streams) == (1, 0)


def test_a_record_that_was_not_sent_is_wrong(
    ledger: Ledger, client: "KinesisClient", streams: dict[Stream, str]
) -> None:
    put(client, streams)
    boto3.client("kinesis").put_record(StreamName=streams["clicks"], PartitionKey="x", Data=b"0")
    assert check(ledger, list(read_streams(boto3.client("kinesis"), streams)), streams) == (0, 1)


def test_published_events_depend_on_the_seed_and_not_on_the_clock() -> None:
    first, repeated, other = SeededPublisher(1), SeededPublisher(1), SeededPublisher(2)
    assert [first.event(n) for n in range(3)] == [repeated.event(n) for n in range(3)]
    assert first.event(0) != other.event(0)
