"""Prepares a Lambda worker to run a function on this machine.

The module's source is prepended to the worker's script, so it may import from the standard library only.
"""

import json
import logging
import shutil
import sys
from pathlib import Path

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def prepare(code_folder: str) -> None:
    """Makes the unpacked code in `code_folder` runnable on this machine, and configures JSON logging as Lambda does."""
    remove_compiled_packages(Path(code_folder))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def remove_compiled_packages(code_folder: Path) -> None:
    """Removes packages that are compiled for Lambda's processor and Python.

    The function then imports the packages of the same version that are installed on this machine.
    """
    for extension in list(code_folder.rglob("*.so")):
        package = code_folder / extension.relative_to(code_folder).parts[0]
        if package.is_dir():
            shutil.rmtree(package)
        else:
            package.unlink(missing_ok=True)


class JsonFormatter(logging.Formatter):
    """Lambda's JSON log format, without the fields that only Lambda knows, such as the request id.

    https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    """

    def format(self, record: logging.LogRecord) -> str:
        extra = {name: value for name, value in vars(record).items() if name not in STANDARD_FIELDS}
        line = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info:
            line["stackTrace"] = self.formatException(record.exc_info)
        return json.dumps(line | extra, default=str)
