"""The run of one seed as in `make chaos`, with short schedules."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from chaos import run as module
from chaos.__main__ import summary
from chaos.rig import Servers, assembled
from chaos.run import Injected, Outcome, run
from chaos.schedule import Fault, Schedule
from local.folder import PROJECT
from local.servers import class_archive, java
from local.servers.postgres import Server
from tests.local.commands import leftovers
from tests.waiting import wait_until

KILLS = (
    "job killed during a commit",
    "job killed while it writes state",
    "job killed while it writes offsets",
    "job killed twice in a row",
)
OTHERS = (
    "shard split",
    "response to a commit lost",
    "iterators expire",
    "puts partly refused",
    "session ended in a transaction",
    "response to a put lost",
    "database crashed in a transaction",
    "reads cut",
)


def schedule(*names: str) -> Schedule:
    """Returns a schedule with short pauses between the faults: the job's starts already take most of the time."""
    faults = tuple(Fault(name=name, pause=0.1, seconds=1, stream="clicks") for name in names)
    return Schedule(seed=0, join="spark", writers=3, early=True, faults=faults)


@pytest.fixture
def servers(emulator_url: str, server: Server, server_folder: Path) -> Servers:
    return Servers(
        kinesis_url=emulator_url,
        postgres=server,
        postgres_folder=server_folder,
        disk=None,
        java_home=java.ensure(),
        java_options=class_archive.java_options(),
    )


@pytest.mark.parametrize("names", [KILLS, OTHERS], ids=["kills", "others"])
def test_successive_faults_lose_duplicate_and_corrupt_nothing(
    servers: Servers, tmp_path: Path, names: tuple[str, ...]
) -> None:
    outcome = run(schedule(*names), servers, tmp_path / "seed-0")
    assert outcome.passed, summary(outcome)
    assert [fault.name for fault in outcome.injected] == list(names)
    assert outcome.records > 1000
    assert outcome.restarts == 0
    assert not (tmp_path / "seed-0").exists()


def test_a_failed_run_keeps_the_streams_and_the_tables(servers: Servers, tmp_path: Path) -> None:
    with assembled(schedule(), servers, tmp_path) as rig:
        rig.kinesis.put_record(StreamName=rig.streams["clicks"], PartitionKey="p", Data=b"\xff")
        with rig.owner() as owner:
            owner.execute("insert into dead_letters values ('clicks', '7', 'p', 'not UTF-8', '', now())")
        module._keep(rig, tmp_path)
        names, kinesis = set(rig.streams.values()), rig.kinesis
    (record,) = map(json.loads, (tmp_path / "streams.jsonl").read_text().splitlines())
    assert (record["stream"], record["data"]) == ("clicks", repr(b"\xff"))
    assert "not UTF-8" in (tmp_path / "dead_letters.csv").read_text()
    assert {path.stem for path in tmp_path.glob("*.csv")} == set(module.TABLES)
    # The run's streams and database have been deleted.
    assert not names & set(kinesis.list_streams()["StreamNames"])
    with psycopg.connect(servers.postgres.url("postgres")) as admin:
        assert admin.execute("select 1 from pg_database where datname = 'seed_0'").fetchone() is None


def test_the_summary_of_a_failed_seed_names_the_error_and_the_command() -> None:
    fault = Injected(name="shard split", at=3.2, recovery=0.4)
    failed = Outcome(seed=7, join="spark", injected=[fault], records=1200, lost=1, examples=["lost: row k"])
    text = summary(failed)
    assert "seed 7, join spark, writers 1: shard split at 3.2 s (0.4 s)" in text
    assert "1 lost, 0 duplicated, 0 wrong" in text
    assert "lost: row k" in text
    assert 'make chaos ARGS="--seed 7 --count 1 --writers 1"' in text
    assert "make chaos" not in summary(Outcome(seed=7, join="spark", records=1200))
    assert not Outcome(seed=7, join="spark", error="the job ended").passed


def test_ctrl_c_ends_all_started_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "chaos", "--count", "2", "--workers", "2"]
    process = subprocess.Popen(
        command, cwd=PROJECT, env=os.environ | {"LOCAL_FOLDER": str(tmp_path)}, stderr=subprocess.PIPE, text=True
    )
    wait_until(lambda: len(list((tmp_path / "chaos").glob("seed-*/job.log"))) == 2, "both jobs")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "interrupted; all started processes have been stopped\n")
    assert leftovers(tmp_path) == []
    assert list((tmp_path / "chaos").glob("servers*")) == []
