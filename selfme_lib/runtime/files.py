"""Files that appear whole or not at all, so that a run killed at any instant leaves nothing half-written behind."""

import errno
import json
import os
import stat
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np

LARGEST_ARRAYS = 2**30  # bytes that an .npz file may unpack to


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it is renamed to `path`, on failure it is removed.

    The temporary name starts with a dot and keeps the suffix of `path`, because writers such as OpenCV and NumPy choose the
    format by it. A link is followed. The content is on the disk before it gets its name, so that a power cut leaves either the
    old file or the new one.

    Raises:
        OSError: `path` is a folder, a device, a link to itself or anything else that is not a plain file.
    """
    path = Path(os.path.realpath(path))
    if path.is_dir():  # raised before the work is done, and with the name that the user gave
        raise IsADirectoryError(errno.EISDIR, "a folder where a file is to be written", str(path))
    if path.is_symlink():  # still, so it leads to itself
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "not a plain file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem[:40]}-{uuid.uuid4().hex[:12]}{path.suffix}")
    temporary.touch(exist_ok=False)
    granted = stat.S_IMODE(temporary.stat().st_mode)  # by the user's umask; some writers make private files
    try:
        yield temporary
        os.chmod(temporary, granted)
        _sync(temporary)
        os.replace(temporary, path)
        if os.name == "posix":
            _sync(path.parent)
    except OSError as error:
        if error.filename is None:  # a full disk; NumPy says it without a number
            reason = error.strerror or f"{error}: is the disk full?"
            raise OSError(error.errno or errno.ENOSPC, reason, str(path)) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def refuse_overwriting(outputs: Iterable[Path | None], inputs: Iterable[Path | None]) -> None:
    """Refuse to write over what is read, or over another output, whatever the paths are called; `None` stands for no file.

    Raises:
        UsageError: two of the outputs, or an output and an input, are one file.
    """
    taken = [path for path in inputs if path is not None]
    for output in outputs:
        if output is None:
            continue
        for other in taken:
            one = os.path.normcase(os.path.realpath(output)) == os.path.normcase(os.path.realpath(other))
            if one or (output.exists() and other.exists() and os.path.samefile(output, other)):
                raise UsageError(f"{output}: would overwrite {other}; choose another name")
        taken.append(output)


def finished(folder: Path, pattern: str) -> list[Path]:
    """The files in a folder that match a pattern, sorted, without those that are still being written."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON, atomically. Not-a-number is an error: JSON has no word for it."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path | str, *, remedy: str = "delete it and run the command again") -> Any:
    """Read a JSON file.

    Raises:
        DataError: it holds something else, as after a full disk; the message ends in `remedy`.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # neither UTF-8 nor JSON, or nested thousands of times
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: damaged, not JSON ({reason}); {remedy}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


class ArchiveError(ValueError):
    """A zip archive that is none, is damaged, or unpacks to too much."""


def check_archive(path: Path | str, largest: int) -> None:
    """Refuse a zip archive (`.npz`, `.xlsx`) that unpacks to more than `largest` bytes; a few kilobytes can claim terabytes.

    Python never unpacks more than the archive's directory says.

    Raises:
        ArchiveError: it does, or is no zip archive.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ArchiveError(str(error)) from None
    if total > largest:
        raise ArchiveError(f"unpacks to {total / 2**20:,.0f} MB, more than {largest / 2**20:,.0f} MB")


def read_arrays(path: Path | str) -> "dict[str, np.ndarray]":
    """The arrays of an `.npz` file, which may hold no Python objects.

    Raises:
        ValueError: it is something else, is damaged, or unpacks to more than `LARGEST_ARRAYS`.
        OSError: it cannot be read.
    """
    import numpy as np  # imported here: the command line's help does without

    check_archive(path, LARGEST_ARRAYS)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (EOFError, MemoryError, NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise ArchiveError(str(error)) from None


def read_yaml(path: Path | str) -> dict[str, Any]:
    """Read a YAML file of `name: value` lines.

    Raises:
        UsageError: it cannot be read, is not YAML, names something twice, or uses aliases (a few lines of them can expand to
            gigabytes).
    """
    import yaml  # imported here: most commands never need it

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent, index):
            if self.check_event(yaml.events.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, "aliases are not allowed; write the value out", mark)
            return super().compose_node(parent, index)

        def construct_mapping(self, node, deep=False):
            known: set[str] = set()
            for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key.value in known:
                    raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
                known.add(key.value)
            return super().construct_mapping(node, deep)

    try:
        values = Loader(Path(path).read_text(encoding="utf-8")).get_single_data()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        too_deep = isinstance(error, RecursionError)
        reason = "nested too deeply" if too_deep else getattr(error, "problem", None) or "not UTF-8"
        raise UsageError(f"{path}: not valid YAML{f' in line {mark.line + 1}' if mark else ''} ({reason})") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `name: value` lines")
    return values
