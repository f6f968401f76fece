"""The end of a micro-batch: which of its slices writes the batch's own row."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg


class Ending:
    """Lets the slice that stores its rows last end the batch, in its own transaction, when the others have committed.

    A transaction that waits for another session can be part of a deadlock that the server cannot see. This wait is
    safe: it begins when the others have stored all their rows, and to commit they need no lock.
    """

    def __init__(self, slices: int) -> None:
        self._changed = threading.Condition()
        self._storing = slices
        self._open = slices
        self._failed = False

    @contextmanager
    def transaction(self, connection: psycopg.Connection) -> Iterator[psycopg.Cursor]:
        """Runs a slice's transaction, and tells the other slices how it ended."""
        try:
            with connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except BaseException:
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            raise
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def is_last(self) -> bool:
        """Returns whether all other slices have stored their rows. Each slice asks once, when it has stored its rows.

        After a slice has failed, no slice is the last one.
        """
        with self._changed:
            self._storing -= 1
            return self._storing == 0

    def others_committed(self) -> bool:
        """Waits until all other slices have committed; returns False if one of them failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._failed or self._open == 1)
            return not self._failed
