"""The records of this package: a clip, what is wrong with a data set, and why a clip was left out.

Every reader turns a folder into a `Reading`: the clips that can be used, the clips that were left out with the reason,
and every fault that it met. `load_clips` stops at the first error; the doctor shows them all.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from selfme_lib.runtime.errors import DataError

THREE_CLASSES = ("negative", "positive", "surprise")
"""The three classes of the MEGC 2019 protocol; a clip's `label` is an index into them."""

FIVE_CLASSES = ("happiness", "disgust", "repression", "surprise", "others")
"""The five emotions of CASME II that are frequent enough; `label` is an index into them where they are asked for."""

CLASS_NAMES = {len(names): names for names in (THREE_CLASSES, FIVE_CLASSES)}
"""What the labels of a protocol mean, by their number."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong (`"error"`) or worth knowing (`"note"`), where it is, and what to do about it."""

    severity: str
    file: Path
    problem: str
    remedy: str
    row: int | None = None  # as Excel counts: the first row is 1

    @property
    def line(self) -> str:
        """The fault in one line that can be printed, whatever a file's name holds: archives bring names in any encoding."""
        where = f"{self.file}" if self.row is None else f"{self.file}, row {self.row}"
        line = " ".join(f"{where}: {self.problem}; {self.remedy}".splitlines())
        return line.encode(errors="replace").decode()


class FaultyData(DataError):
    """A `DataError` that keeps its `Fault`, so that the doctor can list it among the others."""

    def __init__(self, file: Path, problem: str, remedy: str, row: int | None = None):
        super().__init__(file, problem, remedy, row)  # by which it travels between processes
        self.fault = Fault(severity="error", file=file, problem=problem, remedy=remedy, row=row)

    def __str__(self) -> str:
        return self.fault.line


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One micro-expression: its frames on disk and its label. Nothing is decoded before it is asked for."""

    dataset: str
    subject: str  # zero-padded: "01"
    name: str  # the clip's folder: "EP02_01f", "s1_po_01"
    frames: tuple[Path, ...]  # sorted by frame number, which file names do not do by themselves
    frame_numbers: tuple[int, ...]
    onset: int  # frame numbers, not positions: CASME II's first frame is seldom 1
    apex: int | None  # SMIC labels none
    offset: int
    emotion: str
    label: int  # index into the names of the protocol's classes
    action_units: str  # as the coders wrote it: "4+7", "R2+15", "?"
    fps: float
    cropped: bool = True  # the frames show the face alone; False for recordings, which `alignment` cuts out first
    aligned: Path | None = None  # the frames cut out, memory-mapped, in the order of `frames`; see `frame_cache`

    @property
    def key(self) -> str:
        """`"01/EP02_01f"`: the name of this clip in tables and stores."""
        return f"{self.subject}/{self.name}"

    @property
    def onset_path(self) -> Path:
        return self.frames[self.frame_numbers.index(self.onset)]

    @property
    def apex_number(self) -> int:
        """The number of the apex frame.

        Raises:
            DataError: the clip has no apex.
        """
        if self.apex is None:
            raise FaultyData(
                file=self.frames[0].parent,
                problem=f"{self.dataset} labels no apex frame",
                remedy='choose one by a rule: apex_rule="middle"',
            )
        return self.apex

    @property
    def apex_path(self) -> Path:
        """The apex frame.

        Raises:
            DataError: the clip has no apex.
        """
        return self.frames[self.frame_numbers.index(self.apex_number)]

    @property
    def peak_path(self) -> Path:
        """The apex frame, or the middle one where no apex is labelled."""
        number = self.middle if self.apex is None else self.apex
        return self.frames[self.frame_numbers.index(number)]

    @property
    def middle(self) -> int:
        """The number of the frame half-way between onset and offset; it comes after the onset."""
        within = [number for number in self.frame_numbers if self.onset <= number <= self.offset]
        return within[len(within) // 2]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A clip that is on disk or in the label file and yet not among the clips, and why."""

    subject: str
    name: str
    reason: str

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All that a reader found out about a folder."""

    clips: tuple[Clip, ...]
    left_out: tuple[LeftOut, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, kw_only=True)
class SelectionReport:
    """Which clips a protocol uses and which it leaves out."""

    dataset: str
    subjects: int
    per_class: dict[str, int]
    left_out: tuple[LeftOut, ...]

    @property
    def clips(self) -> int:
        return sum(self.per_class.values())

    @property
    def reasons(self) -> dict[str, int]:
        """How many clips were left out for each reason, the commonest first."""
        return dict(Counter(clip.reason for clip in self.left_out).most_common())


def count_classes(clips: Sequence[Clip], classes: Sequence[str] = THREE_CLASSES) -> dict[str, int]:
    """Clips of each class, in the order of `classes`."""
    return {name: sum(clip.label == label for clip in clips) for label, name in enumerate(classes)}


def dataset_fingerprint(clips: Sequence[Clip]) -> str:
    """Sixteen hex digits that change with any label, any frame's name or size, or a pixel of onset, apex or last frame.

    Where the folder lies does not matter. Frames between those three are not read: hashing every byte of CASME II would
    take longer than extracting its motion.
    """
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(_clip_digest, clips))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _clip_digest(clip: Clip) -> str:
    labels = [clip.dataset, clip.key, clip.onset, clip.apex, clip.offset, clip.emotion, clip.label, clip.action_units]
    labels += [clip.aligned.stem] if clip.aligned else []
    frames = [(path.name, path.stat().st_size) for path in clip.frames]
    digest = hashlib.sha256(json.dumps([labels, clip.fps, frames]).encode())
    for path in (clip.onset_path, clip.peak_path, clip.frames[-1]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
