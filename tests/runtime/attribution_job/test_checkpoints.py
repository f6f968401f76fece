"""Checkpoints that are lost, set back, damaged, ahead of the database, or of another version: with Spark itself."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.attribution_job import checkpoints, job, lifetime
from runtime.attribution_job.arguments import JobArguments
from runtime.attribution_job.failures import RestoredDatabaseError, UnreadableCheckpointError
from runtime.attribution_job.join import attribution
from runtime.attribution_job.join.rule import Join
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import credits, open_sink
from tests.runtime.attribution_job.events.published import Published

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# What a checkpoint of version 1 keeps, by join: a position for each use of a stream, and what the stateful operators
# store. Whoever has to change this has changed the query: raise QUERY_VERSION with it.
VERSION = 1
SHAPES: dict[Join, dict[str, Any]] = {
    "spark": {
        "positions": 4,
        "0 symmetricHashJoin": {
            "partitions": 2,
            "key": "struct<field0:string>",
            "left": "struct<user_id:string,checkout_id:string,checkout_timestamp:timestamp>",
            "right": "struct<user_id:string,click_id:string,click_timestamp:timestamp>",
        },
    },
    "postgres": {"positions": 2},
}


def arguments_for(folder: Path, join: Join) -> JobArguments:
    return JobArguments(
        clicks_stream="", checkouts_stream="", region="", database_secret=None, attribution_join=join,
        checkpoint=str(folder), trigger_interval="0 seconds", records_per_batch=1,
    )  # fmt: skip


class Runs:
    """Runs of the job in this process: its query and its sink, over what is published."""

    def __init__(self, spark: SparkSession, published: Published, url: str, arguments: JobArguments) -> None:
        self._spark = spark
        self.published = published
        self.url = url
        self.arguments = arguments

    def run(self) -> None:
        """Until everything that is published has been stored."""
        sink = open_sink(self.url, self.arguments.attribution_join)
        query = job.start(*self.published.records(self._spark), self.arguments, sink)
        try:
            query.processAllAvailable()
        finally:
            query.stop()
            sink.close()

    def fail(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As `main` does it, until it fails."""
        records = iter(self.published.records(self._spark))
        monkeypatch.setattr(job, "create_session", lambda: self._spark)
        monkeypatch.setattr(job, "read_stream", lambda *_: next(records))
        monkeypatch.setattr(job, "connect", lambda _: psycopg.connect(self.url, autocommit=True))
        lifetime.run(self.arguments, [])

    def with_checkpoint(self, folder: Path) -> "Runs":
        """Runs that go on with a copy of the checkpoint."""
        shutil.copytree(self.arguments.checkpoint, folder)
        return Runs(self._spark, self.published, self.url, replace(self.arguments, checkpoint=str(folder)))

    @property
    def checkpoint(self) -> Path:
        return Path(checkpoints.folder(self.arguments))


def check(url: str, published: Published) -> None:
    with psycopg.connect(url) as connection:
        assert credits(connection) == published.credits()
        counts = connection.execute("select sum(clicks)::int, sum(checkouts)::int from batches").fetchone()
        assert counts == (len(published.clicks), len(published.checkouts))
        orders = connection.execute("select sum(order_count)::int, sum(lifetime_value) from users").fetchone()
        assert orders == (len(published.checkouts), len(published.checkouts) * 1.5)


@pytest.fixture(scope="module", autouse=True)
def interpreted(spark: SparkSession) -> Iterator[None]:
    """As in a demo: generated code does not pay for a few rows."""
    settings = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name, former in before.items():
        spark.conf.set(name, former or "")


@pytest.fixture
def runs(spark: SparkSession, postgres: Server, database: str, tmp_path: Path, join: Join) -> Runs:
    url = postgres.url(database, "pipeline_writer")
    return Runs(spark, Published(tmp_path / "streams"), url, arguments_for(tmp_path / "checkpoint", join))


@pytest.fixture
def other_database(postgres: Server, database: str) -> Iterator[str]:
    name = f"{database}_restored"
    embedded.create_database(postgres, name)
    yield postgres.url(name, "pipeline_writer")
    embedded.drop_database(postgres, name)


