"""Fixtures of a PostgreSQL server for these tests alone, which restart it and exhaust its connections and disk."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from chaos import postgres_proxy
from chaos.postgres_proxy import PostgresProxy
from local.servers import postgres
from local.servers.postgres import Server

numbers = itertools.count()


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chaos") / "postgres"


@pytest.fixture(scope="session")
def server(server_folder: Path) -> Iterator[Server]:
    with postgres.running(server_folder) as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """Creates a migrated database and yields its name."""
    name = f"pipeline_{next(numbers)}"
    postgres.create_database(server, name)
    yield name
    postgres.drop_database(server, name)


@pytest.fixture
def owner(server: Server, database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        yield connection


@pytest.fixture
def proxy(server: Server) -> Iterator[PostgresProxy]:
    with postgres_proxy.running(server.port) as proxy:
        yield proxy


@pytest.fixture
def connect(server: Server, database: str, proxy: PostgresProxy) -> Callable[[], psycopg.Connection]:
    """Returns a function that connects as the job does: as the writer, through the proxy."""
    url = Server(port=proxy.port, password=server.password).url(database, "pipeline_writer")
    return lambda: psycopg.connect(url, autocommit=True)


@pytest.fixture
def sink_log(caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Returns a function that returns the log messages of the sink."""

    def messages() -> str:
        records = [record for record in caplog.records if record.name.startswith("runtime.attribution_job.sink")]
        return " ".join(record.getMessage() for record in records)

    return messages
