"""The job's log: one JSON object a line."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ERROR_CHARACTERS = 600


class JobLog:
    """Reads the job's JSON lines as they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.batch: Mapping[str, Any] | None = None
        self._read = 0

    def update(self) -> bool:
        """Reads what is new; `batch` is then the last line about a micro-batch. True: there was one."""
        before = self.batch
        with self.path.open("rb") as log:
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                if entry := fields(line):
                    self.batch = entry if entry.get("message") == "batch" else self.batch
        return self.batch is not before

    def last_error(self) -> str:
        """The last line that speaks of an error, or the last line."""
        with self.path.open("rb") as log:
            log.seek(max(0, self.path.stat().st_size - 200_000))
            lines = log.read().decode(errors="replace").split("\n")
        written = [line.strip() for line in lines if line.strip()] or ["it wrote nothing"]
        telling = [line for line in written if any(word in line for word in ("Error", "Exception", "ERROR"))]
        return (telling or written)[-1][:ERROR_CHARACTERS]


def fields(line: str | bytes) -> dict[str, Any]:
    """Of a line that is a JSON object; of any other, none."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
