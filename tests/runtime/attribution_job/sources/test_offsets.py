"""The order in which the shards of a resharded stream become readable."""

from typing import TYPE_CHECKING

import pytest

from runtime.attribution_job.sources.offsets import Offsets, readable_shards

if TYPE_CHECKING:
    from mypy_boto3_kinesis.type_defs import ShardTypeDef

RANGES = {
    "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
    "SequenceNumberRange": {"StartingSequenceNumber": "0"},
}


def merged() -> "dict[str, ShardTypeDef]":
    """Returns two shards and the one into which they were merged."""
    shards: dict[str, ShardTypeDef] = {name: {"ShardId": name, **RANGES} for name in ("a", "b", "c")}  # type: ignore[typeddict-item]
    shards["c"] |= {"ParentShardId": "a", "AdjacentParentShardId": "b"}
    return shards


@pytest.mark.parametrize(
    ("ended", "readable"), [("", ["a", "b"]), ("a", ["b"]), ("b", ["a"]), ("ab", ["c"]), ("abc", [])]
)
def test_a_merged_shard_is_readable_after_the_end_of_both_parents(ended: str, readable: list[str]) -> None:
    offsets: Offsets = {name: {"after": "1", "ended": name in ended} for name in ("a", "b", "c")}
    assert readable_shards(merged(), offsets) == readable


@pytest.mark.parametrize("removed", ["a", "b"])
def test_a_parent_that_retention_has_removed_counts_as_ended(removed: str) -> None:
    shards = merged()
    del shards[removed]
    (remaining,) = {"a", "b"} - {removed}
    assert readable_shards(shards, {}) == [remaining]
    assert readable_shards(shards, {remaining: {"after": "1", "ended": True}}) == ["c"]
