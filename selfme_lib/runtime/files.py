"""Files that appear whole or not at all, so that a run killed at any instant leaves nothing half-written behind."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DataError
from .paths import PACKAGE


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it is renamed to `path`, on failure it is removed.

    The temporary name keeps the suffix of `path`, because writers such as OpenCV and NumPy choose the format by it.
    """
    path = Path(path)
    if path.is_dir():  # said now and by its name, not after the work and by the temporary one's
        raise IsADirectoryError(errno.EISDIR, "a folder where a file is to be written", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)  # mkstemp makes private files; results are for everyone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Not-a-number is an error: JSON has no word for it."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """Read a JSON file.

    Raises:
        DataError: it holds something else, as after a full disk.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:  # neither UTF-8 nor JSON
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: damaged, not JSON ({reason}); delete it and run the command again") from None


def code_hash(*names: str) -> str:
    """Hash of some of the package's files and folders: what computed something is part of what determines it."""
    paths = [PACKAGE / name for name in names]
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def digest(cause: Any) -> str:
    """A short hash of everything that determines something, to store it under; `cause` as JSON can say it."""
    return hashlib.sha256(json.dumps(cause, sort_keys=True).encode()).hexdigest()[:16]
