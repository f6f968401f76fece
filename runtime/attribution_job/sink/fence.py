"""One run of the job at a time writes to a database: the one whose session holds the lock.

The session has the lock for as long as it is connected, so whoever still has the connection need not ask for it before
each transaction. That does not hold behind a pooler which gives each transaction another session.
"""

import logging
import threading
import time

import psycopg

from runtime.attribution_job.failures import FencedError

# Beside migrate.LOCK: any constant that no other user of the database takes.
LOCK = 0x65636F6E
# A successor waits longer than a session outlives a client that is gone without a word (NOTICE_A_LOST_CLIENT).
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.2
# A client whose machine is lost does not end its connection, and its session would keep the lock for hours. Asked after
# 20 s of silence and then every 10 s, it is given up after 50 s, and so is one that does not confirm what it is sent.
# A session in the middle of a statement would look for its client only at the end, and looks every 2 s.
# https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS
NOTICE_A_LOST_CLIENT = """
set tcp_keepalives_idle = '20s';
set tcp_keepalives_interval = '10s';
set tcp_keepalives_count = 3;
set tcp_user_timeout = '50s';
set client_connection_check_interval = '2s';
"""
# Of another role's session only the pid and the role are to be seen.
HOLDER = """
select concat_ws(', ', 'pid ' || pid, 'role ' || usename, nullif(application_name, ''), 'from ' || host(client_addr),
                 'since ' || date_trunc('second', backend_start))
  from pg_locks join pg_stat_activity using (pid)
 where locktype = 'advisory' and granted and classid = 0 and objid = %s and objsubid = 1
   and pg_locks.database = (select oid from pg_database where datname = current_database())
"""

log = logging.getLogger(__name__)


def take(connection: psycopg.Connection, closing: threading.Event, wait_seconds: float = WAIT_SECONDS) -> None:
    """Makes this the one session that writes, until it ends.

    A session that holds the lock may be just ending; it is given `wait_seconds`, or until `closing` is set.

    Raises:
        FencedError: another session holds the lock; the message says which.
    """
    connection.execute(NOTICE_A_LOST_CLIENT)
    deadline = time.monotonic() + wait_seconds
    told = ""
    while not _try_to_take(connection):
        holder = _holder(connection)
        if holder != told:
            log.warning("another run writes to this database; waiting for its end", extra={"holder": holder})
            told = holder
        if closing.wait(POLL_SECONDS) or time.monotonic() >= deadline:
            raise FencedError(
                f"another run of the job writes to this database, and did not end within {wait_seconds:.0f} s: {holder}"
            )


def _try_to_take(connection: psycopg.Connection) -> bool:
    row = connection.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])


def _holder(connection: psycopg.Connection) -> str:
    row = connection.execute(HOLDER, [LOCK]).fetchone()
    return str(row[0]) if row else "it has just ended"
