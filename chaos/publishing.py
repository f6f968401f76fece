"""What is published: the generator's own events, by the seed; and what its client was told about each of them."""

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.pipeline.publisher import PERIOD_SECONDS, Publisher
from local.reconciliation.comparison import Reconciliation, Record
from runtime.data_generator.events import Stream

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

CLICKS_A_SECOND = 60
USERS = 300
# An invocation's two seconds stand for so many of the shop's, so that a run of half a minute is longer than the
# attribution window, and events leave it.
SHOP_SECONDS = 300
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


class SeededPublisher(Publisher):
    """Invokes the generator with events that depend on the seed and their number, never on the clock."""

    def __init__(self, seed: int) -> None:
        super().__init__(CLICKS_A_SECOND)
        self._seed = seed

    def event(self, invocation: int) -> dict[str, object]:
        return {
            "id": f"seed-{self._seed}-{invocation}",
            "time": (ORIGIN + invocation * timedelta(seconds=SHOP_SECONDS)).isoformat(),
            "seed": self._seed,
            "clicks": CLICKS_A_SECOND * PERIOD_SECONDS,
            "users": USERS,
            "period_seconds": SHOP_SECONDS,
            "late_share": 0.05,
            "malformed_share": 0.02,
        }


class Ledger:
    """Every record of every PutRecords that `client` sends, as a line of JSON in `path`, with what became of it.

    accepted: there was a sequence number. refused: an error said that it was not taken. unknown: no answer came, or
    one of 500 and above.
    """

    def __init__(self, path: Path, client: "KinesisClient") -> None:
        self._path = path
        self._asked: dict[str, Any] = {}
        for event, handler in (
            ("before-parameter-build", self._remember),
            ("after-call", self._answered),
            ("after-call-error", self._unanswered),
        ):
            client.meta.events.register(f"{event}.kinesis.PutRecords", handler)

    def check(self, records: Iterable[Record], names: Mapping[Stream, str], result: Reconciliation) -> None:
        """Adds to `result` what was accepted and is not among `records`, and what is there without having been sent.

        `names`: of the streams, by their kind.
        """
        there = {(names[one.stream], one.sequence_number): one for one in records}
        unknown: set[tuple[str, str]] = set()
        for line in self._path.read_text().splitlines():
            entry = json.loads(line)
            if entry["outcome"] == "unknown":
                unknown.add((entry["stream"], entry["data"]))
            elif entry["outcome"] == "accepted":
                found = there.pop((entry["stream"], entry["sequence_number"]), None)
                if found is None or encoded(found.data) != entry["data"] or found.shard != entry["shard"]:
                    result.add_lost(1, f"accepted by Kinesis and not in the stream: {entry}")
        for (stream, number), record in there.items():
            if (stream, encoded(record.data)) not in unknown:
                result.add_wrong(f"in {stream} without having been sent: {number}")

    def _remember(self, params: dict[str, Any], **_: object) -> None:
        self._asked = params

    def _answered(self, parsed: dict[str, Any], **_: object) -> None:
        if "Error" in parsed:
            status = parsed["ResponseMetadata"]["HTTPStatusCode"]
            self._write({"outcome": "unknown" if status >= 500 else "refused"} for _ in self._asked["Records"])
        else:
            self._write(map(outcome, parsed["Records"]))

    def _unanswered(self, **_: object) -> None:
        self._write({"outcome": "unknown"} for _ in self._asked["Records"])

    def _write(self, outcomes: Iterable[dict[str, Any]]) -> None:
        with self._path.open("a") as file:
            for entry, became in zip(self._asked["Records"], outcomes, strict=True):
                sent = {"stream": self._asked["StreamName"], "data": encoded(entry["Data"])}
                file.write(json.dumps(sent | became) + "\n")


def outcome(answer: dict[str, Any]) -> dict[str, Any]:
    """Of one entry of an answer of 200."""
    if "ErrorCode" in answer:
        return {"outcome": "refused", "code": answer["ErrorCode"]}
    return {"outcome": "accepted", "shard": answer["ShardId"], "sequence_number": answer["SequenceNumber"]}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
