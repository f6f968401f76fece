"""A fixture that kills the job between the commits of a batch's slices."""

from collections.abc import Iterator

import pytest

from runtime.attribution_job.sink.ending import Ending


class KilledError(Exception):
    """The job was killed before a slice committed."""


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A list; a number in it lets so many slices of the next write commit, and kills the job then."""
    slices: list[int] = []
    is_last = Ending.is_last

    def stop(ending: Ending) -> bool:
        if not slices:
            return is_last(ending)
        with ending._changed:
            slices[0] -= 1
            if slices[0] < 0:
                raise KilledError
            return False

    monkeypatch.setattr(Ending, "is_last", stop)
    yield slices
    slices.clear()
