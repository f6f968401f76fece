"""Temporary changes of environment variables."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def changed(variables: Mapping[str, str], *, without: str | None = None) -> Iterator[None]:
    """Sets `variables` within the block, and restores the environment at the end.

    `without`: a prefix. All other variables whose names begin with it are unset within the block.
    """
    original = dict(os.environ)
    for name in original:
        if without is not None and name.startswith(without):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(original)
