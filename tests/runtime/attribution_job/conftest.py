"""Fixtures of the job's sink, and queries of the tables that it writes."""

from collections.abc import Iterator
from typing import get_args

import psycopg
import pytest
from pyspark.sql import SparkSession

from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import fence
from runtime.attribution_job.sink.postgres import PostgresSink

TRUNCATE = "truncate raw_clicks, raw_checkouts, attributed_checkouts, users, dead_letters, batches"


class Sinks:
    """The open sink of one database. Asking for another join closes it and opens a new one, as a new run would."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._join: Join | None = None
        self._sink: PostgresSink | None = None

    def for_join(self, join: Join) -> PostgresSink:
        if self._sink is None or self._join != join:
            self.close()
            self._join, self._sink = join, open_sink(self._url, join)
        return self._sink

    def close(self) -> None:
        if self._sink:
            self._sink.close()


def open_sink(url: str, join: Join, fence_seconds: float = fence.WAIT_SECONDS) -> PostgresSink:
    return PostgresSink(
        lambda: psycopg.connect(url, autocommit=True), join, retry_seconds=5, fence_seconds=fence_seconds
    )


@pytest.fixture
def sinks(postgres: Server, database: str) -> Iterator[Sinks]:
    """Sinks that log in with the job's role."""
    sinks = Sinks(postgres.url(database, "pipeline_writer"))
    yield sinks
    sinks.close()


@pytest.fixture(params=get_args(Join))
def sink(sinks: Sinks, request: pytest.FixtureRequest) -> PostgresSink:
    """A sink for each join. Tests pass candidates to both; the sink of the PostgreSQL join ignores them."""
    return sinks.for_join(request.param)


def credits(connection: psycopg.Connection) -> dict[str, str | None]:
    """Returns the id of the credited click, or null, by checkout id."""
    return dict(connection.execute("select checkout_id, click_id from attributed_checkouts").fetchall())


@pytest.fixture(scope="module")
def interpreted(spark: SparkSession) -> Iterator[None]:
    """Turns code generation off, as the demo does: for a few rows it takes more time than it saves."""
    settings = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
    former_settings = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name, former in former_settings.items():
        spark.conf.set(name, former or "")
