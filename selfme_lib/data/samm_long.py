"""SAMM Long Videos (Yap et al., FG 2020): 32 subjects, 200 frames a second, in shades of grey.

    SAMM_LongVideos_V1_Release.xlsx             or V2, V3: the header in row 10; Duration is a formula
    SAMM_Micro_FACS_Codes_v2.xlsx               of SAMM itself; if it lies beside, it has the emotions of the micro-expressions
    SAMM_longvideos/006_1/006_1_0001.jpg

The traps: a type is `Micro - 1/2` or `Macro`; an apex of -1 is unknown, an onset of 0 lies before the video (12 rows). An
expression 006_1_2 is the second in the video 006_1, and its frames count from the video's start, while SAMM's own sheet has the
numbers of a longer recording for the same name. Some rows reach beyond the last frame, and are left out with a note.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from .faults import Fault, FaultyData
from .long_videos import Expression, Kind, LongContents, by_video, check_frames, labelled_videos, moments, only_table
from .spreadsheets import read_rows
from .tree import FrameFolder, list_folder, list_frames, list_images, walk

FPS = 200.0
_TABLE = re.compile(r"samm[ _-]?long[ _-]?videos.*\.(xlsx|csv)", re.IGNORECASE)
_EMOTIONS = re.compile(r"samm.*(facs|code).*\.(xlsx|csv)", re.IGNORECASE)
_TITLES = {
    "name": "Filename",
    "onset": "Onset",
    "apex": "Apex",
    "offset": "Offset",
    "type": "Type",
    "action_units": "Action Units",
}
_KINDS: dict[str, Kind] = {"micro": "micro", "macro": "macro"}  # by how a type begins: there is `Micro - 1/2`
_NAME = re.compile(r"([0-9]{1,3})_([0-9]{1,2})")
_LABEL = re.compile(r"([0-9]{1,3})_([0-9]{1,2})_([0-9]{1,2})")
_FRAME = re.compile(r"(?P<kind>[0-9]{1,3}_[0-9]{1,2})_(?P<number>[0-9]{1,12})\.(?:jpg|jpeg|bmp|png)", re.IGNORECASE)


def read_samm_long(root: Path) -> LongContents:
    """Read labels and find the videos.

    Raises:
        DataError: the folder cannot be used at all.
    """
    remedy = "put it beside the folder SAMM_longvideos, and give their folder"
    table = only_table(root, _TABLE, "no SAMM_LongVideos_V1_Release.xlsx in it", remedy)
    places, faults = _find_videos(root)
    emotions = _read_emotions(root)

    def absent(key: tuple[int, int], cells: dict[str, str]) -> str | None:
        return None if key in places else f"no folder {key[0]:03d}_{key[1]} with the frames of {cells['name']}"

    rows = read_rows(table, _TITLES, optional=("apex", "action_units"))
    expressions = by_video(rows, lambda cells: _expression(cells, emotions), absent, table, faults)

    def name(key: tuple[int, int]) -> tuple[str, str]:
        return f"{key[0]:03d}", f"{key[0]:03d}_{key[1]}"

    return labelled_videos(root, "samm-long", places, expressions, name, fps=FPS, table=table, faults=faults)


def _find_videos(root: Path) -> tuple[dict[tuple[int, int], tuple[Path, FrameFolder]], list[Fault]]:
    """Subject and video, as numbers → folder and frames."""
    found: dict[tuple[int, int], tuple[Path, FrameFolder]] = {}
    faults: list[Fault] = []
    for folder, match in _folders(root):
        key = int(match[1]), int(match[2])
        if key in found:
            raise FaultyData(folder, f"the same video as {found[key][0].relative_to(root)}", "keep one of them")
        frames = list_frames(folder, _FRAME)
        if check_frames(folder, frames, (0, 1), faults):
            found[key] = folder, frames
    if not found and not faults:
        problem = "no folders of frames such as SAMM_longvideos/006_1"
        raise FaultyData(root, problem, "give the folder of SAMM Long Videos")
    return found, faults


def _folders(root: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for folder, files in walk(root, skip=lambda path: path.name == "truth"):
        if folder != root and (match := _NAME.fullmatch(folder.name.strip())) and list_images(files):
            yield folder, match


def _read_emotions(root: Path) -> dict[str, str]:
    """Micro-expression → its emotion, from SAMM's own sheet; nothing if it is not there."""
    tables = [
        path for path in list_folder(root)[1] if _EMOTIONS.fullmatch(path.name) and not _TABLE.fullmatch(path.name)
    ]
    titles = {"name": "Filename", "emotion": "Estimated Emotion"}
    return {
        _canonical(cells["name"]): cells["emotion"].lower()
        for table in tables[:1]
        for _, cells in read_rows(table, titles)
    }


def _canonical(name: str) -> str:
    match = _LABEL.fullmatch(name)
    return f"{int(match[1]):03d}_{int(match[2])}_{int(match[3])}" if match else name


def _expression(cells: dict[str, str], emotions: dict[str, str]) -> tuple[tuple[int, int], Expression]:
    """Subject and video, and what is labelled. Raises ValueError if a cell cannot be understood."""
    match = _LABEL.fullmatch(cells["name"])
    if match is None:
        raise ValueError(f"Filename {cells['name']!r} is not such as 006_1_2")
    kind = next((kind for start, kind in _KINDS.items() if cells["type"].lower().startswith(start)), None)
    if kind is None:
        raise ValueError(f"Type {cells['type']!r} is neither Micro - 1/2 nor Macro")
    name = _canonical(cells["name"])
    onset, apex, offset = moments(cells, "-1")
    expression = Expression(
        name=name,
        kind=kind,
        onset=onset,
        apex=apex,
        offset=offset,
        action_units=cells["action_units"],
        emotion=emotions.get(name, "") if kind == "micro" else "",
    )
    return (int(match[1]), int(match[2])), expression
