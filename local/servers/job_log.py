"""Reader of the job's log, which has one JSON object a line among other output."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ERROR_CHARACTERS = 600


class JobLog:
    """Reads the job's log incrementally. `batch`: the last line about a micro-batch."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.batch: Mapping[str, Any] | None = None
        self._offset = 0

    def update(self) -> bool:
        """Reads the new lines, and returns whether one of them was about a micro-batch."""
        previous_batch = self.batch
        with self.path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                if entry := fields(line):
                    self.batch = entry if entry.get("message") == "batch" else self.batch
        return self.batch is not previous_batch

    def last_error(self) -> str:
        """Returns the last line that mentions an error, or else the last line, cut to ERROR_CHARACTERS."""
        with self.path.open("rb") as log:
            log.seek(max(0, self.path.stat().st_size - 200_000))
            lines = log.read().decode(errors="replace").split("\n")
        messages = [line.strip() for line in lines if line.strip()] or ["the log is empty"]
        errors = [line for line in messages if any(word in line for word in ("Error", "Exception", "ERROR"))]
        return (errors or messages)[-1][:ERROR_CHARACTERS]


def fields(line: str | bytes) -> dict[str, Any]:
    """Returns the fields of a line that is a JSON object; an empty dict for any other line."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
