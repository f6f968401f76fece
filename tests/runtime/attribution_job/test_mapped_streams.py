"""Streams of foreign events: the job with a mapping, the emulator's Kinesis and a real PostgreSQL."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from local.folder import PROJECT
from tests.runtime.attribution_job.job_process import StartJob, wait_for

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

SEGMENT = PROJECT / "tests" / "cases" / "mappings" / "segment"
STORED: dict[str, str] = {
    "click": "select click_id from raw_clicks",
    "checkout": "select checkout_id from raw_checkouts",
    "refund": "select refund_id from raw_refunds",
}


def test_segment_events_of_one_stream_become_credited_checkouts(
    client: "KinesisClient", job: StartJob, migrated: psycopg.Connection, tmp_path: Path
) -> None:
    """Segment's Kinesis destination puts all events on one stream. The other stream stays empty."""
    for stream in ("clicks", "checkouts"):
        client.create_stream(StreamName=stream, ShardCount=1)
    records = (SEGMENT / "records.jsonl").read_bytes().splitlines()
    for data in records:
        client.put_record(StreamName="clicks", PartitionKey="segment", Data=data)
    process = job("postgres", "--event_mapping", "segment")
    read = "select coalesce(sum(records), 0)::int from batches"
    wait_for(migrated, read, len(records), tmp_path / "job.log", process)

    outcomes = lines(SEGMENT / "outcomes.jsonl")
    accepted = [outcome for line in outcomes for outcome in line if "reason" not in outcome]
    for kind, query in STORED.items():
        ids = {outcome[f"{kind}_id"] for outcome in accepted if outcome["kind"] == kind}
        assert {event_id for (event_id,) in migrated.execute(query.encode())} == ids
        assert ids
    ignored = migrated.execute("select sum(ignored)::int from batches").fetchone()
    assert ignored == (outcomes.count([]),)
    credited = migrated.execute(
        "select utm_source, net_amount < gross_amount from net_checkouts where click_id is not null"
    ).fetchall()
    assert ("google", True) in credited


def lines(path: Path) -> list[list[dict[str, Any]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
