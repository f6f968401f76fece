"""Offsets of a stream: the read position of each shard, as JSON keeps them in the checkpoint.

{"shardId-000000000000": {"after": "49590338271490256608559692538361571095921575989136588898",
                          "ended": false, "behind_ms": 0}}
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NotRequired, TypeAlias, TypedDict

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import ShardTypeDef


class Position(TypedDict):
    """A shard's read position.

    `after`: sequence number of the last record read; null before the first. `ended`: the shard is closed and has been
    read to its end. `behind_ms`: the shard's consumer lag, which Kinesis reported with that record; a position that was
    stored by an earlier version has none.
    """

    after: str | None
    ended: bool
    behind_ms: NotRequired[int]


Offsets: TypeAlias = dict[str, Position]
START: Position = {"after": None, "ended": False}


def readable_shards(shards: "Mapping[str, ShardTypeDef]", offsets: Offsets) -> list[str]:
    """Returns the shards that have not ended and whose parents have: a parent's records come before its children's.

    A parent that Kinesis does not list any more has outlived the stream's retention, and has no records.
    """

    def ended(shard_id: str | None) -> bool:
        return shard_id is None or shard_id not in shards or offsets.get(shard_id, START)["ended"]

    return [
        shard_id
        for shard_id, shard in sorted(shards.items())
        if not ended(shard_id) and ended(shard.get("ParentShardId")) and ended(shard.get("AdjacentParentShardId"))
    ]


def behind_ms(offsets: Mapping[str, Position]) -> dict[str, int]:
    """Returns the consumer lag of each open shard in milliseconds; none for offsets of another source."""
    return {
        shard_id: position["behind_ms"]
        for shard_id, position in offsets.items()
        if isinstance(position, dict) and "behind_ms" in position and not position["ended"]
    }
