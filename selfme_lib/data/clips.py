"""The records that every reader produces: clips, and clips that were left out with the reason."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from .faults import Fault, FaultyData, check_file

THREE_CLASSES = ("negative", "positive", "surprise")
"""The three classes of the MEGC 2019 protocol; a clip's `label` is an index into them."""

FIVE_CLASSES = ("happiness", "disgust", "repression", "surprise", "others")
"""The five most frequent emotions of CASME II; `label` is an index into them when five classes are requested."""

PROTOCOLS: dict[str, tuple[tuple[str, ...], ...]] = {
    "casme2": (FIVE_CLASSES,),
    "samm": (("happiness", "anger", "contempt", "surprise", "others"),),
    "casme3": (
        (*THREE_CLASSES, "others"),
        ("happiness", "disgust", "fear", "anger", "sadness", "surprise", "others"),
    ),
}
"""Data set → the classes of its protocols, besides the three that every data set has."""

_ALSO_CALLED = {"happy": "happiness", "sad": "sadness", "other": "others"}


def class_of(emotion: str, of_three: str | None, classes: Sequence[str]) -> str | None:
    """The class of an emotion: itself, or that of the three which it belongs to, whichever the protocol has.

    Args:
        emotion: as labelled, in lower case.
        of_three: its class of the three, if it has one.
        classes: of the protocol.
    """
    emotion = _ALSO_CALLED.get(emotion, emotion)
    return emotion if emotion in classes else of_three if of_three in classes else None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One micro-expression: its frames on disk and its label. Nothing is decoded until it is asked for."""

    dataset: str
    subject: str  # zero-padded: "01"
    name: str  # the clip's folder: "EP02_01f", "s1_po_01"
    frames: tuple[Path, ...]  # sorted by frame number, which differs from sorting by file name
    frame_numbers: tuple[int, ...]
    onset: int  # frame numbers, not positions: CASME II's first frame is seldom 1
    apex: int | None  # SMIC labels none
    offset: int
    emotion: str
    label: int  # index into the class names of the protocol
    action_units: str  # as the coders wrote it: "4+7", "R2+15", "?"
    fps: float
    cropped: bool = True  # the frames show only the face; False for recordings, which `alignment` has to crop first
    aligned: Path | None = None  # the cropped frames, memory-mapped, in the order of `frames`; see `frame_cache`

    @property
    def key(self) -> str:
        """`"01/EP02_01f"`: what this clip is called in tables and files."""
        return f"{self.subject}/{self.name}"

    @property
    def onset_path(self) -> Path:
        return self._path(self.onset)

    @property
    def apex_number(self) -> int:
        """The number of the apex frame.

        Raises:
            DataError: the clip has no apex.
        """
        if self.apex is None:
            problem, remedy = f"{self.dataset} labels no apex frame", 'choose one by a rule: apex_rule="middle"'
            raise FaultyData(self.frames[0].parent, problem, remedy)
        return self.apex

    @property
    def apex_path(self) -> Path:
        """The apex frame; raises as `apex_number`."""
        return self._path(self.apex_number)

    @property
    def peak_path(self) -> Path:
        """The apex frame, or the middle one where no apex is labelled."""
        return self._path(self.middle if self.apex is None else self.apex)

    @property
    def middle(self) -> int:
        """The number of the frame half-way between onset and offset; it comes after the onset."""
        within = [number for number in self.frame_numbers if self.onset <= number <= self.offset]
        return within[len(within) // 2]

    def _path(self, number: int) -> Path:
        return self.frames[self.frame_numbers.index(number)]


by_subject = attrgetter("subject", "name")
"""Sort key of clips, and of clips that were left out."""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A clip that exists on disk or in the label file but is not used, and why."""

    subject: str
    name: str
    reason: str

    @property
    def key(self) -> str:
        return f"{self.subject}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class DatasetContents:
    """Everything a reader found in a folder: clips to use, clips it left out, and faults.

    `load_clips` stops at the first error among the faults, or does without what they concern; the doctor lists them all.
    """

    clips: tuple[Clip, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    faults: tuple[Fault, ...] = ()
    broken: tuple[Fault, ...] = ()  # the errors for which clips were left out, if that was asked for

    @property
    def errors(self) -> list[Fault]:
        return [fault for fault in self.faults if fault.severity == "error"]


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
        """How many clips were left out for each reason, the most common first."""
        return dict(Counter(clip.reason for clip in self.left_out).most_common())


def count_classes(clips: Sequence[Clip], classes: Sequence[str] = THREE_CLASSES) -> dict[str, int]:
    """The number of clips in each class, in the order of `classes`."""
    return {name: sum(clip.label == label for clip in clips) for label, name in enumerate(classes)}


def dataset_fingerprint(clips: Sequence[Clip]) -> str:
    """Sixteen hex digits that change with any label, any frame's name or size, and the content of onset, apex and last frame.

    The folder's location does not matter. Frames other than those three are not read: hashing every byte of CASME II
    would take longer than extracting its motion.
    """
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(_clip_digest, clips))
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]


def _clip_digest(clip: Clip) -> str:
    labels = [clip.dataset, clip.key, clip.onset, clip.apex, clip.offset, clip.emotion, clip.label, clip.action_units]
    labels += [clip.aligned.stem] if clip.aligned else []
    frames = [(path.name, check_file(path, "an image")) for path in clip.frames]
    digest = hashlib.sha256(json.dumps([labels, clip.fps, frames]).encode())
    for path in (clip.onset_path, clip.peak_path, clip.frames[-1]):
        digest.update(path.read_bytes())
    return digest.hexdigest()
