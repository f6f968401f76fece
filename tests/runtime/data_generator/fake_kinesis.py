"""A Kinesis client with scripted responses and a simulated clock."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from runtime.data_generator.events import Stream
from runtime.data_generator.publishing import publish
from runtime.data_generator.simulation import Record

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

STREAMS: dict[Stream, str] = {"clicks": "shop-clicks", "checkouts": "shop-checkouts"}

Answer = Callable[[list[bytes]], dict[str, Any]]


def record(ordinal: int, stream: Stream = "clicks", size: int = 10) -> Record:
    return Record(stream, f"user-{ordinal:06d}", f"{ordinal}".encode().ljust(size), late=False, defect=None)


def accept(data: list[bytes]) -> dict[str, Any]:
    return refuse_some(set())(data)


def refuse_some(refused: set[bytes]) -> Answer:
    """Returns a function that answers 200 and refuses the entries with these data."""

    def answer(data: list[bytes]) -> dict[str, Any]:
        accepted_entry = {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
        refused_entry = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}
        entries = [refused_entry if datum.strip() in refused else accepted_entry for datum in data]
        return {"FailedRecordCount": entries.count(refused_entry), "Records": entries}

    return answer


def refuse_all(data: list[bytes]) -> dict[str, Any]:
    return refuse_some({datum.strip() for datum in data})(data)


def fail(error: Exception) -> Answer:
    def answer(_data: list[bytes]) -> dict[str, Any]:
        raise error

    return answer


def client_error(code: str, status: int) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "because"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "PutRecords")


class FakeKinesis:
    """Gives the scripted answers, then the answer `then`. Keeps the requests and the waits.

    Its clock advances by each wait, and by `seconds_a_request` in each request.
    """

    def __init__(self, *script: Answer, then: Answer = accept) -> None:
        self.answers: Iterator[Answer] = iter(script)
        self.then = then
        self.requests: list[tuple[str, list[bytes]]] = []
        self.waits: list[float] = []
        self.seconds_a_request = 0.0
        self.now = 1000.0

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        data = [entry["Data"] for entry in Records]
        self.requests.append((StreamName, [datum.strip() for datum in data]))
        self.now += self.seconds_a_request
        return next(self.answers, self.then)(data)

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def publish(self, records: list[Record], budget_seconds: float = 60) -> int:
        client = cast("KinesisClient", self)
        return publish(client, STREAMS, records, budget_seconds, sleep=self.sleep, clock=lambda: self.now)
