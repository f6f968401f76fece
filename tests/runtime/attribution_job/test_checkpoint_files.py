"""What the job writes to its checkpoint. Each file costs requests to S3, which stacks/micro_batches.py prices."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from local.servers.postgres import Server
from runtime.attribution_job import checkpoints, job
from runtime.attribution_job.arguments import JobArguments
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import open_sink
from tests.runtime.attribution_job.events.published import Published
from tests.runtime.attribution_job.runs import arguments_for

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SETTINGS = {
    "spark.sql.shuffle.partitions": "3",
    # For a few rows, generating code takes more time than it saves.
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


@pytest.fixture
def configured(spark: SparkSession) -> Iterator[SparkSession]:
    """The session with SETTINGS."""
    former = {name: spark.conf.get(name) or "" for name in SETTINGS}
    for settings in (SETTINGS, former):
        for name, value in settings.items():
            spark.conf.set(name, value)
        if settings is SETTINGS:
            yield spark


class RunningJob:
    """The job's query over published events, with its checkpoint in `folder`."""

    def __init__(self, spark: SparkSession, url: str, folder: Path, arguments: JobArguments) -> None:
        self._published = Published(folder / "published")
        self._sink = open_sink(url, arguments.attribution_join)
        self._query = job.start(*self._published.pages(spark), arguments, self._sink)
        self._checkpoint = Path(checkpoints.folder(arguments))

    def store(self, minutes: range) -> None:
        """Publishes a click and a checkout of each minute, and waits until they are stored."""
        for minute in minutes:
            at = NOON + timedelta(minutes=minute)
            self._published.publish(Click(at, f"c{minute}", f"u{minute}"), Checkout(at, f"k{minute}", f"u{minute}"))
            self._query.processAllAvailable()

    def batches(self) -> int:
        return len(list(self._checkpoint.glob("commits/[0-9]*")))

    def progress_files(self) -> int:
        """Returns the number of offsets, commits and changes of the state."""
        patterns = ("offsets/[0-9]*", "commits/[0-9]*", "state/*/*/[0-9]*.changelog")
        return sum(len(list(self._checkpoint.glob(pattern))) for pattern in patterns)

    def files(self) -> set[Path]:
        return {path for path in self._checkpoint.rglob("*") if path.is_file()}

    def stop(self) -> None:
        self._query.stop()
        self._sink.close()


@pytest.fixture(params=["spark", "postgres"])
def arguments(tmp_path: Path, request: pytest.FixtureRequest) -> JobArguments:
    return arguments_for(tmp_path / "checkpoint", request.param)


@pytest.fixture
def running_job(
    configured: SparkSession, database: str, postgres: Server, tmp_path: Path, arguments: JobArguments
) -> Iterator[RunningJob]:
    running = RunningJob(configured, postgres.url(database, "pipeline_writer"), tmp_path, arguments)
    yield running
    running.stop()


def test_micro_batches_write_the_priced_files_and_an_idle_job_writes_none(
    running_job: RunningJob, arguments: JobArguments
) -> None:
    running_job.store(range(1))
    batches, files = running_job.batches(), running_job.progress_files()
    running_job.store(range(1, 4))
    batches = running_job.batches() - batches
    assert batches >= 3
    # Offsets and commit, and the changes of each partition of the join's state.
    files_per_batch = 5 if arguments.attribution_join == "spark" else 2
    assert running_job.progress_files() - files == batches * files_per_batch

    before = running_job.files()
    time.sleep(1.5)  # The test's trigger has no interval: the query asks for new records all the time.
    assert running_job.files() == before
