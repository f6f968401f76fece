"""Applies the numbered SQL files of `migrations/`: each once, in order, all or nothing."""

import hashlib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x65636F6D  # "ecom": any constant that no other user of the database takes
LOGIN_ROLES = ("pipeline_writer", "pipeline_analyst")

log = logging.getLogger(__name__)


class MigrationError(Exception):
    """The files and the database disagree, or a file failed; the message names the file."""


@dataclass(frozen=True, kw_only=True)
class Migration:
    number: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.statements.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """The folder's files by number.

    Raises:
        MigrationError: a name is not `NNNN_words.sql`, or the numbers are not 1, 2, 3, …
    """
    migrations = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), start=1):
        match = re.fullmatch(r"(\d{4})_[a-z0-9_]+\.sql", path.name)
        if match is None:
            raise MigrationError(f"{path.name}: a migration is named like 0001_tables.sql")
        if int(match[1]) != number:
            raise MigrationError(f"{path.name}: expected number {number:04d}; numbers have no gaps and no twins")
        migrations.append(Migration(number=number, name=path.name, statements=path.read_text()))
    return migrations


def migrate(connection: psycopg.Connection, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Brings the database up to date and returns the names of the files that it applied.

    One transaction under an advisory lock: two deployments at once apply nothing twice, and a failing
    file leaves the database as it was.

    Raises:
        MigrationError: an applied file has changed or is gone, or a file's SQL failed.
    """
    wanted = read_migrations() if migrations is None else list(migrations)
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(
            "create table if not exists schema_migrations (number int primary key, name text not null,"
            " checksum text not null, applied_at timestamptz not null default now())"
        )
        cursor.execute("select number, name, checksum from schema_migrations order by number")
        applied = cursor.fetchall()
        _refuse_changes(wanted, applied)
        pending = wanted[len(applied) :]
        for migration in pending:
            _apply(cursor, migration)
    return [migration.name for migration in pending]


def set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Lets `role` (one of LOGIN_ROLES) log in with `password`, and with no older one.

    The server gets a verifier, not the password, which its log of statements would show:
    https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN
    """
    if role not in LOGIN_ROLES:
        raise ValueError(f"{role}: expected one of {', '.join(LOGIN_ROLES)}")
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} login password {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _refuse_changes(wanted: Sequence[Migration], applied: Sequence[tuple[int, str, str]]) -> None:
    for index, (_, name, checksum) in enumerate(applied):
        if index >= len(wanted) or wanted[index].name != name:
            raise MigrationError(f"{name}: applied to this database, but missing from this version's files")
        if wanted[index].checksum != checksum:
            raise MigrationError(f"{name}: changed after it was applied; put it back and add a new file instead")


def _apply(cursor: psycopg.Cursor, migration: Migration) -> None:
    try:
        # The text is a file of this package, not input.
        cursor.execute(migration.statements.encode())
    except psycopg.Error as error:
        raise MigrationError(f"{migration.name}: {error}") from error
    cursor.execute(
        "insert into schema_migrations (number, name, checksum) values (%s, %s, %s)",
        [migration.number, migration.name, migration.checksum],
    )
    log.info("applied migration", extra={"migration": migration.name})
