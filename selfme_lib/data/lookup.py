"""Which picture or folder a row of a table means: SUBJECT/CLIP, SUBJECT_CLIP, or CLIP where no other subject can be meant.

The traps: pictures that lie under another subject's folder and only share the clip's name; folders called `sub01` where the
table says 1; copies of one picture in the folder of every fold.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

_SUBJECT = re.compile(r"(?:s|sub|subject|sp\.?no\.?)[ _-]?[0-9]+", re.IGNORECASE)

Places = Mapping[str, Sequence[Path]]


def by_name(paths: Iterable[Path]) -> Places:
    """Paths by the names under which a row may refer to them; the suffix of a file does not count."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        stem, above = (path.name if path.is_dir() else path.stem).strip(), path.parent.name.strip()
        for name in {stem, f"{above}/{stem}"}:
            found.setdefault(name.casefold(), []).append(path)
    return found


def names_of(subject: str, clip: str) -> tuple[str, str, str]:
    """The names under which a row's picture or folder is looked for, best first."""
    return f"{subject}/{clip}", f"{subject}_{clip}", clip


def matches(places: Places, root: Path, subject: str, clip: str, subjects: Collection[str]) -> list[Path]:
    """The paths that a row can mean; `subjects` are those of the whole table."""
    *with_subject, alone = names_of(subject, clip)
    for name in with_subject:
        if name.casefold() in places:
            return list(places[name.casefold()])
    others = {same_person(other) for other in subjects} - {same_person(subject)}

    def is_another(folder: str) -> bool:
        """Whether a folder's name is that of another subject, of the table or written in the same form."""
        person, form = same_person(folder), re.sub("[0-9]", "#", folder)
        named = person in others and not re.fullmatch("[0-9]", folder)  # a single digit may be a class
        named |= folder in subjects or form == re.sub("[0-9]", "#", subject) or bool(_SUBJECT.fullmatch(folder))
        return named and person != same_person(subject)

    found = places.get(alone.casefold(), [])
    return [path for path in found if not any(map(is_another, path.relative_to(root).parts[:-1]))]


def are_copies(paths: Sequence[Path]) -> bool:
    """Whether files are the same to the last byte."""
    sizes = {path.stat().st_size for path in paths}
    return len(sizes) == 1 and len({hashlib.sha256(path.read_bytes()).digest() for path in paths}) == 1


def same_person(subject: str) -> str:
    """`s01`, `sub01`, `smic-01`, `01` and `1` alike."""
    digits = re.fullmatch(r"[a-z_. -]*0*([0-9]+)", subject.lower())
    return digits[1] if digits else subject.lower()
