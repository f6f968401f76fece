"""Kinesis: closed shards stay until they are drained, and expired records are cut from the front."""

import json
import time
from typing import Any


def extend(kinesis: Any) -> None:
    reshard_like_aws(kinesis)
    expire_from_the_front(kinesis)


def reshard_like_aws(kinesis: Any) -> None:
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


def expire_from_the_front(kinesis: Any) -> None:
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
