"""Environment variables for as long as something needs them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


@contextmanager
def changed(variables: Mapping[str, str], *, without: str | None = None) -> Iterator[None]:
    """Sets `variables`, and unsets those others that begin with `without`; in the end all are as before."""
    before = dict(os.environ)
    for name in before:
        if without is not None and name.startswith(without):
            del os.environ[name]
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
