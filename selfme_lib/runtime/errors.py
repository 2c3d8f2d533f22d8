"""The two ways in which a user's request can fail. `cli.main` turns them into one line and an exit code."""


class DataError(Exception):
    """Something is wrong with the user's data (exit code 1). The message is one line: which file, what is wrong, what to do."""


class UsageError(Exception):
    """Something is wrong with how the program was called (exit code 2): an unknown profile, parameter or method."""
