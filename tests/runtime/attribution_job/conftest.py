"""The sink of the job's run that is on, and what it left in the database."""

from collections.abc import Iterator
from typing import get_args

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.attribution_job.join.rule import Join
from runtime.attribution_job.sink import fence
from runtime.attribution_job.sink.postgres import PostgresSink

TRUNCATE = "truncate raw_clicks, raw_checkouts, attributed_checkouts, users, dead_letters, batches"


class Shifts:
    """The sink of the run that is on: a run with another join takes over when the one before has ended."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._join: Join | None = None
        self._sink: PostgresSink | None = None

    def sink(self, join: Join) -> PostgresSink:
        if self._sink is None or self._join != join:
            self.end()
            self._join, self._sink = join, open_sink(self._url, join)
        return self._sink

    def end(self) -> None:
        if self._sink:
            self._sink.close()


def open_sink(url: str, join: Join, fence_seconds: float = fence.WAIT_SECONDS) -> PostgresSink:
    return PostgresSink(
        lambda: psycopg.connect(url, autocommit=True), join, retry_seconds=5, fence_seconds=fence_seconds
    )


@pytest.fixture
def shifts(postgres: Server, database: str) -> Iterator[Shifts]:
    """Sinks that log in as the job does."""
    shifts = Shifts(postgres.url(database, "pipeline_writer"))
    yield shifts
    shifts.end()


@pytest.fixture(params=get_args(Join))
def sink(shifts: Shifts, request: pytest.FixtureRequest) -> PostgresSink:
    """What holds for one join holds for the other, which makes nothing of Spark's candidates."""
    return shifts.sink(request.param)


def credits(connection: psycopg.Connection) -> dict[str, str | None]:
    return dict(connection.execute("select checkout_id, click_id from attributed_checkouts").fetchall())
