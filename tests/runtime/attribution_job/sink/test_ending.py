"""The end of a batch: which slice writes its row, and batches that end with some slices only."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest

from runtime.attribution_job.sink.ending import Ending
from tests.oracle import Checkout, Click
from tests.runtime.attribution_job.conftest import Sinks, credits
from tests.runtime.attribution_job.sink.conftest import KilledError
from tests.runtime.attribution_job.sink.rows import checkout_row, click_row, table
from tests.runtime.attribution_job.sink.test_slices import assert_consistent

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# In different slices of two.
USERS = ("u1", "ü3")


class Session:
    """A connection whose commits wait until `may_commit` is set, and fail with `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_commit = threading.Event()
        self._error = error

    def transaction(self) -> "Session":
        return self

    def cursor(self) -> AbstractContextManager[None]:
        return nullcontext()

    def __enter__(self) -> None:
        """Begins the transaction."""

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            assert self.may_commit.wait(30)
            if self._error:
                raise self._error


StoreSlice = Callable[[Session], "Future[bool | None]"]


@pytest.fixture
def store() -> Iterator[StoreSlice]:
    """Returns a function that runs one of two slices: true or false if it was the last one, as the other committed."""
    ending = Ending(2)

    def store(session: Session) -> bool | None:
        with ending.transaction(cast(Any, session)):
            return ending.others_committed() if ending.is_last() else None

    with ThreadPoolExecutor() as threads:
        yield lambda session: threads.submit(store, session)


def test_the_last_slice_waits_for_the_commit_of_the_others(store: StoreSlice) -> None:
    first, last = Session(), Session()
    last.may_commit.set()
    stored_first = store(first)
    with pytest.raises(TimeoutError):
        stored_first.result(0.1)
    stored_last = store(last)
    with pytest.raises(TimeoutError):
        stored_last.result(0.1)
    first.may_commit.set()
    assert (stored_first.result(), stored_last.result()) == (None, True)


def test_no_slice_ends_a_batch_when_another_commit_fails(store: StoreSlice) -> None:
    first, last = Session(psycopg.OperationalError("cut")), Session()
    last.may_commit.set()
    stored_first = store(first)
    with pytest.raises(TimeoutError):
        stored_first.result(0.1)
    stored_last = store(last)
    first.may_commit.set()
    assert stored_last.result() is False
    assert isinstance(stored_first.exception(), psycopg.OperationalError)


@pytest.mark.parametrize("writers", [1, 2])
def test_the_next_query_takes_over_a_batch_that_is_never_finished(
    sinks: Sinks, migrated: psycopg.Connection, kill: list[int], writers: int
) -> None:
    """The checkpoint is lost, the stream has dropped the clicks, and the streaming join cannot know the stored one."""
    clicks = [click_row(Click(NOON, f"c {user}", user)) for user in USERS]
    kill.append(1)
    with pytest.raises(KilledError):
        sinks.for_join("spark", 2).write(table(*clicks), query_id=str(uuid4()), batch_id=0)
    kill.clear()
    sink, query = sinks.for_join("spark", writers), str(uuid4())
    sink.write(table(), query_id=query, batch_id=0)
    assert migrated.execute("select from batch_slices").fetchall() == []
    assert migrated.execute("select sum(clicks) from batches").fetchone() == (1,)
    checkouts = [checkout_row(Checkout(NOON + 50 * MINUTE, f"k {user}", user)) for user in USERS]
    sink.write(table(*checkouts), query_id=query, batch_id=1)
    assert len([click_id for click_id in credits(migrated).values() if click_id]) == 1
    assert_consistent(migrated)
