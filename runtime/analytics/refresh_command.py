"""The command `refresh`: brings the tables of the attribution models up to date, once or repeatedly."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

import psycopg
from botocore.exceptions import BotoCoreError, ClientError
from psycopg import errors

from runtime.analytics.errors import InputError
from runtime.analytics.priority import yield_processors, yield_processors_of_server
from runtime.analytics.refresh import Outcome, refresh
from runtime.database.connection import connection_string

DESCRIPTION = """\
Brings the tables behind the analyst's views up to date with all stored events,
changed settings and changed channel rules. Does only what has changed since the
last refresh.

Prints a line: how many checkouts and users have another path now. With --every,
prints a line for each refresh that changed something. Reports a database that
goes away once, and once more when it is back.
"""
EPILOG = """\
environment:
  DATABASE_URL     the database; the login is pipeline_analytics or the owner
  DATABASE_SECRET  name of a secret in Secrets Manager that has the login, and
                   is read instead of DATABASE_URL

examples:
  DATABASE_URL=postgresql://… python -m runtime.analytics refresh --every 60
"""
WRONG_LOGIN = "log in as pipeline_analytics or as the owner of the tables"
NOT_MIGRATED = "apply this version's migrations to the database: deploy it, or give the URL of a deployed database"


class UnreachableError(InputError):
    """The database or its secret cannot be reached now."""


def add_parser(command: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = command.add_parser(
        "refresh",
        help="bring the tables of the attribution models up to date with the events",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--full", action="store_true", help="compute everything anew; with --every, in the first refresh only"
    )
    parser.add_argument(
        "--every", type=_seconds, metavar="SECONDS", help="repeat until interrupted, this time after the last start"
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="leave the processors to other work: lowest priority for this process, and for that of the database"
        " server if it runs on this machine",
    )
    parser.set_defaults(run=_run)


def describe(outcome: Outcome) -> str:
    """Returns what a refresh did, for a person."""
    if outcome.is_busy:
        return "another refresh is running, so this one did nothing; try again"
    changes = f"{_count(outcome.checkouts, 'checkout')} and {_count(outcome.users, 'user')} have another path"
    text = f"{changes if outcome.has_changes else 'nothing has changed'} ({outcome.seconds:.2f} s)"
    failed = f"failed: {', '.join(outcome.failed)}" if outcome.failed else None
    return "; ".join(filter(None, (text, outcome.message, failed)))


def _run(arguments: argparse.Namespace) -> int:
    started_at = time.monotonic()
    if arguments.background:
        yield_processors(os.getpid())
    outcome = _refresh(full=arguments.full, in_background=arguments.background)
    _print(describe(outcome))
    if arguments.every is not None:
        _repeat(arguments.every, started_at, outcome.message, in_background=arguments.background)
    return 1 if outcome.is_busy or outcome.failed else 0


def _repeat(seconds: float, started_at: float, message: str | None, *, in_background: bool) -> None:
    """Refreshes until an interrupt. `message`: that of the first refresh, which is not printed again."""
    is_failing = False
    while True:
        time.sleep(max(0.0, started_at + seconds - time.monotonic()))
        started_at = time.monotonic()
        try:
            outcome = _refresh(full=False, in_background=in_background)
        except (UnreachableError, psycopg.OperationalError) as error:
            if not is_failing:
                _print(f"the refresh fails, and is tried again every {seconds:g} s: {_one_line(error)}", sys.stderr)
            is_failing = True
            continue
        if is_failing:
            _print("the refresh works again", sys.stderr)
        is_failing = False
        if outcome.has_changes or (outcome.message != message and not outcome.is_busy):
            _print(describe(outcome))
            message = outcome.message


def _refresh(*, full: bool, in_background: bool) -> Outcome:
    """Refreshes once.

    Raises:
        InputError: the database cannot be used: no login, the wrong one, or missing migrations.
        psycopg.Error: the database refused a statement; the tables are as before.
    """
    with _connected() as connection:
        if in_background:
            yield_processors_of_server(connection)
        try:
            return refresh(connection, full=full)
        except (errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
            raise InputError(f"{_one_line(error)}; {WRONG_LOGIN}") from error
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction) as error:
            raise InputError(f"{_one_line(error)}; {NOT_MIGRATED}") from error


@contextmanager
def _connected() -> Iterator[psycopg.Connection]:
    variable = "DATABASE_SECRET" if os.environ.get("DATABASE_SECRET") else "DATABASE_URL"
    if not os.environ.get(variable):
        raise InputError("no database: set DATABASE_URL, or DATABASE_SECRET to the name of a secret that has the login")
    try:
        login = connection_string(os.environ.get("DATABASE_SECRET") or None)
        connection = psycopg.connect(login, autocommit=True, application_name="analytics-refresh")
    except ValueError as error:
        raise InputError(str(error)) from None
    except (psycopg.OperationalError, BotoCoreError, ClientError) as error:
        raise UnreachableError(f"{variable}: {_one_line(error)}") from error
    with connection:
        yield connection


def _one_line(error: Exception) -> str:
    primary = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return primary or " ".join(str(error).split())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _print(text: str, file: TextIO | None = None) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}  {text}", file=file, flush=True)


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number <= 86_400:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of seconds above 0, at most a day (86400)")
    return number
