"""A full disk under the database: the job's sink retries until there is space."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from chaos import database_faults
from local.servers import postgres
from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import PostgresSink
from tests.oracle import Click
from tests.runtime.attribution_job.sink.rows import click_row, table
from tests.waiting import wait_until

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUERY = "00000000-0000-0000-0000-000000000007"


@pytest.fixture
def disk(owner: psycopg.Connection, tmp_path: Path, server: Server, database: str) -> Iterator[Path]:
    """Moves the database to a small file system; yields its directory there."""
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(database_faults.small_disk(tmp_path / "disk"))
        except PermissionError as error:
            pytest.skip(str(error))
        admin = stack.enter_context(psycopg.connect(server.url("postgres"), autocommit=True))
        stack.callback(admin.execute, "drop tablespace small")
        database_faults.create_tablespace(admin, directory)
        stack.callback(postgres.drop_database, server, database)
        owner.close()
        database_faults.move(admin, database)
        yield directory


def test_the_sink_retries_while_the_disk_is_full(
    disk: Path,
    server: Server,
    database: str,
    connect: Callable[[], psycopg.Connection],
    sink_log: Callable[[], str],
) -> None:
    """The first statement of a session already fails, because it creates temporary tables."""
    sink = PostgresSink(connect, "spark", retry_seconds=30)
    rows = table(*(click_row(Click(NOON, f"{number}", f"user-{number}")) for number in range(3000)))
    with ThreadPoolExecutor() as threads:
        with database_faults.full(disk):
            written = threads.submit(sink.write, rows, query_id=QUERY, batch_id=0)
            wait_until(lambda: sink_log().count("No space left on device") > 1)
            assert not written.done()
        assert written.result(60).clicks == 3000
    sink.close()
    with psycopg.connect(server.url(database)) as owner:
        assert owner.execute("select count(*) from raw_clicks").fetchone() == (3000,)
