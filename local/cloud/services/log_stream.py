"""CloudWatch Logs: a writer for the output of jobs in the local cloud."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_logs.type_defs import InputLogEventTypeDef

# Well below the limits of PutLogEvents: 10,000 events and 1 MiB a request.
LINES_PER_REQUEST = 100
LINE_CHARACTERS = 10_000


class LogStream:
    """A new log stream in `group`, which must exist."""

    def __init__(self, group: str, name: str) -> None:
        self._logs = boto3.client("logs")
        self._group, self._name = group, name
        self._logs.create_log_stream(logGroupName=group, logStreamName=name)

    def put(self, lines: Sequence[bytes]) -> None:
        """Writes the lines that are not blank, each cut to LINE_CHARACTERS."""
        now = int(time.time() * 1000)
        texts = [line.decode(errors="replace").strip()[:LINE_CHARACTERS] for line in lines]
        events: list[InputLogEventTypeDef] = [{"timestamp": now, "message": text} for text in texts if text]
        for first in range(0, len(events), LINES_PER_REQUEST):
            chunk = events[first : first + LINES_PER_REQUEST]
            self._logs.put_log_events(logGroupName=self._group, logStreamName=self._name, logEvents=chunk)
