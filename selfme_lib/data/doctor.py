"""The doctor examines a whole data set and lists everything that is wrong with it.

Labels and folders are read by the readers that load the clips; then `checks` looks at every frame.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from .checks import check_frames
from .clips import THREE_CLASSES, DatasetContents, LeftOut, count_classes
from .containers import shown_frames
from .faults import Fault, FaultyData, errors_first, printable
from .images import frame_size, several_sizes
from .long_videos import LONG_DATASETS, LongContents, read_long_videos
from .readers import class_names, read_dataset
from .voxceleb import FaceSequence, find_sequences

OFFICIAL = {
    "casme2": {"clips": 145, "subjects": 24, "negative": 88, "positive": 32, "surprise": 25},
    "smic": {"clips": 164, "subjects": 16, "negative": 70, "positive": 51, "surprise": 43},
    "samm": {"clips": 133, "subjects": 28, "negative": 92, "positive": 26, "surprise": 15},
    "composite": {"clips": 442, "subjects": 68, "negative": 250, "positive": 109, "surprise": 83},
}
"""The counts of the three-class list of MEGC 2019."""

_LONGEST = 1.0  # seconds of a micro-expression, generously


class Examination(NamedTuple):
    """`faults`: errors first, then notes. `summary`: clips, subjects, clips of each class, left_out, frames."""

    faults: list[Fault]
    summary: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]

    def to_dict(self) -> dict[str, Any]:
        """Everything in a form that JSON can hold."""
        texts = ("file", "problem", "remedy")
        faults = [
            {name: printable(str(value)) if name in texts else value for name, value in asdict(fault).items()}
            for fault in self.faults
        ]
        left_out = [{"clip": printable(clip.key), "reason": printable(clip.reason)} for clip in self.left_out]
        return {"ok": not self.errors, "summary": self.summary, "faults": faults, "left_out": left_out}


def examine(dataset: str, root: Path | str, *, classes: int = len(THREE_CLASSES)) -> Examination:
    """Find every fault of a data set: in its folders, its labels and every frame of its clips.

    Raises:
        UsageError: unknown data set or number of classes. Whatever is wrong with the data is returned, not raised.
    """
    if dataset == "voxceleb":
        return _examine_voxceleb(Path(root))
    if dataset in LONG_DATASETS:
        return _examine_long(dataset, Path(root))
    try:
        contents = read_dataset(dataset, root, classes=classes)
    except FaultyData as error:
        contents = DatasetContents(faults=(error.fault,))
    faults = [*contents.faults, *(fault for of_clip in check_frames(contents.clips) for fault in of_clip)]

    names = class_names(dataset, classes)
    summary = {
        "clips": len(contents.clips),
        "subjects": len({clip.subject for clip in contents.clips}),
        **count_classes(contents.clips, names),
        "left_out": len(contents.left_out),
        "frames": sum(len(clip.frames) for clip in contents.clips),
    }
    faults += _selection_notes(dataset if names == THREE_CLASSES else "", Path(root), contents, summary)
    return Examination(errors_first(faults), summary, contents.left_out)


def _selection_notes(dataset: str, root: Path, contents: DatasetContents, summary: dict[str, int]) -> list[Fault]:
    notes = []
    reasons: dict[str, list[str]] = {}
    for left_out in contents.left_out:
        reasons.setdefault(left_out.reason, []).append(left_out.key)
    for reason, keys in reasons.items():
        named = ", ".join(keys[:4]) + (", …" if len(keys) > 4 else "")
        notes.append((f"{len(keys)} left out ({reason}): {named}", "nothing to do if this is intended"))
    if recordings := sum(not clip.cropped for clip in contents.clips):
        problem = f"{recordings} clips are recordings, not crops of the face"
        notes.append((problem, "nothing to do: faces are cropped before motion is measured"))
    seconds = {clip: (clip.offset - clip.onset + 1) / clip.fps for clip in contents.clips if clip.fps}
    if long := [clip for clip, time in seconds.items() if time > _LONGEST]:
        longest = max(long, key=seconds.__getitem__)
        problem = (
            f"{len(long)} clips last longer than {_LONGEST:g} s, the longest, {longest.key}, {seconds[longest]:.1f} s"
        )
        notes.append((problem, "micro-expressions last half a second: check onset and offset, or remove these rows"))
    if summary["subjects"] == 1:
        remedy = "leave-one-subject-out needs two: add others"
        notes.append((f"one subject only, {contents.clips[0].subject}", remedy))
    if dataset in OFFICIAL and contents.clips:
        counted = {key: summary[key] for key in OFFICIAL[dataset]}
        if counted == OFFICIAL[dataset]:
            notes.append((f"{_in_words(counted)}, as in the official list", "nothing to do"))
        else:
            problem = f"{_in_words(counted)}, but the official list has {_in_words(OFFICIAL[dataset])}"
            notes.append((problem, "compare with published results only when they agree"))
    elif dataset in ("casme3", "mmew", "4dme", "folder") and contents.clips:
        notes.append((f"{_in_words(summary)}; there is no official list", "state these numbers with every result"))
    return [Fault("note", root, problem, remedy) for problem, remedy in notes]


def _in_words(counted: dict[str, int]) -> str:
    classes = "/".join(str(counted[name]) for name in THREE_CLASSES)
    return f"{counted['clips']} clips of {counted['subjects']} subjects ({classes})"


def _examine_voxceleb(root: Path) -> Examination:
    """Check every image's header and end, and every video's container."""
    try:
        sequences = find_sequences(root)
    except FaultyData as error:
        return Examination([error.fault], {"sequences": 0, "people": 0, "videos": 0, "frames": 0})
    with ThreadPoolExecutor() as pool:
        checks = pool.map(_check_sequence, sequences)
        checked = list(tqdm(checks, total=len(sequences), desc="faces", unit="sequence", disable=None))
    summary = {
        "sequences": len(sequences),
        "people": len({sequence.person for sequence in sequences}),
        "videos": sum(not sequence.names for sequence in sequences),
        "frames": sum(len(sequence.names) for sequence in sequences),
    }
    return Examination(errors_first(fault for faults in checked for fault in faults), summary)


def _examine_long(dataset: str, root: Path) -> Examination:
    """Check labels, and every image's header and end or every video's container."""
    try:
        contents = read_long_videos(dataset, root)
    except FaultyData as error:
        contents = LongContents(faults=(error.fault,))
    videos = contents.videos
    with ThreadPoolExecutor() as pool:
        checks = pool.map(lambda video: _check_files(video.frames or (video.place,), images=bool(video.frames)), videos)
        checked = list(tqdm(checks, total=len(videos), desc="frames", unit="video", disable=None))
    expressions = [expression for video in videos for expression in video.expressions]
    summary = {
        "videos": len(videos),
        "subjects": len({video.subject for video in videos}),
        "micro": sum(expression.kind == "micro" for expression in expressions),
        "macro": sum(expression.kind == "macro" for expression in expressions),
        "without_expression": sum(not video.expressions for video in videos),
        "frames": sum(len(video.frames) for video in videos),
    }
    faults = [*contents.faults, *(fault for of_video in checked for fault in of_video)]
    incomplete = sum(None in (one.onset, one.apex, one.offset) for one in expressions)
    if incomplete:
        problem = f"{incomplete} expressions have no onset, apex or offset"
        faults.append(Fault("note", root, problem, "nothing to do: see Expression.interval"))
    return Examination(errors_first(faults), summary)


def _check_sequence(sequence: FaceSequence) -> list[Fault]:
    return _check_files(sequence.files, images=bool(sequence.names))


def _check_files(paths: Iterable[Path], *, images: bool) -> list[Fault]:
    """Damage of images or of video files, and images of another size than the first."""
    faults, sizes = [], {}
    for path in paths:
        try:
            if images:
                sizes[path] = frame_size(path)
            else:
                shown_frames(path)
        except FaultyData as error:
            faults.append(error.fault)
    return faults + several_sizes(sizes)
