"""The advisory lock that lets only one run of the job write to a database.

All sessions of a run hold the lock in shared mode. The first one takes it in exclusive mode before, and so waits until
every session of other runs has ended. The lock belongs to the session and ends with it. An open connection therefore
proves that the run still holds the lock, and no transaction has to check it. A session that joins late could find the
lock in the hands of a later run. Therefore every micro-batch begins with a statement of the first session, when the
others have joined: it fails if a later run has come in between, and otherwise no run can come until they have ended.

A connection pooler in transaction mode breaks this: transactions change sessions.
"""

import logging
import threading
import time

import psycopg

from runtime.attribution_job.failures import FencedError

# The lock's key: any constant that differs from migrate.ADVISORY_LOCK_KEY and from other keys in the database.
LOCK = 0x65636F6E
# Longer than the server keeps the session of a lost client (DETECT_LOST_CLIENT).
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.2
# A lost machine does not close its connection. With default settings, its session would keep the lock for hours. With
# these settings, keepalive probes start after 20 s of silence and follow every 10 s. The session ends after 50 s, also
# when the client does not confirm sent data. During a statement the server checks the connection every 2 s; by default
# it would check only after the statement.
# https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
DETECT_LOST_CLIENT = """
set tcp_keepalives_idle = '20s';
set tcp_keepalives_interval = '10s';
set tcp_keepalives_count = 3;
set tcp_user_timeout = '50s';
set client_connection_check_interval = '2s';
"""
# Other roles' sessions show only their pid and role.
HOLDER = """
select concat_ws(', ', 'pid ' || pid, 'role ' || usename, nullif(application_name, ''), 'from ' || host(client_addr),
                 'since ' || date_trunc('second', backend_start))
  from pg_locks join pg_stat_activity using (pid)
 where locktype = 'advisory' and granted and classid = 0 and objid = %s and objsubid = 1
   and pg_locks.database = (select oid from pg_database where datname = current_database())
 order by backend_start
 limit 1
"""

log = logging.getLogger(__name__)


class FenceLostError(Exception):
    """The run has lost its lock. It must take the lock again, or fail when another run has it."""


def take(connection: psycopg.Connection, closing: threading.Event, wait_seconds: float = WAIT_SECONDS) -> None:
    """Takes the lock for the life of the session, the first one of a run.

    Waits up to `wait_seconds` for the sessions of another run to release it, because they may be about to end. The wait
    stops when `closing` is set.

    Raises:
        FencedError: another run holds the lock; the message names its oldest session.
    """
    connection.execute(DETECT_LOST_CLIENT)
    deadline = time.monotonic() + wait_seconds
    logged_holder = ""
    while not _try_to_take(connection):
        holder = _holder(connection)
        if holder != logged_holder:
            log.warning("another run writes to this database; waiting until it ends", extra={"holder": holder})
            logged_holder = holder
        if closing.wait(POLL_SECONDS) or time.monotonic() >= deadline:
            raise FencedError(
                f"another run of the job writes to this database and did not end within {wait_seconds:.0f} s: {holder}"
            )
    # Taken before the other mode is released, so that no run can come in between.
    connection.execute("select pg_advisory_lock_shared(%s)", [LOCK])
    connection.execute("select pg_advisory_unlock(%s)", [LOCK])


def join(connection: psycopg.Connection) -> None:
    """Takes the lock for the life of a session that is not the first one of its run.

    Raises:
        FenceLostError: another run is taking the lock, so this run's first session has ended.
    """
    connection.execute(DETECT_LOST_CLIENT)
    row = connection.execute("select pg_try_advisory_lock_shared(%s)", [LOCK]).fetchone()
    if not (row and row[0]):
        raise FenceLostError("another run of the job takes the lock: the first session of this run has ended")


def _try_to_take(connection: psycopg.Connection) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])


def _holder(connection: psycopg.Connection) -> str:
    """Describes the session that holds the lock."""
    row = connection.execute(HOLDER, [LOCK]).fetchone()
    return str(row[0]) if row else "its session has just ended"
