"""`python -m local psql | status | reset`: what runs, and what lies in the data folder between runs."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg
from psycopg import sql
from rich.console import Console

from local.cloud import environment, lifetime
from local.errors import InputError
from local.folder import data_folder, holder, locked, postgres_folder
from local.servers import postgres
from runtime.database.connection import read_url

TABLES = ("raw_clicks", "raw_checkouts", "attributed_checkouts", "users", "dead_letters", "batches")
# libpq's variables, which unlike arguments no other user of the machine can see.
PSQL_VARIABLES = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip


def psql(arguments: Sequence[str]) -> int:
    """Runs psql on the deployed tables, and their server for as long if it does not run; psql's exit status.

    Raises:
        InputError: nothing has been deployed, or $DATABASE_URL is malformed.
    """
    with ExitStack() as stack:
        try:
            parameters = read_url(os.environ.get("DATABASE_URL") or _deployed_database(stack))
        except ValueError as error:
            raise InputError(str(error)) from None
        login = {PSQL_VARIABLES[name]: str(value) for name, value in parameters.items() if name in PSQL_VARIABLES}
        # Ctrl-C is psql's while it runs: it cancels a query.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        command = [str(postgres.program("psql")), *arguments]
        return subprocess.run(command, env=os.environ | login, check=False).returncode  # noqa: S603 - the user's


def status(console: Console) -> int:
    """Prints what runs, how much is stored, and the rows of the deployed database."""
    folder = data_folder()
    size = f"{_size(folder) / 1e6:,.0f} MB" if folder.exists() else "not there yet"

    def say(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    say(f"data folder: {folder}, {size}")
    say(f"running: {holder() or 'no demo, no replay'}")
    if url := lifetime.endpoint():
        say(f"cloud: up at {url}")
        for line in environment.status(url):
            say(f"  {line}")
    else:
        say("cloud: not up")
    with ExitStack() as stack:
        try:
            database = _deployed_database(stack)
        except InputError:
            say("tables: none")
            return 0
        say("tables:")
        with psycopg.connect(database) as connection:
            for table in TABLES:
                ((count,),) = connection.execute(
                    sql.SQL("select count(*) from {}").format(sql.Identifier(table))
                ).fetchall()
                say(f"  {table:22}{count:12,}")
    return 0


def reset() -> int:
    """Ends the cloud and the server that a killed command left behind, and deletes the data folder.

    Raises:
        InputError: a demo or a replay is running.
    """
    folder = data_folder()
    if not folder.exists():
        print(f"{folder} is not there: nothing to remove")
        return 0
    with locked("reset"):
        lifetime.end()
        if postgres.running_server(postgres_folder()):
            postgres.stop(postgres_folder())
            print("stopped PostgreSQL")
        size = _size(folder)
        shutil.rmtree(folder)
    print(f"removed {folder} ({size / 1e6:,.0f} MB)")
    return 0


def _deployed_database(stack: ExitStack) -> str:
    folder = lifetime.instance_folder()
    if not (folder / "data" / "PG_VERSION").exists():
        raise InputError("nothing has been deployed yet: make demo, or python -m local up")
    return stack.enter_context(postgres.running(folder)).url(environment.DATABASE)


def _size(folder: Path) -> int:
    """Bytes of all files that are there; some come and go while one looks."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
