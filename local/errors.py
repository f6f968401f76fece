"""How a command ends when it does not end well; `local.__main__` turns these into an exit status.

The messages are for people: they say what is wrong, and what to do or where to look.
"""


class InputError(Exception):
    """What was given, or what this machine has, cannot be used: exit status 2."""


class RunError(Exception):
    """Something failed on the way: exit status 1."""
