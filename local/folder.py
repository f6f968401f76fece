"""The folder of all local data, the lock that gives one command at a time the use of it, and the folder in memory."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import InputError

PROJECT = Path(__file__).resolve().parent.parent
# Linux keeps the files of this folder in memory.
MEMORY = Path("/dev/shm")  # noqa: S108 - a mount point
# More than the files of a test run take. A container often has 64 MB, and runs no program in the folder.
MIN_FREE_BYTES = 4 * 1024**3


def data_folder() -> Path:
    """Returns $LOCAL_FOLDER, or `.local/` of this clone if the variable is not set."""
    return Path(os.environ.get("LOCAL_FOLDER") or PROJECT / ".local").absolute()


def postgres_folder() -> Path:
    return data_folder() / "postgres"


def memory_folder() -> Path | None:
    """Returns the folder whose files are in memory; None if it lacks room for a test run or runs no programs."""
    if not MEMORY.is_dir():
        return None
    state = os.statvfs(MEMORY)
    return MEMORY if state.f_bavail * state.f_frsize >= MIN_FREE_BYTES and not state.f_flag & os.ST_NOEXEC else None


@contextmanager
def locked(command: str) -> Iterator[None]:
    """Holds the exclusive lock on the data folder for `command`. The lock ends with the process at the latest.

    Raises:
        InputError: another command holds the lock; the message names that command.
    """
    data_folder().mkdir(parents=True, exist_ok=True)
    with (data_folder() / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another command"
            raise InputError(
                f"{holder} is using {data_folder()}; wait until that command has ended, or end it"
            ) from None
        lock.truncate(0)
        lock.write(f"{command} (process {os.getpid()})")
        lock.flush()
        yield


def lock_holder() -> str | None:
    """Returns the command that holds the lock, with its process id; None if no command holds it."""
    with contextlib.suppress(FileNotFoundError), (data_folder() / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return lock.read().strip()
    return None
