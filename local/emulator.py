"""The AWS emulator on this machine: `ministack` on 127.0.0.1, its Kinesis made to reshard as AWS does.

`python -m local.emulator` runs it in the foreground; `running()` runs that as a child process.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import processes
from local.errors import RunError

STARTUP_SECONDS = 60
# Whatever the emulator is asked with is accepted; boto3 only insists that there is something.
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(log_file: Path) -> Iterator[str]:
    """Starts the emulator on a free port and yields its URL; it ends with the block.

    Raises:
        RunError: it did not answer in time; the message names its log.
    """
    port = processes.free_port()
    environment = os.environ | {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "local.emulator"]
    with processes.child(command, environment=environment, log_file=log_file) as process:
        _wait_until_it_answers(process, port, log_file)
        yield f"http://127.0.0.1:{port}"


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if processes.is_listening(port):
            return
        time.sleep(0.05)
    raise RunError(f"the AWS emulator did not start on 127.0.0.1:{port}; see {log_file}")


def _reshard_like_aws(kinesis: Any) -> None:
    """Keeps a split or merged shard, closed, until it is drained; `ministack` would drop it with its records.

    On AWS a parent stays listed, takes no more records, and its last GetRecords has no next iterator
    but names the children:
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    split, merge, route = kinesis._split_shard, kinesis._merge_shards, kinesis._route_to_shard
    get_records, shard_out = kinesis._get_records, kinesis._shard_out

    def closing(operation: Any) -> Any:
        def reshard(data: dict[str, Any]) -> Any:
            _, stream = kinesis._resolve_stream(data)
            before = dict(stream["shards"]) if stream else {}
            response = operation(data)
            if stream:
                for shard_id, shard in before.items():
                    if shard_id not in stream["shards"]:
                        shard["ending_sequence_number"] = kinesis._next_sequence_number()
                        stream["shards"][shard_id] = shard
            return response

        return reshard

    def route_to_open_shard(hash_key: int, stream: dict[str, Any]) -> Any:
        open_shards = {k: v for k, v in stream["shards"].items() if "ending_sequence_number" not in v}
        return route(hash_key, {"shards": open_shards})

    def get_records_of_closed_shard(data: dict[str, Any]) -> Any:
        iterator = kinesis._shard_iterators.get(data.get("ShardIterator"))
        status, headers, body = get_records(data)
        stream = kinesis._streams.get(iterator["stream"]) if iterator and status == 200 else None
        shard = stream["shards"].get(iterator["shard_id"]) if iterator and stream else None
        if iterator and stream and shard and "ending_sequence_number" in shard:
            answer = json.loads(body)
            following = kinesis._shard_iterators[answer["NextShardIterator"]]
            if following["position"] >= len(shard["records"]):
                del answer["NextShardIterator"]
                answer["ChildShards"] = [
                    {
                        "ShardId": child_id,
                        "ParentShards": [iterator["shard_id"]],
                        "HashKeyRange": shard_out(child_id, child)["HashKeyRange"],
                    }
                    for child_id, child in stream["shards"].items()
                    if iterator["shard_id"] in (child["parent_shard_id"], child["adjacent_parent_shard_id"])
                ]
                body = json.dumps(answer).encode()
        return status, headers, body

    def shard_out_with_end(shard_id: str, shard: dict[str, Any]) -> Any:
        listed = shard_out(shard_id, shard)
        if "ending_sequence_number" in shard:
            listed["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return listed

    kinesis._split_shard, kinesis._merge_shards = closing(split), closing(merge)
    kinesis._route_to_shard = route_to_open_shard
    kinesis._get_records = get_records_of_closed_shard
    kinesis._shard_out = shard_out_with_end


def _expire_from_the_front(kinesis: Any) -> None:
    """Drops expired records without a scan of all records on every call, which is what `ministack` does."""

    def expire(stream: dict[str, Any]) -> None:
        cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
        for shard in stream["shards"].values():
            records = shard["records"]
            expired = 0
            while expired < len(records) and records[expired]["ApproximateArrivalTimestamp"] < cutoff:
                expired += 1
            if expired:
                del records[:expired]

    kinesis._expire_records = expire


def main() -> None:
    # Imported here, because that alone starts things.
    from ministack import app  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services import kinesis  # type: ignore[import-untyped]  # noqa: PLC0415

    _reshard_like_aws(kinesis)
    _expire_from_the_front(kinesis)
    app.main()


if __name__ == "__main__":
    main()
