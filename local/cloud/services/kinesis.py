"""Kinesis: closed shards stay readable after resharding, and expired records are dropped without a full scan."""

import json
import time
from typing import Any


def extend(kinesis: Any) -> None:
    reshard_like_aws(kinesis)
    expire_from_front(kinesis)


def reshard_like_aws(kinesis: Any) -> None:
    """Keeps a split or merged shard as a closed shard; `ministack` alone would drop it with its records.

    On AWS a parent shard stays listed and accepts no more records. The response to its last GetRecords has no next
    iterator and names the child shards:
    https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
    """
    split, merge, route = kinesis._split_shard, kinesis._merge_shards, kinesis._route_to_shard
    get_records, shard_out = kinesis._get_records, kinesis._shard_out

    def keeping_closed_shards(operation: Any) -> Any:
        def reshard(data: dict[str, Any]) -> Any:
            _, stream = kinesis._resolve_stream(data)
            previous_shards = dict(stream["shards"]) if stream else {}
            response = operation(data)
            if stream:
                for shard_id, shard in previous_shards.items():
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
            body_fields = json.loads(body)
            next_iterator = kinesis._shard_iterators[body_fields["NextShardIterator"]]
            if next_iterator["position"] >= len(shard["records"]):
                del body_fields["NextShardIterator"]
                body_fields["ChildShards"] = [
                    {
                        "ShardId": child_id,
                        "ParentShards": [iterator["shard_id"]],
                        "HashKeyRange": shard_out(child_id, child)["HashKeyRange"],
                    }
                    for child_id, child in stream["shards"].items()
                    if iterator["shard_id"] in (child["parent_shard_id"], child["adjacent_parent_shard_id"])
                ]
                body = json.dumps(body_fields).encode()
        return status, headers, body

    def shard_out_with_ending_number(shard_id: str, shard: dict[str, Any]) -> Any:
        listed = shard_out(shard_id, shard)
        if "ending_sequence_number" in shard:
            listed["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return listed

    kinesis._split_shard, kinesis._merge_shards = keeping_closed_shards(split), keeping_closed_shards(merge)
    kinesis._route_to_shard = route_to_open_shard
    kinesis._get_records = get_records_of_closed_shard
    kinesis._shard_out = shard_out_with_ending_number


def expire_from_front(kinesis: Any) -> None:
    """Drops expired records from the front of a shard; `ministack` alone scans all records on every call."""

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