@pytest.mark.parametrize("join", ["spark"])  # the one with a state; test_history has both
def test_a_checkpoint_that_is_set_back_ahead_of_its_database_or_lost_is_made_up_for(
    runs: Runs, other_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = runs.published
    published.publish(Click(NOON, "c0", "u"), Checkout(NOON + MINUTE, "k0", "v"))
    runs.run()
    shutil.copytree(runs.checkpoint, tmp_path / "copy")

    published.publish(Click(NOON - 50 * MINUTE, "c1", "v"), Checkout(NOON + 40 * MINUTE, "k1", "u"))
    runs.run()
    check(runs.url, published)

    shutil.rmtree(runs.checkpoint)
    shutil.copytree(tmp_path / "copy", runs.checkpoint)
    published.publish(Click(NOON - 5 * MINUTE, "c2", "u"), Checkout(NOON + 2 * MINUTE, "k2", "v"))
    runs.run()
    check(runs.url, published)

    # The database was restored to a time before all of it.
    runs.url = other_database
    published.publish(Checkout(NOON + 3 * MINUTE, "k3", "v"))
    with pytest.raises(RestoredDatabaseError, match="the database has none"):
        runs.fail(monkeypatch)
    with psycopg.connect(runs.url) as connection:
        assert connection.execute("select from raw_checkouts").fetchall() == []
    shutil.rmtree(runs.checkpoint)
    runs.run()
    check(runs.url, published)


@pytest.fixture(scope="module")
def ended(
    spark: SparkSession, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Join], Runs]]:
    """Runs with a checkpoint of one batch, which tests copy, and something to read for another."""
    ended: dict[Join, Runs] = {}

    def runs(join: Join) -> Runs:
        if join not in ended:
            folder = tmp_path_factory.mktemp(join)
            embedded.create_database(postgres, f"ended_{join}")
            published = Published(folder / "streams")
            url = postgres.url(f"ended_{join}", "pipeline_writer")
            ended[join] = Runs(spark, published, url, arguments_for(folder / "checkpoint", join))
            published.publish(Click(NOON, "c0", "u"), Checkout(NOON + 2 * MINUTE, "k0", "u"))
            ended[join].run()
            published.publish(Click(NOON + MINUTE, "c1", "u"), Checkout(NOON + 3 * MINUTE, "k1", "u"))
        return ended[join]

    yield runs
    for join in ended:
        embedded.drop_database(postgres, f"ended_{join}")


def cut_short(folder: Path) -> None:
    """The newest file lost its second half, as one that was not written to its end."""
    newest = max((path for path in folder.iterdir() if path.name.split(".")[0].isdigit()), key=lambda path: path.name)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])


@pytest.mark.parametrize("part", ["offsets", "commits", "state/0/0"])
def test_a_damaged_checkpoint_ends_the_job_with_its_name_and_the_runbook(
    ended: Callable[[Join], Runs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    runs = ended("spark").with_checkpoint(tmp_path / "checkpoint")
    cut_short(runs.checkpoint / part)
    with pytest.raises(
        UnreadableCheckpointError, match=rf"checkpoint {runs.checkpoint}: .*see \"Checkpoint unreadable\""
    ):
        runs.fail(monkeypatch)


def shape(checkpoint: Path, spark: SparkSession) -> dict[str, Any]:
    """What Spark expects of a checkpoint when it goes on with it."""
    _, _, *positions = (checkpoint / "offsets" / "0").read_text().splitlines()
    shape: dict[str, Any] = {"positions": len(positions)}
    if (checkpoint / "state").exists():
        for operator in spark.read.format("state-metadata").load(str(checkpoint)).collect():
            state = spark.read.format("statestore").option("operatorId", operator.operatorId)
            sides = {side: state.option("joinSide", side).load(str(checkpoint)).schema for side in ("left", "right")}
            shape[f"{operator.operatorId} {operator.operatorName}"] = {
                "partitions": operator.numPartitions,
                "key": sides["left"]["key"].dataType.simpleString(),
                **{side: schema["value"].dataType.simpleString() for side, schema in sides.items()},
            }
    return shape


@pytest.mark.parametrize("join", get_args(Join))
def test_another_shape_of_the_query_is_another_version(
    ended: Callable[[Join], Runs], spark: SparkSession, join: Join
) -> None:
    assert (checkpoints.QUERY_VERSION, shape(ended(join).checkpoint, spark)) == (VERSION, SHAPES[join])


def test_a_changed_query_starts_afresh_by_its_version_and_repeats_nothing(
    ended: Callable[[Join], Runs], spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ended("spark").with_checkpoint(tmp_path / "checkpoint")
    unchanged = attribution.join_clicks

    def changed(checkouts: DataFrame, clicks: DataFrame) -> DataFrame:
        found = unchanged(checkouts, clicks.withColumn("click_id", F.struct("click_id")))
        return found.withColumn("click_id", F.col("click_id.click_id"))

    monkeypatch.setattr(job, "join_clicks", changed)
    with pytest.raises(UnreadableCheckpointError, match="NOT_COMPATIBLE"):
        runs.fail(monkeypatch)

    old = shape(runs.checkpoint, spark)
    monkeypatch.setattr(checkpoints, "QUERY_VERSION", checkpoints.QUERY_VERSION + 1)
    runs.run()
    assert shape(runs.checkpoint, spark) != old
    check(runs.url, runs.published)
    with psycopg.connect(runs.url) as connection:
        (queries,) = connection.execute("select count(distinct query_id) from batches").fetchone() or (0,)
    assert queries == 2
