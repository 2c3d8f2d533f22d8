"""What copies of notebooks link to, copied beside them, so that a folder can be given away.

Every page and picture goes into `material/`, at its place in the project. Pages link to further pages, so what they link to comes
along. What is not copied (code, folders, notebooks that are not in the folder) is no longer a link, but its text stays.
"""

import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import PROJECT

FOLDER = "material"
PAGES = (".md",)
COPIED = (*PAGES, ".png", ".webp", ".gif", ".jpg", ".svg", ".yaml", ".cff")
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")


@dataclass
class Material:
    """Pages and pictures that a folder of notebooks needs.

    Attributes:
        folder: of the copies.
        targets: where the copy of each notebook is written, by the resolved path of the original.
    """

    folder: Path
    targets: dict[Path, Path]
    _waiting: list[Path] = field(default_factory=list)
    _done: set[Path] = field(default_factory=set)

    def relinked(self, text: str, *, home: Path, place: Path) -> str:
        """Markdown of a file in `home`, for a copy of it in `place`; what it links to is noted for `write`."""

        def moved(match: re.Match) -> str:
            picture, words, address = match.groups()
            file, mark, anchor = address.partition("#")
            if not file or re.match(r"https?:|mailto:|attachment:|data:", file):
                return match[0]
            target = self._place_of((home / file).resolve(), home)
            if target is None:
                return f"*{words}*" if picture else words
            return f"{picture}[{words}]({Path(os.path.relpath(target, place)).as_posix()}{mark}{anchor})"

        return _LINK.sub(moved, text)

    def write(self) -> None:
        """Copy all that was linked to, and all that this links to."""
        while self._waiting:
            path = self._waiting.pop()
            target = self._inside(path)
            if path.suffix not in PAGES:
                with atomic_path(target) as temporary:
                    shutil.copyfile(path, temporary)
                continue
            text = self.relinked(path.read_text(encoding="utf-8"), home=path.parent, place=target.parent)
            with atomic_path(target) as temporary:
                temporary.write_text(text, encoding="utf-8")

    def _place_of(self, path: Path, home: Path) -> Path | None:
        """Where a file is, or will be, for readers of the copies; None if they do not get it."""
        if path.suffix == ".ipynb":
            beside = self.folder / path.name
            return self.targets.get(path) or (beside if beside.is_file() else None)
        if path.suffix not in COPIED or not path.is_file():
            return None
        if path not in self._done:
            self._done.add(path)
            self._waiting.append(path)
        return self._inside(path)

    def _inside(self, path: Path) -> Path:
        own = path.is_relative_to(PROJECT)
        return self.folder / FOLDER / (path.relative_to(PROJECT) if own else Path(path.parent.name, path.name))
