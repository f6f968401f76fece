import json
import logging
from typing import TYPE_CHECKING

import pytest
from botocore.stub import ANY, Stubber

from local.servers.processes import free_port
from runtime.data_generator import handler as module
from runtime.data_generator.handler import handler
from runtime.data_generator.publishing import PublishError
from runtime.data_generator.settings import Settings, SettingsError
from runtime.data_generator.simulation import fingerprint, simulate
from tests.runtime.data_generator.conftest import EVENT, INVOCATION, Context, read_all
from tests.runtime.data_generator.fake_kinesis import record

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


def test_simulated_records_arrive_in_the_streams_and_are_counted(
    streams: "KinesisClient", caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    counts = handler(EVENT | {"detail": {"clicks": 2000, "malformed_share": 0.05}}, Context(30))
    settings = Settings.load(
        {"CLICKS_STREAM": "shop-clicks", "CHECKOUTS_STREAM": "shop-checkouts"},
        {"clicks": 2000, "malformed_share": 0.05},
    )
    records = simulate(settings, INVOCATION)
    clicks, checkouts = read_all(streams, "shop-clicks"), read_all(streams, "shop-checkouts")
    for shards, stream in ((clicks, "clicks"), (checkouts, "checkouts")):
        expected = [(record.partition_key, record.data) for record in records if record.stream == stream]
        assert sorted(pair for shard in shards.values() for pair in shard) == sorted(expected)
        for shard in shards.values():
            assert shard == [pair for pair in expected if pair in set(shard)]
    assert min(len(shard) for shard in clicks.values()) > 500
    assert counts == {
        "invocation_id": "event-1",
        "clicks": sum(len(shard) for shard in clicks.values()),
        "checkouts": len(checkouts["shardId-000000000000"]),
        "malformed": sum(record.defect is not None for record in records),
        "late": sum(record.late for record in records),
        "packed": sum(record.packed for record in records),
        "events": sum(record.events for record in records),
        "retried": 0,
    }
    [log_record] = [record for record in caplog.records if record.name == module.__name__]
    assert counts.items() <= vars(log_record).items()
    assert vars(log_record)["fingerprint"] == fingerprint(settings, INVOCATION)
    json.dumps(counts)


def test_a_retried_invocation_publishes_the_same_records_again(streams: "KinesisClient") -> None:
    event = EVENT | {"detail": {"clicks": 100}}
    assert handler(event, Context(30)) == handler(event, Context(20))
    [published] = read_all(streams, "shop-checkouts").values()
    half = len(published) // 2
    assert half > 0
    assert published[:half] == published[half:]


def test_a_refused_payload_publishes_nothing(streams: "KinesisClient") -> None:
    with pytest.raises(SettingsError, match="payload clicks = -1"):
        handler({"clicks": -1}, Context(30))
    assert [shard for shard in read_all(streams, "shop-clicks").values() if shard] == []


def test_a_missing_stream_fails_the_invocation_with_kinesis_error(emulator: str) -> None:
    with pytest.raises(PublishError, match=r"5 of 5 clicks.*ResourceNotFoundException"):
        handler({"clicks": 5, "variety": 0}, Context(30))


def test_an_unreachable_endpoint_fails_the_invocation_within_its_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(PublishError, match=r"5 of 5 clicks.*EndpointConnectionError"):
        handler({"clicks": 5, "variety": 0}, Context(0.5))


def test_refused_entries_are_counted_as_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "simulate", lambda *_: [record(1), record(2)])
    accepted = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "Internal service failure."}
    with Stubber(module.kinesis()) as stub:
        expected = {"StreamName": "shop-clicks", "Records": ANY}
        stub.add_response("put_records", {"FailedRecordCount": 1, "Records": [accepted, refused]}, expected)
        stub.add_response("put_records", {"Records": [accepted]}, expected)
        assert handler(EVENT, None)["retried"] == 1
