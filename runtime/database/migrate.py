"""Applies the numbered SQL files of `migrations/`: each file once, in order.

All pending files are one transaction, except that a file that begins with NEW_TRANSACTION commits those before it: such
a file takes so long, or needs such locks, that it must not hold the locks of the files before.
"""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import psycopg
from psycopg import sql

MIGRATIONS = resources.files("runtime.database") / "migrations"
NEW_TRANSACTION = "-- In a new transaction.\n"
ADVISORY_LOCK_KEY = 0x65636F6D  # "ecom" in ASCII; no other code locks this key
LOGIN_ROLES = ("pipeline_writer", "pipeline_analyst", "pipeline_analytics")

log = logging.getLogger(__name__)


class MigrationError(Exception):
    """The files do not match the applied migrations, or a file failed. The message names the file."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    """A numbered SQL file."""

    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the statements, which reveals a change of an applied file."""
        return hashlib.sha256(self.statements.encode()).hexdigest()


def read_migrations(folder: Traversable = MIGRATIONS) -> list[Migration]:
    """Returns the migrations of a folder, also of one inside a zip, in the order of their numbers.

    Raises:
        MigrationError: a file name is not `NNNN_words.sql`, or the numbers are not 1, 2, 3, …
    """
    migrations = []
    paths = [path for path in folder.iterdir() if path.name.endswith(".sql")]
    for number, path in enumerate(sorted(paths, key=lambda path: path.name), start=1):
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", path.name)
        if match is None:
            raise MigrationError(f"{path.name}: expected a name like 0001_tables.sql")
        if int(match[1]) != number:
            raise MigrationError(f"{path.name}: expected number {number:04d}; numbers are consecutive and unique")
        migrations.append(Migration(number=number, name=path.name, statements=path.read_text()))
    return migrations


def migrate(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Applies the pending migrations and returns their file names.

    Concurrent deployments apply no file twice, because each transaction takes an advisory lock. A failing file leaves
    the database as the last transaction left it: unchanged, unless a file begins a new one.

    Raises:
        MigrationError: an applied file was changed or removed, or a file's SQL failed.
    """
    files = read_migrations() if migrations is None else list(migrations)
    applied: list[str] = []
    while names := _apply_in_one_transaction(connection, files):
        applied += names
    return applied


def set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Enables the login of `role` with `password`, which replaces an older password.

    The server receives a SCRAM verifier: a plain password would appear in its statement log.
    https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN

    Raises:
        ValueError: `role` is not in LOGIN_ROLES.
    """
    if role not in LOGIN_ROLES:
        raise ValueError(f"{role}: expected one of {', '.join(LOGIN_ROLES)}")
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _apply_in_one_transaction(connection: psycopg.Connection, files: Sequence[Migration]) -> list[str]:
    """Applies the pending files up to the next one that begins a new transaction, and returns their names."""
    names: list[str] = []
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [ADVISORY_LOCK_KEY])
        cursor.execute(
            "create table if not exists schema_migrations (number int primary key, name text not null,"
            " checksum text not null, applied_at timestamptz not null default now())"
        )
        cursor.execute("select number, name, checksum from schema_migrations order by number")
        applied = cursor.fetchall()
        _refuse_changes(files, applied)
        for migration in files[len(applied) :]:
            if names and migration.statements.startswith(NEW_TRANSACTION):
                break
            _apply(cursor, migration)
            names.append(migration.name)
    return names


def _refuse_changes(files: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> None:
    for index, (_, name, checksum) in enumerate(applied):
        if index >= len(files) or files[index].name != name:
            raise MigrationError(
                f"{name}: applied to this database, but missing from these files; deploy a version that has it"
            )
        if files[index].checksum != checksum:
            raise MigrationError(f"{name}: changed after it was applied; restore its text and add a new file")


def _apply(cursor: psycopg.Cursor, migration: Migration) -> None:
    try:
        # The text comes from a file of this package, not from input.
        cursor.execute(migration.statements.encode())
    except psycopg.Error as error:
        raise MigrationError(f"{migration.name}: {error}") from error
    cursor.execute(
        "insert into schema_migrations (number, name, checksum) values (%s, %s, %s)",
        [migration.number, migration.name, migration.checksum],
    )
    log.info("applied migration", extra={"migration": migration.name})
