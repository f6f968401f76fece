"""Errors of the commands."""


class InputError(Exception):
    """The command, an input or the database cannot be used. The message names it and the remedy."""
