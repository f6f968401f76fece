"""Read-only connections to the database as the analyst, and what is known when the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.conninfo import make_conninfo

ROLE = "pipeline_analyst"
MAX_CONNECTIONS = 4
CONNECT_TIMEOUT_SECONDS = 5
# As in SETTINGS.
STATEMENT_SECONDS = 10
# `set role` does not apply the settings of the role, such as its work_mem.
SETTINGS = (
    "set default_transaction_read_only = on",
    "set default_transaction_isolation = 'repeatable read'",
    "set statement_timeout = '10s'",
    "set idle_in_transaction_session_timeout = '30s'",
    # A migration or an erasure holds its locks for a moment. The page waits for them, and not long.
    "set lock_timeout = '3s'",
    "set timezone = 'UTC'",
    "set work_mem = '32MB'",
    "set jit = off",
    # The tables grow while the page is open, so a plan is made for each execution.
    "set plan_cache_mode = force_custom_plan",
)

T = TypeVar("T")
Connection = psycopg.AsyncConnection[tuple[Any, ...]]
# Returns the connection string of the database; None until the database is known.
Login = Callable[[], str | None]


class NotReadyError(Exception):
    """There is no database yet, or it has no tables yet."""


class LostError(Exception):
    """The database cannot be reached. `since`: when the page noticed."""

    def __init__(self, since: datetime, reason: str) -> None:
        super().__init__(reason)
        self.since = since


class TooSlowError(Exception):
    """A query exceeded the time limit, or waited too long for a lock."""


class Database:
    """Runs read-only transactions over at most MAX_CONNECTIONS connections, which are opened on demand."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._was_reached = False
        self._lost_since: datetime | None = None

    async def read(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Returns the result of `work` in a transaction that sees one state of the database.

        Raises:
            NotReadyError: the database does not exist yet, or has no tables yet.
            LostError: the database was reached before, and cannot be reached now.
            TooSlowError: a query exceeded the time limit.
        """
        async with self._slots:
            while self._idle:
                try:
                    return await self._run(self._idle.pop(), work)
                except psycopg.OperationalError:
                    # A restart of the server ends idle connections.
                    continue
            try:
                return await self._run(await self._connect(), work)
            except psycopg.OperationalError as error:
                raise self._away(error) from error

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()

    async def _run(self, connection: Connection, work: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            async with connection.transaction():
                result = await work(connection)
        except (errors.QueryCanceled, errors.LockNotAvailable) as error:
            self._idle.append(connection)
            raise TooSlowError(
                f"the database needed more than {STATEMENT_SECONDS} s; choose fewer days or fewer filters"
            ) from error
        except (errors.UndefinedTable, errors.UndefinedColumn, errors.UndefinedFunction) as error:
            await connection.close()
            raise NotReadyError("the database has not all tables yet; its migrations run at deployment") from error
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)
        self._was_reached, self._lost_since = True, None
        return result

    async def _connect(self) -> Connection:
        login = await asyncio.to_thread(self._login)
        if login is None:
            if self._was_reached:
                raise psycopg.OperationalError("the database is not running")
            raise NotReadyError("the pipeline is starting; its database does not exist yet")
        connection: Connection = await psycopg.AsyncConnection.connect(
            make_conninfo(login, connect_timeout=CONNECT_TIMEOUT_SECONDS, application_name="ecommerce-streaming-page"),
            autocommit=True,
        )
        try:
            for setting in SETTINGS:
                await connection.execute(setting)
            user = await (await connection.execute("select session_user")).fetchone()
            if user != (ROLE,):
                await connection.execute("set role pipeline_analyst")
        except BaseException:
            await connection.close()
            raise
        return connection

    def _away(self, error: psycopg.OperationalError) -> Exception:
        # The message can be of several lines, one for each address.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if not self._was_reached:
            return NotReadyError(f"the database cannot be reached yet: {reason}")
        self._lost_since = self._lost_since or datetime.now(UTC)
        return LostError(self._lost_since, reason)
