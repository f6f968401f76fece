"""A publisher of generated events that depend on the seed only, and a ledger of Kinesis' response to each record."""

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
# The simulated time of one invocation, which takes two seconds. A run of half a minute then covers more than the
# attribution window.
SHOP_SECONDS = 300
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


class SeededPublisher(Publisher):
    """A publisher of events that depend on the seed and the number of the invocation, not on the clock."""

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
            # Revisions, refunds, conflicts and packed records in every run, though a run has few checkouts.
            "variety": 3,
        }


class Ledger:
    """A file with one JSON line for each record that `client` sends with PutRecords, and the record's outcome.

    accepted: the response has a sequence number for the record. refused: the response has an error for it. unknown: no
    response arrived, or its status is 500 or above.
    """

    def __init__(self, path: Path, client: "KinesisClient") -> None:
        self._path = path
        self._request: dict[str, Any] = {}
        for event, handler in (
            ("before-parameter-build", self._note_request),
            ("after-call", self._note_response),
            ("after-call-error", self._note_failure),
        ):
            client.meta.events.register(f"{event}.kinesis.PutRecords", handler)

    def check(self, records: Iterable[Record], names: Mapping[Stream, str], result: Reconciliation) -> None:
        """Compares the ledger with `records`, the contents of the streams that `names` holds, and adds to `result`.

        An accepted record that is not in its stream is lost. A record in a stream that was not sent is wrong.
        """
        remaining = {(names[record.stream], record.sequence_number): record for record in records}
        unknown: set[tuple[str, str]] = set()
        for line in self._path.read_text().splitlines():
            entry = json.loads(line)
            if entry["outcome"] == "unknown":
                unknown.add((entry["stream"], entry["data"]))
            elif entry["outcome"] == "accepted":
                stored = remaining.pop((entry["stream"], entry["sequence_number"]), None)
                if stored is None or encoded(stored.data) != entry["data"] or stored.shard != entry["shard"]:
                    result.add_lost(1, f"accepted by Kinesis, but not in the stream: {entry}")
        for (stream, number), record in remaining.items():
            if (stream, encoded(record.data)) not in unknown:
                result.add_wrong(f"in the stream {stream}, but not sent: {number}")

    def _note_request(self, params: dict[str, Any], **_: object) -> None:
        self._request = params

    def _note_response(self, parsed: dict[str, Any], **_: object) -> None:
        if "Error" in parsed:
            status = parsed["ResponseMetadata"]["HTTPStatusCode"]
            self._write({"outcome": "unknown" if status >= 500 else "refused"} for _ in self._request["Records"])
        else:
            self._write(map(entry_outcome, parsed["Records"]))

    def _note_failure(self, **_: object) -> None:
        self._write({"outcome": "unknown"} for _ in self._request["Records"])

    def _write(self, outcomes: Iterable[dict[str, Any]]) -> None:
        with self._path.open("a") as file:
            for entry, outcome in zip(self._request["Records"], outcomes, strict=True):
                sent = {"stream": self._request["StreamName"], "data": encoded(entry["Data"])}
                file.write(json.dumps(sent | outcome) + "\n")


def entry_outcome(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns the outcome of one entry of a response with status 200."""
    if "ErrorCode" in entry:
        return {"outcome": "refused", "code": entry["ErrorCode"]}
    return {"outcome": "accepted", "shard": entry["ShardId"], "sequence_number": entry["SequenceNumber"]}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()
