"""Checkpoints that are lost, old, damaged, ahead of the database, or of another version, with a real Spark."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import psycopg
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from local.servers import postgres as embedded
from local.servers.postgres import Server
from runtime.attribution_job import checkpoints, frames
from runtime.attribution_job.failures import RestoredDatabaseError, UnreadableCheckpointError
from runtime.attribution_job.join import attribution
from runtime.attribution_job.join.rule import Join
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.events.published import Published
from tests.runtime.attribution_job.runs import (
    Runs,
    arguments_for,
    assert_stored,
    checkpoint_layout,
    truncate_newest_file,
)

pytestmark = pytest.mark.usefixtures("interpreted")

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# The layouts of the checkpoints of these versions: the number of offsets (one for each use of a stream) and the schemas
# of stateful operators. A change here means that the query has changed and that its version must be raised.
VERSIONS: dict[Join, int] = {"spark": 4, "postgres": 3}
LAYOUTS: dict[Join, dict[str, Any]] = {
    "spark": {
        "offsets": 4,
        "0 symmetricHashJoin": {
            "partitions": 2,
            "key": "struct<field0:string,field1:timestamp>",
            "left": "struct<user_id:string,join_window:timestamp,checkout_id:string,checkout_timestamp:timestamp>",
            "right": "struct<user_id:string,join_window:timestamp,"
            "clicks:array<struct<click_timestamp:timestamp,click_id:string>>>",
        },
    },
    "postgres": {"offsets": 2},
}


@pytest.fixture
def runs(spark: SparkSession, postgres: Server, database: str, tmp_path: Path, join: Join) -> Runs:
    url = postgres.url(database, "pipeline_writer")
    return Runs(spark, Published(tmp_path / "streams"), url, arguments_for(tmp_path / "checkpoint", join))


@pytest.fixture
def other_database(postgres: Server, database: str) -> Iterator[str]:
    """The URL of a second, empty database."""
    name = f"{database}_restored"
    embedded.create_database(postgres, name)
    yield postgres.url(name, "pipeline_writer")
    embedded.drop_database(postgres, name)


# Only Spark's join has state; `test_history` covers both joins.
@pytest.mark.parametrize("join", ["spark"])
def test_the_tables_recover_from_old_too_new_and_lost_checkpoints(
    runs: Runs, other_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = runs.published
    published.publish(Click(NOON, "c0", "u"), Checkout(NOON + MINUTE, "k0", "v"))
    runs.run()
    shutil.copytree(runs.checkpoint, tmp_path / "copy")

    published.publish(Click(NOON - 50 * MINUTE, "c1", "v"), Checkout(NOON + 40 * MINUTE, "k1", "u"))
    runs.run()
    assert_stored(runs.url, published)

    shutil.rmtree(runs.checkpoint)
    shutil.copytree(tmp_path / "copy", runs.checkpoint)
    published.publish(Click(NOON - 5 * MINUTE, "c2", "u"), Checkout(NOON + 2 * MINUTE, "k2", "v"))
    runs.run()
    assert_stored(runs.url, published)

    # The database was restored to a time before the first batch.
    runs.url = other_database
    published.publish(Checkout(NOON + 3 * MINUTE, "k3", "v"))
    with pytest.raises(RestoredDatabaseError, match="the database has no batch"):
        runs.run_until_failure(monkeypatch)
    with psycopg.connect(runs.url) as connection:
        assert connection.execute("select from raw_checkouts").fetchall() == []
    shutil.rmtree(runs.checkpoint)
    runs.run()
    assert_stored(runs.url, published)


@pytest.fixture(scope="module")
def ended_runs(
    spark: SparkSession, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Join], Runs]]:
    """Returns a function that gives runs with a checkpoint of one batch, and events for another batch.

    Tests continue from copies of the checkpoint.
    """
    ended_runs: dict[Join, Runs] = {}

    def runs(join: Join) -> Runs:
        if join not in ended_runs:
            folder = tmp_path_factory.mktemp(join)
            embedded.create_database(postgres, f"ended_{join}")
            published = Published(folder / "streams")
            url = postgres.url(f"ended_{join}", "pipeline_writer")
            ended_runs[join] = Runs(spark, published, url, arguments_for(folder / "checkpoint", join))
            published.publish(Click(NOON, "c0", "u"), Checkout(NOON + 2 * MINUTE, "k0", "u"))
            ended_runs[join].run()
            published.publish(Click(NOON + MINUTE, "c1", "u"), Checkout(NOON + 3 * MINUTE, "k1", "u"))
        return ended_runs[join]

    yield runs
    for join in ended_runs:
        embedded.drop_database(postgres, f"ended_{join}")


@pytest.mark.parametrize("part", ["offsets", "commits", "state/0/0"])
def test_a_damaged_checkpoint_ends_the_job_and_is_named_with_the_runbook(
    ended_runs: Callable[[Join], Runs], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    runs = ended_runs("spark").with_checkpoint(tmp_path / "checkpoint")
    truncate_newest_file(runs.checkpoint / part)
    with pytest.raises(
        UnreadableCheckpointError, match=rf"checkpoint {runs.checkpoint}: .*see \"Checkpoint unreadable\""
    ):
        runs.run_until_failure(monkeypatch)


@pytest.mark.parametrize("join", get_args(Join))
def test_the_checkpoint_layout_matches_the_query_version(
    ended_runs: Callable[[Join], Runs], spark: SparkSession, join: Join
) -> None:
    layout = checkpoint_layout(ended_runs(join).checkpoint, spark)
    assert (checkpoints.QUERY_VERSIONS[join], layout) == (VERSIONS[join], LAYOUTS[join])


def test_a_new_query_version_starts_a_new_checkpoint_without_duplicates(
    ended_runs: Callable[[Join], Runs], spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ended_runs("spark").with_checkpoint(tmp_path / "checkpoint")
    join_clicks = attribution.join_clicks

    def join_clicks_with_other_state(checkouts: DataFrame, clicks: DataFrame) -> DataFrame:
        pairs = join_clicks(checkouts.withColumn("checkout_id", F.struct("checkout_id")), clicks)
        return pairs.withColumn("checkout_id", F.col("checkout_id.checkout_id"))

    monkeypatch.setattr(frames, "join_clicks", join_clicks_with_other_state)
    with pytest.raises(UnreadableCheckpointError, match="NOT_COMPATIBLE"):
        runs.run_until_failure(monkeypatch)

    old_layout = checkpoint_layout(runs.checkpoint, spark)
    monkeypatch.setitem(checkpoints.QUERY_VERSIONS, "spark", checkpoints.QUERY_VERSIONS["spark"] + 1)
    runs.run()
    assert checkpoint_layout(runs.checkpoint, spark) != old_layout
    assert_stored(runs.url, runs.published)
    with psycopg.connect(runs.url) as connection:
        (query_count,) = connection.execute("select count(distinct query_id) from batches").fetchone() or (0,)
    assert query_count == 2


def test_a_very_long_error_message_is_searched_at_once() -> None:
    assert checkpoints.unreadable(Exception("x" * 1_000_000), "folder") is None
