"""A PostgreSQL of these tests' own, which they restart, and take connections and space from."""

import itertools
from collections.abc import Iterator
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
    """The name of a fresh, migrated database."""
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
