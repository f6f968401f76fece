"""A stream that can be resharded, with the part of the Kinesis API that the source calls."""

import base64
import threading
from itertools import count
from typing import Any

from botocore.exceptions import ClientError

ARRIVAL = 1_795_000_000.125


class ExpiredIteratorException(Exception):
    pass


class FakeKinesis:
    """A client whose GetRecords returns at most `page` records, as JSON has them; iterators work until `expire`.

    `errors` maps a shard's id to the error codes of its next requests. `calls` has the shard of each request,
    `limits` the records that it asked for at most.
    """

    class exceptions:
        ExpiredIteratorException = ExpiredIteratorException

    class meta:
        class events:
            @staticmethod
            def register(event: str, handler: object, unique_id: str) -> None:
                """Ignores the handler: the records are raw already."""

    def __init__(self, shards: int = 2, page: int = 3) -> None:
        self.page = page
        self.errors: dict[str, list[str]] = {}
        self.calls: list[str] = []
        self.limits: list[int] = []
        self._lock = threading.RLock()
        self.records: dict[str, list[dict[str, Any]]] = {}
        self.parents: dict[str, list[str]] = {}
        self.closed: set[str] = set()
        self.list_calls = 0
        self._sequence = count(1)
        self._iterators: dict[str, tuple[str, int]] = {}
        self._iterator_numbers = count()
        for _ in range(shards):
            self._add_shard([])

    def put(self, data: bytes, shard: int = 0) -> None:
        opened = sorted(set(self.records) - self.closed)
        self.records[opened[shard % len(opened)]].append(
            {
                "Data": base64.b64encode(data).decode(),
                "PartitionKey": "p",
                "SequenceNumber": f"{next(self._sequence):056d}",
                "ApproximateArrivalTimestamp": ARRIVAL,
            }
        )

    def split(self, shard: int = 0) -> None:
        parent = sorted(set(self.records) - self.closed)[shard % len(set(self.records) - self.closed)]
        self.closed.add(parent)
        self._add_shard([parent])
        self._add_shard([parent])

    def merge(self) -> None:
        opened = sorted(set(self.records) - self.closed)
        if len(opened) > 1:
            self.closed.update(opened[:2])
            self._add_shard(opened[:2])

    def forget(self, shard_id: str) -> None:
        """Removes a shard whose records are older than the stream's retention."""
        del self.records[shard_id]

    def expire(self) -> None:
        self._iterators.clear()

    def _add_shard(self, parents: list[str]) -> None:
        shard_id = f"shardId-{len(self.parents):012d}"
        self.records[shard_id], self.parents[shard_id] = [], parents

    def get_paginator(self, _: str) -> "FakeKinesis":
        return self

    def paginate(self, StreamName: str) -> list[dict[str, Any]]:
        self.list_calls += 1
        names = ("ParentShardId", "AdjacentParentShardId")
        shards = [
            {"ShardId": shard_id} | dict(zip(names, self.parents[shard_id], strict=False)) for shard_id in self.records
        ]
        return [{"Shards": shards[:1]}, {"Shards": shards[1:]}]

    def get_shard_iterator(
        self,
        StreamName: str,
        ShardId: str,
        ShardIteratorType: str,
        StartingSequenceNumber: str = "",
    ) -> dict[str, str]:
        after = [r["SequenceNumber"] <= StartingSequenceNumber for r in self.records[ShardId]]
        return {"ShardIterator": self._iterator(ShardId, sum(after))}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        with self._lock:
            return self._get_records(ShardIterator, Limit)

    def _get_records(self, iterator: str, limit: int) -> dict[str, Any]:
        if iterator not in self._iterators:
            raise ExpiredIteratorException
        shard_id, position = self._iterators[iterator]
        self.calls.append(shard_id)
        self.limits.append(limit)
        if codes := self.errors.get(shard_id):
            raise ClientError({"Error": {"Code": codes.pop(0)}}, "GetRecords")
        everything = self.records[shard_id]
        page = everything[position : position + min(limit, self.page)]
        position += len(page)
        answer: dict[str, Any] = {"Records": page, "MillisBehindLatest": 1000 * (len(everything) - position)}
        if position < len(everything) or shard_id not in self.closed:
            answer["NextShardIterator"] = self._iterator(shard_id, position)
        return answer

    def _iterator(self, shard_id: str, position: int) -> str:
        name = f"iterator-{next(self._iterator_numbers)}"
        self._iterators[name] = (shard_id, position)
        return name
