"""Interfaces of the parts of a running pipeline, deployed or undeployed, for the demo and the replay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# Prints a line of progress.
Say = Callable[[str], None]


class WatchedJob(Protocol):
    """The attribution job. `batch`: its last log line about a micro-batch."""

    restarts: int

    @property
    def batch(self) -> Mapping[str, Any] | None: ...
    def keep_alive(self) -> bool: ...
    def stop(self) -> None: ...
    def where_to_look(self) -> str: ...


class Publishing(Protocol):
    """Publishes events within its `with` block.

    `clicks`, `checkouts`: events published so far. `rate`: events per second, recently.
    """

    clicks: int
    checkouts: int

    @property
    def rate(self) -> float: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...
    def check(self) -> None: ...


class Refreshing(Protocol):
    """Keeps the attribution models up to date while the pipeline runs. `failures`: failed refreshes so far.

    `finish` refreshes a last time, so that the analysts' views hold every stored event.
    """

    failures: int

    def check(self) -> None: ...
    def finish(self) -> None: ...


JobT_co = TypeVar("JobT_co", bound=WatchedJob, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Pipeline(Generic[JobT_co]):
    """A running pipeline. `database_url`: the owner's. `publisher`: makes a publisher, given its rate.

    `refreshes`: null if nothing refreshes the attribution models.
    """

    kinesis: "KinesisClient"
    streams: Mapping[Stream, str]
    database_url: str
    job: JobT_co
    publisher: Callable[[float], Publishing]
    refreshes: Refreshing | None = None
