"""Errors that end a command; `local.__main__` turns them into an exit status.

The messages are for users: they name the problem, and the remedy or the place to look.
"""


class InputError(Exception):
    """An argument, an input or this machine cannot be used: exit status 2."""


class RunError(Exception):
    """A step of the run failed: exit status 1."""
