"""Databases of an embedded PostgreSQL for the tests of commands that work on deployed tables."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from local.servers import postgres, signals
from local.servers.postgres import Server

numbers = itertools.count()


@contextmanager
def migrated(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """Yields the owner's connection to a new database with all migrations. $DATABASE_URL is the owner's URL of it."""
    name = f"analytics_{next(numbers)}"
    postgres.create_database(server, name)
    # The command runs in the process of the tests, whose signal handlers stay.
    monkeypatch.setattr(signals, "clean_up_when_interrupted", lambda: None)
    monkeypatch.setenv("DATABASE_URL", server.url(name))
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        yield connection
    postgres.drop_database(server, name)
