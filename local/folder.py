"""Where everything that this package leaves on the machine lies, and the lock that keeps two runs apart."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import InputError

PROJECT = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """`.local/` of this clone, or $LOCAL_FOLDER."""
    return Path(os.environ.get("LOCAL_FOLDER") or PROJECT / ".local").absolute()


def postgres_folder() -> Path:
    return data_folder() / "postgres"


@contextmanager
def locked(command: str) -> Iterator[None]:
    """Keeps out other commands that need the data folder for themselves; ends with the process at the latest.

    Raises:
        InputError: another one has it; the message says which.
    """
    data_folder().mkdir(parents=True, exist_ok=True)
    with (data_folder() / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another command"
            raise InputError(f"{holder} is using {data_folder()}: wait until it has ended, or end it") from None
        lock.truncate(0)
        lock.write(f"{command} (process {os.getpid()})")
        lock.flush()
        yield


def holder() -> str | None:
    """The command that has the lock, with its process id."""
    with contextlib.suppress(FileNotFoundError), (data_folder() / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().strip()
    return None
