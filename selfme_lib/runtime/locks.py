"""One process at a time: in a folder, where a second one is refused, and at a file, where it waits for its turn.

The system takes a lock from a process that has ended, however it ended, so a kill leaves none behind. Not every disk that
several machines share tells one machine of the other's locks; there the note in the folder says who works in it.
"""

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import DataError
from .files import read_json, write_json

logger = logging.getLogger(__name__)
_PATIENCE = 2.0  # seconds to wait for one's turn before saying so


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Make a folder if it is not there, and work in it alone.

    Raises:
        DataError: another process works in it, on this machine or another one; the message says which.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    note, path = folder / ".in-use.json", folder / ".in-use.lock"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        process, host = _holder(note)
        where = f" on {host}" if host not in ("", platform.node()) else ""
        who = f"process {process}{where}" if process else "another process"
        raise DataError(f"{folder}: in use by {who}; wait until it has ended, or choose another folder") from None
    try:
        process, host = _holder(note)
        if host not in ("", platform.node()):
            raise DataError(
                f"{folder}: in use by process {process} on {host}, or left by it when it was killed; "
                f"if it does not run any more, delete {note}"
            )
        write_json(note, {"process": os.getpid(), "host": platform.node()})
        try:
            yield
        finally:
            note.unlink(missing_ok=True)
    finally:
        lock.release()
        if new and list(folder.iterdir()) == [path]:  # nothing came of it
            path.unlink()
            folder.rmdir()


def _holder(note: Path) -> tuple[int, str]:
    """The process that a note names, and its machine; 0 and nothing if there is no note, or a damaged one."""
    try:
        found = read_json(note)
        return int(found["process"]), str(found["host"])
    except (OSError, DataError, TypeError, KeyError, ValueError):
        return 0, ""


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Lock `path`, which need not exist, and wait for a process that has locked it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        logger.warning("%s: another process works on it; waiting for it to end", path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
