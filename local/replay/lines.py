"""A file of events, one a line, read in bounded memory whatever is in it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from local.errors import InputError
from runtime.data_generator.publishing import MAX_RECORD_BYTES

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MOST_ID_CHARACTERS = 256
LONGEST = MAX_RECORD_BYTES + len(b"\r\n")


class Line(NamedTuple):
    """`data`: its bytes without the line break; null: more than a record can hold. `end`: where it ends."""

    number: int
    data: bytes | None
    end: int


def open_lines(path: Path) -> BinaryIO:
    """Raises InputError for what is no readable file, before anything else starts."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path}: not a file")
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """Every line, numbered from 1. Of a longer one than a record can hold no more than that is in memory."""
    end = number = 0
    while data := file.readline(LONGEST):
        number += 1
        size = len(data)
        rest = data
        while rest and not rest.endswith(b"\n"):
            rest = file.readline(LONGEST)
            size += len(rest)
        end += size
        if number == 1:
            data = data.removeprefix(BYTE_ORDER_MARK)
        yield Line(number, data.removesuffix(b"\n").removesuffix(b"\r") if size <= LONGEST else None, end)


def partition_key(line: Line) -> str:
    """The event's user, or where there is none to be had something that spreads."""
    try:
        event = json.loads(line.data or b"")
        user_id = event["user_id"]
        user_id.encode()
        return user_id if 1 <= len(user_id) <= MOST_ID_CHARACTERS else f"line-{line.number}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return f"line-{line.number}"


def is_oversized(line: Line) -> bool:
    return line.data is None or len(line.data) + len(partition_key(line).encode()) > MAX_RECORD_BYTES
