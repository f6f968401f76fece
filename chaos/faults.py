"""The injection of each fault of a schedule.

An injection returns when the fault is over; it does not wait for the job to recover.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from chaos import database_faults
from chaos.kinesis_proxy import KinesisFault
from chaos.postgres_proxy import Moment
from chaos.rig import Rig, Servers
from chaos.schedule import DISK_FULL, OFFSETS, REFUSES, STATE, Fault
from local.servers import postgres
from runtime.data_generator.events import Stream

Injection: TypeAlias = Callable[[Rig, Fault], None]


def is_available(servers: Servers, name: str) -> bool:
    """Returns whether this machine can inject the fault `name`: a full disk needs a mounted file system."""
    return name != DISK_FULL or servers.disk is not None


def inject(rig: Rig, fault: Fault) -> None:
    """Injects `fault`.

    Raises:
        RunError: the fault did not occur in time.
    """
    INJECTIONS[fault.name](rig, fault)


def _at(moment: Moment, action: Callable[[Rig], object]) -> Injection:
    """Returns an injection that does `action` when a transaction reaches `moment`."""

    def injection(rig: Rig, _: Fault) -> None:
        happened = rig.postgres_proxy.at(moment, lambda: action(rig))
        rig.wait(happened.is_set, f"a transaction to reach the moment '{moment}'")

    return injection


def _kill_on_new_file(folder: str) -> Injection:
    """Returns an injection that kills the job when a file appears in `folder` of the checkpoint.

    Spark writes a file under a temporary name and then renames it; the kill comes before or after the renaming.
    """

    def injection(rig: Rig, _: Fault) -> None:
        known_files = _files(rig.checkpoint / folder)
        rig.wait(lambda: _files(rig.checkpoint / folder) - known_files, f"a file in {folder}", pause=0.001)
        rig.kill()

    return injection


def _files(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*") if not path.is_dir()}


def _kill(rig: Rig, _: Fault) -> None:
    rig.kill()


def _kill_twice(rig: Rig, fault: Fault) -> None:
    restarts = rig.job.restarts
    rig.kill()
    rig.wait(lambda: rig.job.restarts > restarts, "the job to be started again")
    rig.sleep(fault.seconds)
    rig.kill()


def _while_stopped(reshard: Injection) -> Injection:
    def injection(rig: Rig, fault: Fault) -> None:
        rig.stop()
        reshard(rig, fault)

    return injection


def _split(rig: Rig, fault: Fault) -> None:
    """Splits the open shard with the largest range of hash keys."""
    first, last, shard_id = max(open_shards(rig, fault.stream), key=lambda shard: shard[1] - shard[0])
    rig.kinesis.split_shard(
        StreamName=rig.streams[fault.stream], ShardToSplit=shard_id, NewStartingHashKey=str((first + last) // 2)
    )


def _merge(rig: Rig, fault: Fault) -> None:
    if len(open_shards(rig, fault.stream)) == 1:  # After an earlier merge.
        _split(rig, fault)
    (*_, left), (*_, right), *_ = open_shards(rig, fault.stream)
    rig.kinesis.merge_shards(StreamName=rig.streams[fault.stream], ShardToMerge=left, AdjacentShardToMerge=right)


def open_shards(rig: Rig, stream: Stream) -> list[tuple[int, int, str]]:
    """Returns the first hash key, last hash key and id of each open shard, in the order of the hash keys."""
    shards = rig.kinesis.list_shards(StreamName=rig.streams[stream])["Shards"]
    return sorted(
        (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]), shard["ShardId"])
        for shard in shards
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    )


def _kinesis(*faults: KinesisFault) -> Injection:
    def injection(rig: Rig, _: Fault) -> None:
        rig.kinesis_proxy.inject(*faults)
        rig.wait(lambda: rig.kinesis_proxy.spent, f"calls to inject {faults} into")

    return injection


def _refuse(rig: Rig, fault: Fault) -> None:
    rig.postgres_proxy.refuse()
    rig.sleep(fault.seconds)
    rig.postgres_proxy.accept()


def _terminate(rig: Rig) -> None:
    with rig.owner() as owner:
        database_faults.terminate_writers(owner)


def _terminate_first(rig: Rig) -> None:
    with rig.owner() as owner:
        database_faults.terminate_first_writer(owner)


def _deadlock(rig: Rig, _: Fault) -> None:
    with rig.owner() as owner:
        rig.wait(lambda: owner.execute("select 1 from users").fetchone(), "users to lock")
        database_faults.deadlock(owner, rig.postgres_proxy)


def _no_connection(rig: Rig, fault: Fault) -> None:
    with rig.owner() as owner, database_faults.out_of_connections(owner):
        rig.sleep(fault.seconds)


def _disk_full(rig: Rig, fault: Fault) -> None:
    assert rig.servers.disk  # noqa: S101 - `is_available` has checked it
    with database_faults.full(rig.servers.disk):
        rig.sleep(fault.seconds)


INJECTIONS: dict[str, Injection] = {
    "job killed before a commit": _at("before commit", Rig.kill),
    "job killed during a commit": _at("at commit", Rig.kill),
    "job killed after a commit": _at("after commit", Rig.kill),
    STATE: _kill_on_new_file("state"),
    OFFSETS: _kill_on_new_file("offsets"),
    "job killed at any moment": _kill,
    "job killed twice in a row": _kill_twice,
    "shard split while the job is stopped": _while_stopped(_split),
    "shards merged while the job is stopped": _while_stopped(_merge),
    "database restarted in a transaction": _at(
        "in transaction", lambda rig: postgres.restart(rig.servers.postgres_folder)
    ),
    "database crashed in a transaction": _at(
        "in transaction", lambda rig: postgres.restart(rig.servers.postgres_folder, mode="immediate")
    ),
    "session ended in a transaction": _at("in transaction", _terminate),
    "first session ended in a transaction": _at("in transaction", _terminate_first),
    REFUSES: _refuse,
    "session cut before a commit": _at("before commit", lambda _: None),
    "response to a commit lost": _at("commit answered", lambda _: None),
    "deadlock with another writer": _deadlock,
    "no free connection": _no_connection,
    DISK_FULL: _disk_full,
    "reads throttled": _kinesis(
        KinesisFault(operation="GetRecords", kind="throttled", times=6, every=2),
        KinesisFault(operation="GetRecords", kind="limited", times=3, every=3),
    ),
    "reads fail": _kinesis(
        KinesisFault(operation="GetRecords", kind="failing", times=4, every=2),
        KinesisFault(operation="GetRecords", kind="unavailable", times=4, every=3),
    ),
    "reads cut": _kinesis(
        KinesisFault(operation="GetRecords", kind="reset", times=4, every=2),
        KinesisFault(operation="GetRecords", kind="unanswered", times=4, every=3),
    ),
    "iterators expire": _kinesis(KinesisFault(operation="GetRecords", kind="expired", times=8)),
    "puts throttled": _kinesis(KinesisFault(operation="PutRecords", kind="throttled", times=4)),
    "puts fail": _kinesis(
        KinesisFault(operation="PutRecords", kind="failing", times=2, every=2),
        KinesisFault(operation="PutRecords", kind="unavailable", times=2, every=3),
    ),
    "puts partly refused": _kinesis(KinesisFault(operation="PutRecords", kind="partial", times=4)),
    "response to a put lost": _kinesis(KinesisFault(operation="PutRecords", kind="unanswered", times=3, every=2)),
    "response to a put delayed": _kinesis(KinesisFault(operation="PutRecords", kind="late", times=1)),
    "shard split": _split,
    "shards merged": _merge,
}
