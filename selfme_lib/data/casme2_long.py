"""CAS(ME)² (Qu et al., IEEE TAFFC 2018): 22 subjects, 30 frames a second.

    CAS(ME)^2code_final.xlsx                             three sheets, none with a header
    rawpic/s15/15_0101disgustingteeth/img001.jpg         or longVideoFaceCropped/…; or rawvideo/s15/15_0101disgustingteeth.avi

The traps: the first sheet calls a subject 1 and a video disgust1_2 (the second expression in it), and the other two say that this
is s15 and 0101; that number may be text or 101. An offset of 0 is one that nobody saw (44 rows). One folder, 23_0502funnyerrors,
lies among those of s19; its own name is right. `cropped` and `selectedpic` hold the expressions cut out, and are not read.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from .faults import Fault, FaultyData
from .long_videos import Expression, Kind, LongContents, by_video, check_frames, labelled_videos, moments, only_table
from .spreadsheets import read_bare
from .tree import VIDEOS, FrameFolder, list_frames, list_images, walk

FPS = 30.0
_TABLE = re.compile(r"cas\(me\)\^?2_?code.*\.xlsx", re.IGNORECASE)
_COLUMNS = ("subject", "video", "onset", "apex", "offset", "action_units", "emotion", "type", "self_report")
_NAME = re.compile(r"([0-9]{1,3})_([0-9]{4})\D.*")
_LABEL = re.compile(r"(.+?)_([0-9]{1,3})")
_KINDS: dict[str, Kind] = {"micro-expression": "micro", "macro-expression": "macro"}
_PREFERRED = ("rawpic", "longvideofacecropped", "rawvideo")
_CUT_OUT = ("cropped", "selectedpic", "truth")


def read_casme2_long(root: Path) -> LongContents:
    """Read labels and find the videos.

    Raises:
        DataError: the folder cannot be used at all.
    """
    table = only_table(root, _TABLE, "no CAS(ME)^2code_final.xlsx in it", "give the folder of CAS(ME)² that holds it")
    places, faults = _find_videos(root)
    subjects, stimuli = _naming(table)

    def absent(key: tuple[str, str], cells: dict[str, str]) -> str | None:
        return None if key in places else f"no frames and no video {key[0]}_{key[1]}… of {cells['video']}"

    rows = read_bare(table, _COLUMNS)
    expressions = by_video(rows, lambda cells: _expression(cells, subjects, stimuli), absent, table, faults)

    def name(key: tuple[str, str]) -> tuple[str, str]:
        place, frames = places[key]
        return key[0], place.stem if frames is None else place.name.strip()

    return labelled_videos(root, "casme2-long", places, expressions, name, fps=FPS, table=table, faults=faults)


def _find_videos(root: Path) -> tuple[dict[tuple[str, str], tuple[Path, FrameFolder | None]], list[Fault]]:
    """Subject and number of each video (15, 0101) → its place and its frames; of several copies of the data set, one is read."""
    copies: dict[str, dict[tuple[str, str], tuple[Path, bool]]] = defaultdict(dict)
    for place, is_file in _candidates(root):
        match = _NAME.fullmatch(place.stem if is_file else place.name.strip())
        assert match is not None, "candidates are named so"
        copies[place.relative_to(root).parts[0].lower()][match[1].zfill(2), match[2]] = (place, is_file)
    if not copies:
        problem = "no folders of frames and no videos such as rawpic/s15/15_0101disgustingteeth"
        raise FaultyData(root, problem, "give the folder of CAS(ME)²")
    chosen, *others = sorted(copies, key=lambda name: _PREFERRED.index(name) if name in _PREFERRED else len(_PREFERRED))
    faults = [Fault("note", root, f"{chosen} is read, but not {', '.join(others)}", "nothing to do")] if others else []
    found = {}
    for key, (place, is_file) in copies[chosen].items():
        frames = None if is_file else list_frames(place)
        if frames is None or check_frames(place, frames, (1,), faults):
            found[key] = (place, frames)
    return found, faults


def _candidates(root: Path) -> Iterator[tuple[Path, bool]]:
    """Folders of frames and video files that are named like a video."""
    for folder, files in walk(root, skip=lambda path: path.name.lower() in _CUT_OUT or path.name.startswith(".")):
        if folder != root and _NAME.fullmatch(folder.name.strip()) and list_images(files):
            yield folder, False
        for path in files:
            if path.suffix.lower() in VIDEOS and _NAME.fullmatch(path.stem):
                yield path, True


def _naming(table: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What the first sheet calls a subject → its folder's number; what it calls a video → the number in its name."""
    subjects = {
        cells["label"]: cells["number"].zfill(2) for _, cells in read_bare(table, ("number", "", "label"), sheet=1)
    }
    stimuli = {cells["label"]: cells["number"].zfill(4) for _, cells in read_bare(table, ("number", "label"), sheet=2)}
    return subjects, stimuli


def _expression(
    cells: dict[str, str], subjects: dict[str, str], stimuli: dict[str, str]
) -> tuple[tuple[str, str], Expression]:
    """Subject and number of the video, and what is labelled. Raises ValueError if a cell cannot be understood."""
    label = _LABEL.fullmatch(cells["video"])
    if cells["subject"] not in subjects:
        raise ValueError(f"subject {cells['subject']!r} is not in the second sheet")
    if label is None or label[1] not in stimuli:
        raise ValueError(f"video {cells['video']!r} is not in the third sheet")
    kind = _KINDS.get(cells["type"].lower())
    if kind is None:
        raise ValueError(f"type {cells['type']!r} is neither micro-expression nor macro-expression")
    onset, apex, offset = moments(cells, "0")
    expression = Expression(
        name=cells["video"],
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        action_units=cells["action_units"],
        emotion=cells["emotion"].lower(),
        self_report=cells["self_report"].lower(),
    )
    return (subjects[cells["subject"]], stimuli[label[1]]), expression
