"""The deployed database, or that of $DATABASE_URL, for the commands that read or fill its tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from local.cloud import environment, lifetime
from local.errors import InputError
from local.servers import postgres
from runtime.database.connection import CONNECT_TIMEOUT_SECONDS, read_url


@contextmanager
def deployed_url() -> Iterator[str]:
    """Yields the URL of the deployed database. Its server runs until the end of the block at least.

    Raises:
        InputError: no database has been deployed.
    """
    folder = lifetime.instance_folder()
    if not (folder / "data" / "PG_VERSION").exists():
        raise InputError("nothing has been deployed yet; run `make demo` or `python -m local up` first")
    with postgres.running(folder) as server:
        yield server.url(environment.DATABASE)


@contextmanager
def login() -> Iterator[dict[str, Any]]:
    """Yields the connection parameters of $DATABASE_URL, or of the deployed database.

    Raises:
        InputError: no database has been deployed, or $DATABASE_URL is malformed.
    """
    if url := os.environ.get("DATABASE_URL"):
        yield _parameters(url)
    else:
        with deployed_url() as url:
            yield _parameters(url)


@contextmanager
def connected() -> Iterator[psycopg.Connection]:
    """Yields a connection in autocommit mode to $DATABASE_URL, or to the deployed database.

    Raises:
        InputError: no database has been deployed, or $DATABASE_URL is malformed or cannot be reached.
    """
    with login() as parameters:
        try:
            connection = psycopg.connect(**{"connect_timeout": CONNECT_TIMEOUT_SECONDS} | parameters, autocommit=True)
        except psycopg.OperationalError as error:
            raise InputError(f"DATABASE_URL: {str(error).strip()}") from error
        with connection:
            yield connection


def _parameters(url: str) -> dict[str, Any]:
    try:
        return read_url(url)
    except ValueError as error:
        raise InputError(str(error)) from None
