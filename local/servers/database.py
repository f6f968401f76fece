"""The database of a run: one of the embedded server, or $DATABASE_URL."""

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
    """Yields two URLs of an empty, migrated database: the owner's and the job's.

    The database is $DATABASE_URL if set, or else `name` on the embedded server. A database on the
    embedded server is dropped at the end unless `keep`.

    Raises:
        InputError: $DATABASE_URL is malformed, cannot be reached, or already holds events.
        PostgresError: the embedded server did not start.
    """
    user_url = os.environ.get("DATABASE_URL")
    if user_url:
        _prepare(user_url)
        say("migrated the database of DATABASE_URL")
        yield user_url, user_url
        return
    with postgres.running(postgres_folder()) as server:
        say(f"PostgreSQL is ready at 127.0.0.1:{server.port}")
        postgres.create_database(server, name)
        say(f"created and migrated the database {name}")
        try:
            yield server.url(name), server.url(name, "pipeline_writer")
        finally:
            if not keep:
                postgres.drop_database(server, name)


def _prepare(url: str) -> None:
    try:
        with psycopg.connect(**read_url(url) | {"connect_timeout": 10}, autocommit=True) as connection:
            migrate(connection)
            has_events = connection.execute(
                "select exists (select from raw_clicks) or exists (select from raw_checkouts)"
                " or exists (select from dead_letters) or exists (select from batches)"
            ).fetchone()
    except ValueError as error:
        raise InputError(str(error)) from None
    except (psycopg.OperationalError, psycopg.ProgrammingError) as error:
        raise InputError(f"DATABASE_URL: {str(error).strip()}") from error
    if has_events and has_events[0]:
        raise InputError(
            "DATABASE_URL: this database already holds events, so a run in it cannot be reconciled; give the URL of an"
            " empty database"
        )
