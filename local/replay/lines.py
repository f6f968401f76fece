"""Reading of a file with one event a line, in bounded memory even if a line is huge."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from local.errors import InputError
from runtime.data_generator.publishing import MAX_RECORD_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_ID_CHARACTERS = 256
# Bytes of the longest line that a record can hold, with its line break.
MAX_LINE_BYTES = MAX_RECORD_BYTES + len(b"\r\n")


class Line(NamedTuple):
    """A line of a file. `data`: its bytes without the line break, or null if a record cannot hold them.

    `end`: offset of the line's end in the file, in bytes.
    """

    number: int
    data: bytes | None
    end: int


def open_lines(path: Path) -> BinaryIO:
    """Opens a file for `read_lines`.

    Raises:
        InputError: `path` is not a readable file.
    """
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a file; give the path of a file")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Yields every line, numbered from 1. Reads a long line in parts, and keeps only the first part in memory."""
    end = number = 0
    while data := file.readline(MAX_LINE_BYTES):
        number += 1
        size = len(data)
        part = data
        while part and not part.endswith(b"\n"):
            part = file.readline(MAX_LINE_BYTES)
            size += len(part)
        end += size
        if number == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        yield Line(number, data.removesuffix(b"\n").removesuffix(b"\r") if size <= MAX_LINE_BYTES else None, end)


def partition_key(line: Line) -> str:
    """Returns the event's user_id, or a key from the line's number if the line has no valid user_id."""
    try:
        event = json.loads(line.data or b"")
        user_id = event["user_id"]
        user_id.encode()
        return user_id if 1 <= len(user_id) <= MAX_ID_CHARACTERS else f"line-{line.number}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"line-{line.number}"


def is_oversized(line: Line) -> bool:
    """Returns whether the line and its partition key are too large for a record."""
    return line.data is None or len(line.data) + len(partition_key(line).encode()) > MAX_RECORD_BYTES
