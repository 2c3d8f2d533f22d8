"""The doctor looks at a data set as a whole and lists everything that is wrong with it.

Labels and folders are read by the same readers that load the clips; then threads look at every frame's header and end,
and decode the onset and the apex, which decide about a clip. So a data set of ten thousand frames takes seconds.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from . import voxceleb
from .clips import THREE_CLASSES, Clip, Fault, FaultyData, LeftOut, Reading, count_classes
from .images import check_frame, frame_size
from .readers import class_names, read
from .video import check_boxes
from .voxceleb import find_sequences

OFFICIAL = {
    "casme2": {"clips": 145, "subjects": 24, "negative": 88, "positive": 32, "surprise": 25},
    "smic": {"clips": 164, "subjects": 16, "negative": 70, "positive": 51, "surprise": 43},
    "samm": {"clips": 133, "subjects": 28, "negative": 92, "positive": 26, "surprise": 15},
    "composite": {"clips": 442, "subjects": 68, "negative": 250, "positive": 109, "surprise": 83},
}
"""What the three-class list of MEGC 2019 counts."""

_Size = tuple[int, int]


class Examination(NamedTuple):
    """`faults`: errors first, then notes. `summary`: clips, subjects, clips of each class, left_out, frames."""

    faults: list[Fault]
    summary: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON has it."""
        faults = [
            {
                "severity": fault.severity,
                "file": printable(str(fault.file)),
                "row": fault.row,
                "problem": printable(fault.problem),
                "remedy": printable(fault.remedy),
            }
            for fault in self.faults
        ]
        left_out = [{"clip": printable(clip.key), "reason": printable(clip.reason)} for clip in self.left_out]
        return {"ok": not self.errors, "summary": self.summary, "faults": faults, "left_out": left_out}


