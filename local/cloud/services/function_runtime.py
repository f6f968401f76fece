"""What a Lambda function needs before it can run here. A worker has this text, not the module: it imports nothing."""

import json
import logging
import shutil
import sys
from pathlib import Path

STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def prepare(code_folder: str) -> None:
    """Make the unpacked code in `code_folder` runnable, and its log that of a function with JSON logging."""
    leave_out_compiled_packages(Path(code_folder))
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def leave_out_compiled_packages(code_folder: Path) -> None:
    """They are compiled for Lambda's processor and Python; those installed here, of the same version, take over."""
    for extension in list(code_folder.rglob("*.so")):
        package = code_folder / extension.relative_to(code_folder).parts[0]
        if package.is_dir():
            shutil.rmtree(package)
        else:
            package.unlink(missing_ok=True)


class JsonFormatter(logging.Formatter):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html, without what only Lambda knows."""

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
