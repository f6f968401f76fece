"""`python -m local psql | status | reset`: what lies in the data folder, between runs and beside them."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from rich.console import Console

from local import demo, postgres
from local.errors import InputError
from local.folder import data_folder, holder, locked, postgres_folder

TABLES = ("raw_clicks", "raw_checkouts", "attributed_checkouts", "users", "dead_letters", "batches")
# libpq's variables, which unlike arguments no other user of the machine can see.
PSQL_VARIABLES = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip


def psql(arguments: Sequence[str]) -> int:
    """Runs psql on the demo's tables, and the server for as long if it does not run; psql's exit status.

    Raises:
        InputError: there has been no demo.
    """
    with ExitStack() as stack:
        url = os.environ.get("DATABASE_URL") or _demo_database(stack)
        login = {
            PSQL_VARIABLES[name]: str(value) for name, value in conninfo_to_dict(url).items() if name in PSQL_VARIABLES
        }
        # Ctrl-C is psql's while it runs: it cancels a query.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        command = [str(postgres.program("psql")), *arguments]
        return subprocess.run(command, env=os.environ | login, check=False).returncode  # noqa: S603 - the user's


def status(console: Console) -> int:
    """Prints what runs, how much is stored, and the rows of the last demo."""
    folder = data_folder()
    size = f"{_size(folder) / 1e6:,.0f} MB" if folder.exists() else "not there yet"
    console.print(f"data folder: {folder}, {size}", soft_wrap=True)
    console.print(f"running: {holder() or 'no demo, no replay'}")
    running = postgres.running_server(postgres_folder())
    console.print(f"PostgreSQL: {f'on 127.0.0.1:{running.port}' if running else 'not running'}")
    with ExitStack() as stack:
        try:
            url = _demo_database(stack)
        except InputError:
            console.print("last demo: none")
            return 0
        with psycopg.connect(url) as connection:
            for table in TABLES:
                ((count,),) = connection.execute(
                    sql.SQL("select count(*) from {}").format(sql.Identifier(table))
                ).fetchall()
                console.print(f"  {table:22}{count:12,}")
    return 0


def reset() -> int:
    """Stops the server that a killed command left behind, and deletes the data folder.

    Raises:
        InputError: a demo or a replay is running.
    """
    folder = data_folder()
    if not folder.exists():
        print(f"{folder} is not there: nothing to remove")
        return 0
    with locked("reset"):
        if postgres.running_server(postgres_folder()):
            postgres.stop(postgres_folder())
            print("stopped PostgreSQL")
        size = _size(folder)
        shutil.rmtree(folder)
    print(f"removed {folder} ({size / 1e6:,.0f} MB)")
    return 0


def _demo_database(stack: ExitStack) -> str:
    if not (postgres_folder() / "data" / "PG_VERSION").exists():
        raise InputError("no demo has been run yet: make demo")
    server = stack.enter_context(postgres.running(postgres_folder()))
    with psycopg.connect(server.url("postgres")) as connection:
        query = "select 1 from pg_database where datname = %s"
        if connection.execute(query, [demo.DATABASE]).fetchone() is None:
            raise InputError("no demo has been run yet: make demo")
    return server.url(demo.DATABASE)


def _size(folder: Path) -> int:
    """Bytes of all files that are there; some come and go while one looks."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