def examine(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> Examination:
    """Look for every fault of a data set: its folder, its labels and every frame of its clips.

    Raises:
        UsageError: unknown data set or number of classes. Whatever is wrong with the data is returned, not raised.
    """
    if dataset == "voxceleb":
        return _examine_voxceleb(Path(root))
    try:
        reading = read(dataset, root, classes=classes)
    except FaultyData as error:
        reading = Reading(clips=(), left_out=(), faults=(error.fault,))
    faults = list(reading.faults)
    frames = sum(len(clip.frames) for clip in reading.clips)
    with (
        ThreadPoolExecutor() as pool,
        tqdm(total=frames, desc="frames", unit="frame", disable=None) as bar,
    ):
        looks = []
        for clip, look in zip(reading.clips, pool.map(_look_at, reading.clips)):
            looks.append(look)
            bar.update(len(clip.frames))
    for look in looks:
        faults += look.faults
    faults += _copies(reading.clips, looks)

    names = class_names(dataset, classes)
    summary = {
        "clips": len(reading.clips),
        "subjects": len({clip.subject for clip in reading.clips}),
        **count_classes(reading.clips, names),
        "left_out": len(reading.left_out),
        "frames": frames,
    }
    faults += _selection_notes(dataset if names == THREE_CLASSES else "", Path(root), reading, summary)
    return Examination(_errors_first(faults), summary, reading.left_out)


def _errors_first(faults: list[Fault]) -> list[Fault]:
    return sorted(faults, key=lambda fault: fault.severity != "error")


class _Look(NamedTuple):
    """What was seen of a clip: its faults, and hashes of its onset and peak where they are sound."""

    faults: list[Fault]
    moments: tuple[str, str] | None


def _look_at(clip: Clip) -> _Look:
    faults, sizes, hashes = [], {}, {}
    decisive = {clip.onset_path, clip.peak_path}
    for path in clip.frames:
        try:
            if path in decisive:
                sizes[path], content = check_frame(path)
                hashes[path] = hashlib.sha256(content).hexdigest()
            else:
                sizes[path] = frame_size(path)
        except FaultyData as error:
            faults.append(error.fault)
    faults += _several_sizes(sizes)
    if decisive != set(hashes):
        return _Look(faults, None)
    return _Look(faults, (hashes[clip.onset_path], hashes[clip.peak_path]))


def _several_sizes(sizes: dict[Path, _Size]) -> list[Fault]:
    """Frames whose size differs from the clip's first sound frame's: a motion between them means nothing."""
    first = next(iter(sizes.values()), None)
    odd = [(path, size) for path, size in sizes.items() if size != first]
    if not odd:
        return []
    path, (width, height) = odd[0]
    problem = f"{width}x{height} pixels, the clip's first frame {first[0]}x{first[1]}"
    if len(odd) > 1:
        problem += f" (and {len(odd) - 1} more frames of this clip)"
    return [Fault(severity="error", file=path, problem=problem, remedy="crop all frames of a clip alike")]


def _copies(clips: Sequence[Clip], looks: Sequence[_Look]) -> list[Fault]:
    """Clips that are copies of others, and clips whose apex is a copy of their onset, byte for byte.

    A copy under another subject's name would be learned from and then asked about.
    """
    faults, seen = [], {}
    for clip, look in zip(clips, looks):
        if look.moments is None:
            continue
        folder = clip.frames[0].parent
        if look.moments[0] == look.moments[1] and clip.onset_path != clip.peak_path:
            problem = f"onset {clip.onset_path.name} and apex {clip.peak_path.name} are the same picture"
            faults.append(Fault(severity="error", file=folder, problem=problem, remedy="copy the clip again"))
            continue
        first = seen.setdefault(look.moments, clip)
        if first is not clip:
            severity = "note" if first.subject == clip.subject else "error"
            problem = f"onset and apex are those of {first.key}"
            faults.append(Fault(severity=severity, file=folder, problem=problem, remedy="keep the right one of them"))
    return faults


def _selection_notes(dataset: str, root: Path, reading: Reading, summary: dict[str, int]) -> list[Fault]:
    notes = []
    reasons: dict[str, list[str]] = {}
    for clip in reading.left_out:
        reasons.setdefault(clip.reason, []).append(clip.key)
    for reason, keys in reasons.items():
        named = ", ".join(keys[:4]) + (", …" if len(keys) > 4 else "")
        notes.append((f"{len(keys)} left out ({reason}): {named}", "nothing to do if that is meant"))
    if recordings := sum(not clip.cropped for clip in reading.clips):
        problem = f"{recordings} clips are recordings, not crops of the face"
        notes.append((problem, "nothing to do: faces are cut out before motion is measured"))
    if dataset in OFFICIAL and reading.clips:
        counted = {key: summary[key] for key in OFFICIAL[dataset]}
        if counted == OFFICIAL[dataset]:
            notes.append((f"{_in_words(counted)}, as in the official list", "nothing to do"))
        else:
            problem = f"{_in_words(counted)}, but the official list has {_in_words(OFFICIAL[dataset])}"
            notes.append((problem, "compare with published results only when they agree"))
    elif dataset == "casme3" and reading.clips:
        notes.append((f"{_in_words(summary)}; there is no official list", "state these numbers with every result"))
    return [Fault(severity="note", file=root, problem=problem, remedy=remedy) for problem, remedy in notes]


def _in_words(counted: dict[str, int]) -> str:
    classes = "/".join(str(counted[name]) for name in THREE_CLASSES)
    return f"{counted['clips']} clips of {counted['subjects']} subjects ({classes})"


def _examine_voxceleb(root: Path) -> Examination:
    """Every image's header and end, every video's boxes."""
    try:
        sequences = find_sequences(root, voxceleb.ALL)
    except FaultyData as error:
        return Examination([error.fault], {"sequences": 0, "people": 0, "videos": 0, "frames": 0})

    def look(sequence: voxceleb.FaceSequence) -> list[Fault]:
        faults, sizes = [], {}
        for path in [sequence.source / name for name in sequence.names] or [sequence.source]:
            try:
                if sequence.names:
                    sizes[path] = frame_size(path)
                else:
                    check_boxes(path)
            except FaultyData as error:
                faults.append(error.fault)
        return faults + _several_sizes(sizes)

    with ThreadPoolExecutor() as pool:
        found = tqdm(pool.map(look, sequences), total=len(sequences), desc="faces", unit="sequence", disable=None)
        faults = [fault for faults in found for fault in faults]
    summary = {
        "sequences": len(sequences),
        "people": len({sequence.person for sequence in sequences}),
        "videos": sum(not sequence.names for sequence in sequences),
        "frames": sum(len(sequence.names) for sequence in sequences),
    }
    return Examination(_errors_first(faults), summary)


def fault_table(faults: Sequence[Fault], root: Path) -> str:
    """Faults as a table of plain text: severity, file (seen from `root`), row, what is wrong, what to do."""
    rows = [("", "file", "row", "what is wrong", "what to do")]
    for fault in faults:
        inside = fault.file != root and fault.file.is_relative_to(root)
        file = fault.file.relative_to(root) if inside else fault.file
        row = "" if fault.row is None else str(fault.row)
        rows.append((fault.severity, str(file), row, fault.problem, fault.remedy))
    rows = [tuple(printable(cell) for cell in row) for row in rows]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [row[2].rjust(widths[2]) if column == 2 else row[column].ljust(widths[column]) for column in range(4)]
        lines.append("  ".join([*cells, row[4]]).rstrip())
    return "\n".join(lines)


def printable(text: str) -> str:
    """On one line, and of characters that can be printed, whatever a file's name holds."""
    return " ".join(text.split()).encode(errors="replace").decode()
