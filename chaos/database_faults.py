"""Faults of the database server: terminated sessions, deadlocks, no free connections, a full disk."""

import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import errors, sql

from chaos.postgres_proxy import PostgresProxy
from local.errors import RunError
from local.servers.postgres import UNPRIVILEGED_USER

WRITER = "pipeline_writer"
WAIT_SECONDS = 30
DEADLOCK_ATTEMPTS = 3
DISK_MIB = 64
SMALL = sql.Identifier("small")

TERMINATE: LiteralString = """
select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = %(role)s and datname = %(database)s
"""
TERMINATE_FIRST: LiteralString = """
select pg_terminate_backend(pid) from pg_stat_activity
 where usename = %(role)s and datname = %(database)s order by backend_start limit 1
"""
# A writer's transaction locks users in the order of their ids; this session locks the last quarter first.
LAST_USERS: LiteralString = """
select from users where user_id > (select percentile_disc(0.75) within group (order by user_id) from users)
 order by user_id for update
"""
# The users that the waiting transaction has locked. With several writers, other transactions have locked others.
FIRST_USERS: LiteralString = """
select from users
 where xmax in (
       select transactionid from pg_locks
        where locktype = 'transactionid' and granted and pg_backend_pid() = any(pg_blocking_pids(pid))
       )
   for update
"""
BLOCKED: LiteralString = (
    "select exists (select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid)))"
)
DEADLOCKS: LiteralString = "select deadlocks from pg_stat_database where datname = current_database()"


def terminate_writers(admin: psycopg.Connection) -> None:
    admin.execute(TERMINATE, {"role": WRITER, "database": admin.info.dbname})


def terminate_first_writer(admin: psycopg.Connection) -> None:
    """Ends the oldest session of the writer. With several writers, the other sessions of the run stay."""
    admin.execute(TERMINATE_FIRST, {"role": WRITER, "database": admin.info.dbname})


def deadlock(admin: psycopg.Connection, proxy: PostgresProxy) -> None:
    """Deadlocks a transaction of the writer: locks the last users before it, then requests its users.

    The server aborts the writer's transaction. A session looks for a deadlock once, when it has waited for its
    deadlock_timeout, and this session's timeout is longer than the writer's. On a busy machine the writer can have
    looked before this session waits. This session is aborted then, and tries again.

    Raises:
        RunError: no transaction began in time, none locked these users, or the server aborted this session each time.
    """
    initial_deadlocks = _deadlocks(admin)
    for _ in range(DEADLOCK_ATTEMPTS):
        with suppress(errors.DeadlockDetected), admin.transaction(force_rollback=True):
            admin.execute("set local deadlock_timeout = '5s'")
            if not proxy.at("in transaction", lambda: admin.execute(LAST_USERS)).wait(WAIT_SECONDS):
                raise RunError(f"no transaction began within {WAIT_SECONDS} s")
            _wait_until(lambda: blocks(admin), "the writer waits for a user")
            admin.execute(FIRST_USERS)
            break
    else:
        raise RunError(f"the server aborted this session's transaction {DEADLOCK_ATTEMPTS} times")
    _wait_until(lambda: _deadlocks(admin) > initial_deadlocks, "the server has counted a deadlock")


def blocks(connection: psycopg.Connection) -> bool:
    """Returns whether another session waits for a lock of this session."""
    return bool(_scalar(connection, BLOCKED))


@contextmanager
def out_of_connections(admin: psycopg.Connection) -> Iterator[None]:
    """Ends the writer's connections and refuses it new connections within the block."""
    limit = _scalar(admin, "select rolconnlimit from pg_roles where rolname = 'pipeline_writer'")
    _limit_connections(admin, 0)
    try:
        terminate_writers(admin)
        yield
    finally:
        _limit_connections(admin, limit)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mounts a file system of DISK_MIB at `folder` and yields a directory in it that can become a tablespace.

    Raises:
        PermissionError: this process may not mount a file system.
    """
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:  # noqa: S603 - constants
        folder.rmdir()
        raise PermissionError("this process may not mount a file system; run as root, in a container that allows it")
    try:
        tablespace = folder / "tablespace"
        tablespace.mkdir()
        shutil.chown(tablespace, pwd.getpwnam(UNPRIVILEGED_USER).pw_uid)
        yield tablespace
    finally:
        unmount(folder)
        folder.rmdir()


def unmount(folder: Path) -> None:
    """Unmounts `folder` if it is a mount point."""
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - our own mount


def create_tablespace(admin: psycopg.Connection, directory: Path) -> None:
    """Creates the tablespace SMALL at `directory`."""
    admin.execute(sql.SQL("create tablespace {} location {}").format(SMALL, sql.Literal(str(directory))))


def move(admin: psycopg.Connection, database: str) -> None:
    """Moves `database` to the tablespace SMALL; requires that no session is connected to it."""
    admin.execute(sql.SQL("alter database {} set tablespace {}").format(sql.Identifier(database), SMALL))


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fills the file system of `disk` within the block."""
    ballast = disk.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(65_536))
    try:
        yield
    finally:
        ballast.unlink()


def _limit_connections(admin: psycopg.Connection, limit: int) -> None:
    statement = sql.SQL("alter role {} connection limit {}")
    admin.execute(statement.format(sql.Identifier(WRITER), sql.Literal(limit)))


def _deadlocks(admin: psycopg.Connection) -> int:
    return _scalar(admin, DEADLOCKS)


def _scalar(admin: psycopg.Connection, query: LiteralString) -> int:
    return int((admin.execute(query).fetchone() or (0,))[0])


def _wait_until(condition: Callable[[], bool], description: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RunError(f"timed out: waited {WAIT_SECONDS} s until {description}")
        time.sleep(0.02)
