"""A reader of CloudWatch Logs that returns each line once, as the log grows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3

# A line may become visible this long after its timestamp.
OVERLAP = timedelta(minutes=1)


class LogReader:
    """A read position in the log group `group`, from `since` on."""

    def __init__(self, group: str, *, since: datetime) -> None:
        self._logs = boto3.client("logs")
        self._group = group
        self._from = since
        self._newest = since
        self._read: set[tuple[str, int, str]] = set()

    def new(self) -> Iterator[str]:
        """Yields the lines that have appeared since the last call."""
        start = int(max(self._from, self._newest - OVERLAP).timestamp() * 1000)
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group, startTime=start)
        for event in (event for page in pages for event in page["events"]):
            # The event's id cannot serve as the key: the emulator gives none to the lines of functions.
            key = (event["logStreamName"], event["timestamp"], event["message"])
            if key not in self._read:
                self._read.add(key)
                self._newest = max(self._newest, datetime.fromtimestamp(event["timestamp"] / 1000, UTC))
                yield event["message"]
