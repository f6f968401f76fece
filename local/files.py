"""Results are written whole or not at all, and whether they can be is known before the work begins."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from local.errors import InputError


def check_writable(path: Path) -> None:
    """Raises InputError when no file can be put there."""
    with _partial(path):
        pass


@contextmanager
def written_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file that stands at `path` once the block has ended well, in place of what is there."""
    with _partial(path) as (file, partial):
        yield file
        file.flush()
        partial.replace(path)


def write_atomically(path: Path, content: bytes) -> None:
    with written_atomically(path) as file:
        file.write(content)


@contextmanager
def _partial(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file beside `path`, removed unless it has been renamed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a file that could be replaced")
        file = partial.open("wb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file, partial
    finally:
        partial.unlink(missing_ok=True)
