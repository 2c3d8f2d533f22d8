"""Files that appear whole or not at all, so that a run killed at any instant leaves nothing half-written behind."""

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DataError, UsageError


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
            names = [key.value for key in (key for key, _ in node.value) if isinstance(key, yaml.ScalarNode)]
            twice = next((key for key, _ in node.value if names.count(getattr(key, "value", None)) > 1), None)
            if twice is not None:
                raise yaml.constructor.ConstructorError(None, None, f"{twice.value} is given twice", twice.start_mark)
            return super().construct_mapping(node, deep)

    try:
        values = yaml.load(Path(path).read_text(encoding="utf-8"), Loader)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        reason = (
            getattr(error, "problem", None) or "not UTF-8"
            if not isinstance(error, RecursionError)
            else "nested too deeply"
        )
        raise UsageError(f"{path}: not valid YAML{f' in line {mark.line + 1}' if mark else ''} ({reason})") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected `name: value` lines")
    return values
