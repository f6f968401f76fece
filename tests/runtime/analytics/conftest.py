"""Fixtures of the tests of analytics: a database with all migrations, and the job's sink that writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from local.servers.postgres import Server
from runtime.attribution_job.sink.postgres import PostgresSink


@contextmanager
def open_sink(server: Server, database: str) -> Iterator[PostgresSink]:
    """Yields the job's sink, with the writer's login."""
    url = server.url(database, "pipeline_writer")
    sink = PostgresSink(lambda: psycopg.connect(url, autocommit=True), "postgres", retry_seconds=30)
    yield sink
    sink.close()


@dataclass(frozen=True)
class Logins:
    """The job's sink, and connections to its database by role."""

    sink: PostgresSink
    owner: psycopg.Connection
    refresher: psycopg.Connection
    analyst: psycopg.Connection


@pytest.fixture
def sink(postgres: Server, database: str) -> Iterator[PostgresSink]:
    with open_sink(postgres, database) as sink:
        yield sink


@pytest.fixture
def refresher(postgres: Server, database: str) -> Iterator[psycopg.Connection]:
    """A connection of the login that refreshes the models."""
    with psycopg.connect(postgres.url(database, "pipeline_analytics"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def analyst(postgres: Server, database: str) -> Iterator[psycopg.Connection]:
    """A connection of the analyst."""
    with psycopg.connect(postgres.url(database, "pipeline_analyst"), autocommit=True) as connection:
        yield connection


@pytest.fixture
def logins(
    sink: PostgresSink, migrated: psycopg.Connection, refresher: psycopg.Connection, analyst: psycopg.Connection
) -> Logins:
    return Logins(sink, migrated, refresher, analyst)
