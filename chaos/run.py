"""Runs one seed: injects its faults into the running pipeline, then accounts for every record."""

import json
import shutil
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from chaos import contents, faults
from chaos.publishing import Ledger, SeededPublisher
from chaos.rig import Rig, Servers, assembled
from chaos.schedule import Schedule
from local.errors import RunError
from local.pipeline import waiting
from local.pipeline.waiting import rows_stored
from local.reconciliation import readback
from local.reconciliation.comparison import Record, collect, reconcile
from runtime.data_generator import handler

COMMITTED: LiteralString = "select exists (select from batches where committed_at > %(moment)s)"
TABLES = (
    "raw_clicks",
    "raw_checkouts",
    "raw_refunds",
    "attributed_checkouts",
    "users",
    "dead_letters",
    "conflicts",
    "batches",
    "batch_slices",
)


@dataclass(frozen=True, kw_only=True)
class Injected:
    """A fault that was injected.

    `at` is in seconds since the start of the job. `recovery` is the time from the fault's end to the next commit, in
    seconds.
    """

    name: str
    at: float
    recovery: float


@dataclass(kw_only=True)
class Outcome:
    """The outcome of one seed.

    `missing` names the faults that this machine cannot inject. `restarts` counts how often the job ended by itself and
    was restarted. `error` is the reason why the run ended early.
    """

    seed: int
    join: str
    writers: int = 1
    injected: list[Injected] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    records: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    restarts: int = 0
    seconds: float = 0
    error: str | None = None
    examples: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return self.error is None and not (self.lost or self.duplicated or self.wrong)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def run(schedule: Schedule, servers: Servers, folder: Path) -> Outcome:
    """Runs the seed of `schedule`.

    When the seed has not passed, `folder` keeps the schedule, logs, checkpoint, ledger, streams and tables.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "schedule.json").write_text(json.dumps(schedule.as_json(), indent=2))
    outcome = Outcome(seed=schedule.seed, join=schedule.join, writers=schedule.writers)
    start = time.monotonic()
    with assembled(schedule, servers, folder) as rig:
        try:
            _run(rig, outcome, folder)
        except (RunError, psycopg.Error) as error:
            outcome.error = str(error)
        if not outcome.passed:
            _keep(rig, folder)
    outcome.seconds = round(time.monotonic() - start, 1)
    (folder / "outcome.json").write_text(json.dumps(outcome.as_json(), indent=2))
    if outcome.passed:
        shutil.rmtree(folder)
    return outcome


def _run(rig: Rig, outcome: Outcome, folder: Path) -> None:
    ledger = Ledger(folder / "ledger.jsonl", handler.kinesis())
    start = time.monotonic()
    rig.job.start()
    with SeededPublisher(rig.schedule.seed) as publisher:
        if not rig.schedule.early:
            _recover(rig)
        for fault in rig.schedule.faults:
            if not faults.is_available(rig.servers, fault.name):
                outcome.missing.append(fault.name)
                continue
            rig.sleep(fault.pause)
            publisher.check()
            at = time.monotonic() - start
            faults.inject(rig, fault)
            outcome.injected.append(Injected(name=fault.name, at=round(at, 1), recovery=_recover(rig)))
    rig.heal()
    _end_shards(rig)
    records = list(readback.read_streams(rig.kinesis, rig.streams))
    _drain(rig, collect(records).to_store)
    rig.job.stop()
    outcome.restarts = rig.job.restarts - rig.ended
    _account(rig, records, ledger, outcome)


def _recover(rig: Rig) -> float:
    """Waits for the next commit of a micro-batch; returns the seconds until then.

    Raises:
        RunError: the tables of a user disagree in the meantime.
    """
    start, moment = time.monotonic(), datetime.now(UTC)

    def committed() -> bool:
        with rig.owner() as owner:
            if users := owner.execute(contents.DISAGREEING_USERS).fetchall():
                raise RunError(f"the tables disagree about these users: {users}")
            return bool((owner.execute(COMMITTED, {"moment": moment}).fetchone() or (False,))[0])

    rig.wait(committed, "a commit", pause=0.2)
    return round(time.monotonic() - start, 1)


def _end_shards(rig: Rig) -> None:
    """Puts an invalid record at the end of every open shard.

    When the record is stored as a dead letter, all earlier records of the shard and of its parents have been read.
    """
    for stream, name in rig.streams.items():
        for first, _, shard_id in faults.open_shards(rig, stream):
            handler.kinesis().put_records(
                StreamName=name,
                Records=[{"Data": shard_id.encode(), "PartitionKey": "end", "ExplicitHashKey": str(first)}],
            )


def _drain(rig: Rig, total: int) -> None:
    with rig.owner() as owner:
        if not waiting.wait_until_stored(total, lambda: rows_stored(owner), rig.job.keep_alive, lambda _: None):
            raise RunError(f"timed out: {rows_stored(owner)} of {total} rows are stored; {rig.job.where_to_look()}")


def _account(rig: Rig, records: list[Record], ledger: Ledger, outcome: Outcome) -> None:
    with rig.owner() as owner:
        result = reconcile(collect(records), readback.read_database(owner, rig.streams))
        contents.compare(contents.recompute(records, rig.streams), contents.read(owner), result)
    ledger.check(records, rig.streams, result)
    if result.published != result.accepted + result.repeated + result.dead_lettered:
        result.add_wrong(
            f"received {result.published} events, but accepted {result.accepted}, repeated {result.repeated} and"
            f" dead-lettered {result.dead_lettered}"
        )
    outcome.records = result.records
    outcome.lost, outcome.duplicated, outcome.wrong = result.lost, result.duplicated, result.wrong
    outcome.examples = result.examples


def _keep(rig: Rig, folder: Path) -> None:
    """Writes the contents of the streams and of the tables to files in `folder`."""
    with (folder / "streams.jsonl").open("w") as file:
        for record in readback.read_streams(rig.kinesis, rig.streams):
            file.write(json.dumps(record._asdict() | {"data": repr(record.data)}, default=str) + "\n")
    with rig.owner() as owner, owner.cursor() as cursor:
        for table in TABLES:
            with (
                (folder / f"{table}.csv").open("wb") as file,
                cursor.copy(f"copy (select * from {table}) to stdout csv header".encode()) as rows,  # noqa: S608 - our own tables
            ):
                for row in rows:
                    file.write(row)
