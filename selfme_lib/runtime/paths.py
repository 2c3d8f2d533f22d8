"""Where this project's own files lie: the only module that knows its place in the tree. And what names become in paths.

`PROJECT` and what lies beside the package exist in a clone alone; an installed package has neither notebooks nor profiles.
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

PACKAGE = Path(__file__).resolve().parents[1]
PROJECT = PACKAGE.parent
NOTEBOOKS = PROJECT / "notebooks"
PROFILES = NOTEBOOKS / "profiles"
CLONE = "run selfme from a clone of the project: git clone it, then pip install -e '.[notebooks]' in it"
DATA = PROJECT / "data"  # rendered people, frames and faces that were cut out

_PLAIN = re.compile(r"\w(?:[\w .+()-]*[\w+)])?")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?:\..*)?")  # devices on Windows, with any suffix
_LONGEST = 80  # bytes


def safe_names(names: Iterable[str]) -> dict[str, str]:
    """What each name becomes as part of a path, whatever a label sheet calls its people: `../x` leaves no folder.

    Plain names stay as they are. Others keep their harmless characters and get a hash: those with a separator, a control
    character or a blank at an end, too long ones, Windows' devices. So do, but for the first, names that a file system may take
    for one because they differ only in case or in how an accent is written.
    """
    safe: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(set(names)):
        alike = unicodedata.normalize("NFC", name).casefold()
        plain = _PLAIN.fullmatch(name) and len(name.encode()) <= _LONGEST and not _RESERVED.fullmatch(alike)
        if plain and alike not in taken:
            taken.add(alike)
            safe[name] = name
        else:
            digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:12]
            harmless = re.sub(r"[^\w-]+", "_", name, flags=re.ASCII).strip("_-")[:40]
            safe[name] = f"{harmless}-{digest}" if harmless else digest
    return safe


def seen_from(folder: Path, path: Path | str) -> str:
    """`path` relative to `folder`, or absolute where no way leads there: to another drive of Windows."""
    try:
        return os.path.relpath(path, folder)
    except ValueError:
        return os.path.abspath(path)


def inside(root: Path, name: str) -> Path:
    """The path below `root` that a table names, with either kind of slash.

    Raises:
        ValueError: it leads out of `root`, or holds a control character.
    """
    path = PureWindowsPath(name)  # knows drives and both slashes on every system
    if path.anchor or ".." in path.parts or not path.parts or any(ord(sign) < 32 for sign in name):
        raise ValueError(f"{name!r} leads out of {root.name}")
    return root.joinpath(*path.parts)
