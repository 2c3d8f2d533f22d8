"""The doctor looks at a data set as a whole and lists everything that is wrong with it.

Labels and folders are read by the same readers that load the clips; then threads look at every frame's header and end,
and decode the onset and the apex, which decide about a clip. So a data set of ten thousand frames takes seconds.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from selfme_lib.data.clips import CLASSES, Clip, Fault, FaultyData, Reading, count_classes
from selfme_lib.data.images import frame_size, read_frame
from selfme_lib.data.readers import read

OFFICIAL = {
    "casme2": {"clips": 145, "subjects": 24, "negative": 88, "positive": 32, "surprise": 25},
    "smic": {"clips": 164, "subjects": 16, "negative": 70, "positive": 51, "surprise": 43},
}
"""What the three-class list of MEGC 2019 counts."""


class Examination(NamedTuple):
    """`faults`: errors first, then notes. `summary`: clips, subjects, clips of each class, left_out, frames."""

    faults: list[Fault]
    summary: dict[str, int]

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]


def examine(dataset: str, root: Path | str) -> Examination:
    """Look for every fault of a data set: its folder, its labels and every frame of its clips.

    Raises:
        UsageError: unknown data set. Whatever is wrong with the data is returned, not raised.
    """
    try:
        reading = read(dataset, root)
    except FaultyData as error:
        reading = Reading(clips=(), left_out=(), faults=(error.fault,))
    faults = list(reading.faults)
    frames = [(clip, path) for clip in reading.clips for path in clip.frames]
    decisive = {path for clip in reading.clips for path in (clip.onset_path, clip.peak_path)}
    with ThreadPoolExecutor() as pool:
        sizes = pool.map(lambda frame: _size_or_fault(frame[1], decode=frame[1] in decisive), frames)
        sizes = list(tqdm(sizes, total=len(frames), desc="frames", unit="frame", disable=None))
    faults += [size for size in sizes if isinstance(size, Fault)]
    faults += _clips_of_several_sizes(frames, sizes)

    summary = {
        "clips": len(reading.clips),
        "subjects": len({clip.subject for clip in reading.clips}),
        **count_classes(reading.clips),
        "left_out": len(reading.left_out),
        "frames": len(frames),
    }
    faults += _selection_notes(dataset, Path(root), reading, summary)
    return Examination(faults=sorted(faults, key=lambda fault: fault.severity != "error"), summary=summary)


def _size_or_fault(path: Path, *, decode: bool) -> tuple[int, int] | Fault:
    try:
        if decode:
            height, width = read_frame(path).shape[1:]
            return width, height
        return frame_size(path)
    except FaultyData as error:
        return error.fault


def _clips_of_several_sizes(frames: list[tuple[Clip, Path]], sizes: list[tuple[int, int] | Fault]) -> list[Fault]:
    """Frames whose size differs from the one of their clip's first sound frame: a motion between them means nothing."""
    first: dict[str, tuple[int, int]] = {}
    odd: dict[str, list[tuple[Path, tuple[int, int]]]] = {}
    for (clip, path), size in zip(frames, sizes):
        if not isinstance(size, Fault) and size != first.setdefault(clip.key, size):
            odd.setdefault(clip.key, []).append((path, size))
    faults = []
    for key, found in odd.items():
        path, (width, height) = found[0]
        problem = f"{width}x{height} pixels, the clip's first frame {first[key][0]}x{first[key][1]}"
        if len(found) > 1:
            problem += f" (and {len(found) - 1} more frames of this clip)"
        remedy = "crop all frames of a clip alike"
        faults.append(Fault(severity="error", file=path, problem=problem, remedy=remedy))
    return faults


def _selection_notes(dataset: str, root: Path, reading: Reading, summary: dict[str, int]) -> list[Fault]:
    notes = []
    reasons: dict[str, list[str]] = {}
    for clip in reading.left_out:
        reasons.setdefault(clip.reason, []).append(clip.key)
    for reason, keys in reasons.items():
        named = ", ".join(keys[:4]) + (", …" if len(keys) > 4 else "")
        notes.append((f"{len(keys)} left out ({reason}): {named}", "nothing to do if that is meant"))
    if dataset in OFFICIAL and reading.clips:
        counted = {key: summary[key] for key in OFFICIAL[dataset]}
        if counted == OFFICIAL[dataset]:
            notes.append((f"{_in_words(counted)}, as in the official list", "nothing to do"))
        else:
            problem = f"{_in_words(counted)}, but the official list has {_in_words(OFFICIAL[dataset])}"
            notes.append((problem, "compare with published results only when they agree"))
    return [Fault(severity="note", file=root, problem=problem, remedy=remedy) for problem, remedy in notes]


def _in_words(counted: dict[str, int]) -> str:
    classes = "/".join(str(counted[name]) for name in CLASSES)
    return f"{counted['clips']} clips of {counted['subjects']} subjects ({classes})"
