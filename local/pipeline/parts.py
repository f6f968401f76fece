"""The parts of a running pipeline, deployed or not, as the demo and the replay see them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Say = Callable[[str], None]


class WatchedJob(Protocol):
    """`batch`: the last line of its log about a micro-batch."""

    restarts: int

    @property
    def batch(self) -> Mapping[str, Any] | None: ...
    def keep_alive(self) -> bool: ...
    def stop(self) -> None: ...
    def where_to_look(self) -> str: ...


class Publishing(Protocol):
    """Publishes within its `with` block. `rate`: events per second of late."""

    clicks: int
    checkouts: int

    @property
    def rate(self) -> float: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None: ...
    def check(self) -> None: ...


JobT_co = TypeVar("JobT_co", bound=WatchedJob, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Pipeline(Generic[JobT_co]):
    """`database_url` is the owner's; `publisher` makes what publishes so many events a second."""

    kinesis: "KinesisClient"
    streams: Mapping[Stream, str]
    database_url: str
    job: JobT_co
    publisher: Callable[[float], Publishing]
