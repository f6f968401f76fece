"""Reads a log group of CloudWatch Logs as it grows."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3

# How long after its time a line may still come up.
OVERLAP = timedelta(minutes=1)


class LogReader:
    """The lines of `group` from `since` on, each once."""

    def __init__(self, group: str, *, since: datetime) -> None:
        self._logs = boto3.client("logs")
        self._group = group
        self._from = since
        self._newest = since
        self._read: set[tuple[str, int, str]] = set()

    def new(self) -> Iterator[str]:
        """Those that have come since the last call."""
        start = int(max(self._from, self._newest - OVERLAP).timestamp() * 1000)
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=self._group, startTime=start)
        for event in (event for page in pages for event in page["events"]):
            # Not the event's id, which the emulator does not give to what functions write.
            key = (event["logStreamName"], event["timestamp"], event["message"])
            if key not in self._read:
                self._read.add(key)
                self._newest = max(self._newest, datetime.fromtimestamp(event["timestamp"] / 1000, UTC))
                yield event["message"]
