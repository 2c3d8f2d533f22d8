"""The composite of MEGC 2019: CASME II, SMIC-HS and SAMM read as one data set of 442 clips of 68 subjects.

    ROOT/casme2, ROOT/smic, ROOT/samm                   folders, or links to them
    ROOT/composite.json                                 or {"casme2": "../CASME2", "smic": …, "samm": …}

A subject is prefixed with its data set (`casme2-01`), so that subject 6 of SMIC and subject 6 of SAMM are two people, and
leaving one subject out makes 68 folds.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json

from . import casme2, samm
from .clips import DatasetContents
from .faults import Fault, FaultyData
from .labelled import read_labelled
from .smic import read_smic
from .tree import list_folder

PARTS: dict[str, Callable[..., DatasetContents]] = {
    "casme2": partial(read_labelled, layout=casme2.LAYOUT),
    "smic": read_smic,
    "samm": partial(read_labelled, layout=samm.LAYOUT),
}
"""Data set → its reader."""

_ALSO_CALLED = {"casmeii": "casme2", "smichs": "smic"}


def read_composite(root: Path) -> DatasetContents:
    """Read the three data sets of the composite.

    Raises:
        DataError: one of the three is missing or cannot be used at all.
    """
    clips, left_out, faults = [], [], []
    for name, folder in find_parts(root).items():
        part = PARTS[name](folder)
        if not part.clips and not part.errors:
            faults.append(Fault("error", folder, f"no clip of {name}", "copy it again"))
        clips += [replace(clip, subject=f"{name}-{clip.subject}") for clip in part.clips]
        left_out += [replace(clip, subject=f"{name}-{clip.subject}") for clip in part.left_out]
        faults += part.faults
    return DatasetContents(clips=tuple(clips), left_out=tuple(left_out), faults=tuple(faults))


def find_parts(root: Path) -> dict[str, Path]:
    """Data set → its folder.

    Raises:
        DataError: a folder is missing or occurs twice, or `composite.json` is damaged.
    """
    folders, files = list_folder(root)
    description = next((path for path in files if path.name == "composite.json"), None)
    if description is not None:
        return _read_description(description)
    found: dict[str, Path] = {}
    for path in folders:
        plain = "".join(filter(str.isalnum, path.name.lower()))
        name = _ALSO_CALLED.get(plain, plain)
        if name in found:
            raise FaultyData(root, f"{found[name].name} and {path.name} are both {name}", "keep one of them")
        if name in PARTS:
            found[name] = path
    if missing := [name for name in PARTS if name not in found]:
        problem = f"no folder {', '.join(missing)}: the composite is made of {', '.join(PARTS)}"
        raise FaultyData(root, problem, "copy or link it there, or name all in composite.json")
    return {name: found[name] for name in PARTS}


def _read_description(path: Path) -> dict[str, Path]:
    remedy = f'write {{"{next(iter(PARTS))}": FOLDER, …}} for {", ".join(PARTS)}'
    try:
        places = read_json(path)
    except (OSError, DataError) as error:
        raise FaultyData(path, f"damaged ({error})", remedy) from None
    sound = isinstance(places, dict) and set(places) == set(PARTS)
    if not sound or not all(isinstance(place, str) and place.isprintable() and place for place in places.values()):
        raise FaultyData(path, "does not name exactly the three data sets", remedy)
    return {name: path.parent / places[name] for name in PARTS}
