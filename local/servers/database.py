"""The database of a run: the embedded server's, or the one that the user names."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

from local.errors import InputError
from local.folder import postgres_folder
from local.servers import postgres
from runtime.database.connection import read_url
from runtime.database.migrate import migrate


@contextmanager
def empty_database(name: str, say: Callable[[str], None], *, keep: bool) -> Iterator[tuple[str, str]]:
    """URLs of an empty, migrated database: its owner's, and the job's.

    It is $DATABASE_URL, or `name` on the embedded server; the latter is dropped in the end unless `keep`.

    Raises:
        InputError: $DATABASE_URL cannot be reached, or holds events.
        PostgresError: the embedded server did not start.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        _prepare(given)
        say("PostgreSQL of DATABASE_URL migrated")
        yield given, given
        return
    with postgres.running(postgres_folder()) as server:
        say(f"PostgreSQL ready at 127.0.0.1:{server.port}")
        postgres.create_database(server, name)
        say(f"database {name} migrated")
        try:
            yield server.url(name), server.url(name, "pipeline_writer")
        finally:
            if not keep:
                postgres.drop_database(server, name)


def _prepare(url: str) -> None:
    try:
        with psycopg.connect(**read_url(url) | {"connect_timeout": 10}, autocommit=True) as connection:
            migrate(connection)
            filled = connection.execute(
                "select exists (select from raw_clicks) or exists (select from raw_checkouts)"
                " or exists (select from dead_letters) or exists (select from batches)"
            ).fetchone()
    except ValueError as error:
        raise InputError(str(error)) from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise InputError(f"DATABASE_URL: {str(error).strip()}") from error
    if filled and filled[0]:
        raise InputError(
            "DATABASE_URL: this database already holds events, beside which a run cannot be reconciled:"
            " give an empty one, which you may then drop"
        )
