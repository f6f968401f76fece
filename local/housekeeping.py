"""The commands psql, refresh, status and reset, which inspect, complete or delete the data of earlier commands."""

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

from local import deployed_database
from local.cloud import environment, lifetime
from local.errors import InputError
from local.folder import data_folder, lock_holder, locked, postgres_folder
from local.servers import postgres
from runtime.analytics.refresh import refresh
from runtime.analytics.refresh_command import describe

TABLES = (
    "raw_clicks", "raw_checkouts", "raw_refunds", "attributed_checkouts", "users", "conflicts", "dead_letters",
    "batches", "ad_spend", "exchange_rates", "channel_rules", "checkout_paths", "unconverted_paths", "daily_credits",
    "model_runs",
)  # fmt: skip
# libpq's environment variables for the login. Other users of the machine can read arguments, but not the environment.
PSQL_VARIABLES = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT",
}  # fmt: skip


def psql(arguments: Sequence[str]) -> int:
    """Runs psql on the deployed tables, or on $DATABASE_URL, and returns psql's exit status.

    The deployed database server runs until psql ends, if it was not running before.

    Raises:
        InputError: no database has been deployed, or $DATABASE_URL is malformed.
    """
    with deployed_database.login() as parameters:
        login = {PSQL_VARIABLES[name]: str(value) for name, value in parameters.items() if name in PSQL_VARIABLES}
        # Ctrl-C must cancel a query in psql, and not end this process. psql inherits SIG_IGN, but no handler.
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        command = [str(postgres.program("psql")), *arguments]
        return subprocess.run(command, env=os.environ | login, check=False).returncode  # noqa: S603 - psql with the user's own arguments


def refresh_models(*, full: bool) -> int:
    """Brings the models' tables of the deployed database, or of $DATABASE_URL, up to date. Returns the exit status.

    Raises:
        InputError: there is no database.
        psycopg.Error: the database refused a statement; the tables are as before.
    """
    with deployed_database.connected() as connection:
        outcome = refresh(connection, full=full)
    print(describe(outcome))
    return 1 if outcome.is_busy else 0


def status(console: Console) -> int:
    """Prints the running parts, the size of the data folder, and the row counts of the deployed tables."""
    folder = data_folder()
    size = f"{_size(folder) / 1e6:,.0f} MB" if folder.exists() else "not created yet"

    def print_line(text: str) -> None:
        console.print(text, soft_wrap=True, highlight=False, markup=False)

    print_line(f"data folder: {folder}, {size}")
    print_line(f"running: {lock_holder() or 'no demo or replay'}")
    if url := lifetime.endpoint():
        print_line(f"cloud: up at {url}")
        for line in environment.status(url):
            print_line(f"  {line}")
    else:
        print_line("cloud: not running")
    with ExitStack() as stack:
        try:
            database = stack.enter_context(deployed_database.deployed_url())
        except InputError:
            print_line("tables: none")
            return 0
        print_line("tables:")
        with psycopg.connect(database) as connection:
            for table in TABLES:
                ((count,),) = connection.execute(
                    sql.SQL("select count(*) from {}").format(sql.Identifier(table))
                ).fetchall()
                print_line(f"  {table:22}{count:12,}")
    return 0


def reset() -> int:
    """Stops the cloud and any PostgreSQL server that a killed command left running, and deletes the data folder.

    Raises:
        InputError: another command is using the data folder.
    """
    folder = data_folder()
    if not folder.exists():
        print(f"{folder} does not exist: nothing to remove")
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


def _size(folder: Path) -> int:
    """Returns the total bytes of all files below `folder`, without files that are deleted meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total
