"""The two ways in which a user's request can fail, and the one way in which the package warns.

`cli.main` turns a failure into one line and an exit code.
"""

import sys
import warnings

PACKAGE = __name__.partition(".")[0]


class DataError(Exception):
    """Something is wrong with the user's data (exit code 1). The message is one line: which file, what is wrong, what to do."""


class UsageError(Exception):
    """Something is wrong with how the program was called (exit code 2): an unknown profile, parameter or method."""


def warn(message: str) -> None:
    """A warning that points at the caller's line, however deep in this package it is found: a notebook shows its own cell."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back and frame.f_globals["__name__"].partition(".")[0] == PACKAGE:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
