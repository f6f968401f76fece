"""The priority of processes: other work on the machine comes first."""

import os
from contextlib import suppress
from pathlib import Path

import psycopg

LOWEST_PRIORITY = 19
PROCESSES = Path("/proc")


def yield_processors(process_id: int) -> None:
    """Gives a process the lowest priority. Does nothing if the process is another user's, or has ended.

    Linux shares the processors among sessions first (sched(7), "The autogroup feature"): within its own session, the
    priority of a process alone changes nothing.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process_id, LOWEST_PRIORITY)
        if os.getsid(process_id) == process_id:
            (PROCESSES / str(process_id) / "autogroup").write_text(str(LOWEST_PRIORITY))


def yield_processors_of_server(connection: psycopg.Connection) -> None:
    """Gives the lowest priority to the server's process of a connection, if the server runs on this machine.

    The process must be a PostgreSQL server process here, because a tunnel's end is on this machine, too.
    """
    process_id = connection.info.backend_pid
    with suppress(OSError):
        if (PROCESSES / str(process_id) / "comm").read_text().strip() == "postgres":
            yield_processors(process_id)
