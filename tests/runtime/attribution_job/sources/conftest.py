from collections.abc import Iterator

import pytest

from runtime.attribution_job.sources import shard
from tests.runtime.attribution_job.sources.reading import readers


@pytest.fixture(autouse=True)
def unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the tests ask without the pauses that Kinesis' limits demand; those have tests of their own."""
    for name in ("CALL_SECONDS", "IDLE_SECONDS", "BACK_OFF_SECONDS", "MOST_BACK_OFF_SECONDS"):
        monkeypatch.setattr(shard, name, 0.001)
    monkeypatch.setattr(shard, "BYTES_PER_SECOND", 1e12)


@pytest.fixture(autouse=True)
def stopped_readers() -> Iterator[None]:
    """Stops the readers of a test at its end: their threads would take the processor from the tests that follow."""
    yield
    while readers:
        readers.pop().stop()
