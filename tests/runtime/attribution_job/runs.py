"""Runs of the job over published events, and what Spark stores in their checkpoints."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pyspark.sql import SparkSession

from runtime.attribution_job import checkpoints, job, lifetime
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.startup import checks
from tests.runtime.attribution_job.conftest import credits, open_sink
from tests.runtime.attribution_job.events.published import Published


def arguments_for(folder: Path, join: Join) -> JobArguments:
    return JobArguments(
        clicks_stream="", checkouts_stream="", region="", kinesis_reader="driver", attribution_join=join,
        checkpoint=str(folder), database_secret=None, trigger_interval="0 seconds", records_per_batch=1,
        shuffle_partitions=2,
    )  # fmt: skip


class Runs:
    """Runs of the job's query and sink in this process, over published events."""

    def __init__(self, spark: SparkSession, published: Published, url: str, arguments: JobArguments) -> None:
        self._spark = spark
        self.published = published
        self.url = url
        self.arguments = arguments

    def run(self) -> None:
        """Runs the job until all published events are stored."""
        sink = open_sink(self.url, self.arguments.attribution_join, writers=self.arguments.writers)
        query = job.start(*self.published.pages(self._spark), self.arguments, sink)
        try:
            query.processAllAvailable()
        finally:
            query.stop()
            sink.close()

    def run_until_failure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Runs the job as `main` does, until it fails. Its login and its streams are replaced, and are not checked."""
        for name in ("check_login", "check_streams"):
            monkeypatch.setattr(checks, name, lambda *_: None)
        pages = iter(self.published.pages(self._spark))
        monkeypatch.setattr(lifetime, "create_session", lambda _: self._spark)
        monkeypatch.setattr(lifetime, "read_stream", lambda *_, **__: next(pages))
        monkeypatch.setattr(lifetime, "connect", lambda _: psycopg.connect(self.url, autocommit=True))
        lifetime.run(self.arguments, [])

    def with_checkpoint(self, folder: Path) -> "Runs":
        """Returns runs that continue from a copy of the checkpoint in `folder`."""
        shutil.copytree(self.arguments.checkpoint, folder)
        return Runs(self._spark, self.published, self.url, replace(self.arguments, checkpoint=str(folder)))

    @property
    def checkpoint(self) -> Path:
        return Path(checkpoints.folder(self.arguments))


def assert_stored(url: str, published: Published) -> None:
    """Asserts that the tables contain each published event once, and the expected credits."""
    with psycopg.connect(url) as connection:
        assert credits(connection) == published.credits()
        counts = connection.execute("select sum(clicks)::int, sum(checkouts)::int from batches").fetchone()
        assert counts == (len(published.clicks), len(published.checkouts))
        orders = connection.execute("select sum(order_count)::int, sum(lifetime_value) from users").fetchone()
        assert orders == (len(published.checkouts), len(published.checkouts) * 1.5)


def truncate_newest_file(folder: Path) -> None:
    """Removes the second half of the newest file, as an interrupted write would."""
    newest = max((path for path in folder.iterdir() if path.name.split(".")[0].isdigit()), key=lambda path: path.name)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])


def checkpoint_layout(checkpoint: Path, spark: SparkSession) -> dict[str, Any]:
    """Returns the properties of a checkpoint that have to match the query: offsets and schemas of the state."""
    _, _, *offsets = (checkpoint / "offsets" / "0").read_text().splitlines()
    layout: dict[str, Any] = {"offsets": len(offsets)}
    if (checkpoint / "state").exists():
        for operator in spark.read.format("state-metadata").load(str(checkpoint)).collect():
            state = spark.read.format("statestore").option("operatorId", operator.operatorId)
            sides = {side: state.option("joinSide", side).load(str(checkpoint)).schema for side in ("left", "right")}
            layout[f"{operator.operatorId} {operator.operatorName}"] = {
                "partitions": operator.numPartitions,
                "key": sides["left"]["key"].dataType.simpleString(),
                **{side: schema["value"].dataType.simpleString() for side, schema in sides.items()},
            }
    return layout
