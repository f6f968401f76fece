"""Atomic writing of result files, and a check before the work begins that the path is writable."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from local.errors import InputError


def check_writable(path: Path) -> None:
    """Checks that a file can be created at `path`.

    Raises:
        InputError: no file can be created there.
    """
    with _temporary_file(path):
        pass


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """Yields a file that replaces `path` when the block succeeds. After an exception `path` is unchanged."""
    with _temporary_file(path) as (file, temporary_path):
        yield file
        file.flush()
        temporary_path.replace(path)


def write_atomically(path: Path, content: bytes) -> None:
    with written_atomically(path) as file:
        file.write(content)


@contextmanager
def _temporary_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yields a new file beside `path`, and its path. Deletes the file at the end unless it was renamed."""
    temporary_path = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: is not a file; give the path of a file")
        file = temporary_path.open("wb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file, temporary_path
    finally:
        temporary_path.unlink(missing_ok=True)
