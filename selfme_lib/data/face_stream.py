"""From a recording to faces in one place, as a stream: aligned once, then held still by forehead and nose.

A first pass looks at up to a hundred frames, finds the face, and gives one similarity (`alignment`) for the whole recording. In
the second each frame's crop is brought to the place that forehead and nose have in a reference (`stabilisation`): at first the
frame whose points lie closest to their medians. Similarity and rigid motion are one map, so every crop is interpolated once,
from the recording's own pixels. If the reference is no longer recognised, as when the head turns far, the frame before becomes
the reference; after a cut, or if that fails as well, the face is found anew.

A camera cannot be read twice: its first second is kept and stands in for the first pass.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.runtime.errors import DataError, UsageError

from .alignment import TEMPLATE, Alignment, Similarity, crop_face, fit_similarity
from .faces import Face, FaceDetector
from .faults import printable
from .recording import Frame, Recording
from .stabilisation import SIDE, Reference, Rigid, contrast, correlation
from .tree import MARKS

NoteKind = Literal["no face", "cut", "several faces", "far", "renewed"]
WORDS: dict[NoteKind, str] = {
    "no face": "no face recognised",
    "cut": "a cut: the whole picture changes",
    "several faces": "more than one face; the one that keeps its place is followed",
    "far": "the face is far from its usual place",
    "renewed": "the head has turned too far; motion is counted from here",
}
LOOKS = 100  # frames of the first pass
_LIVE = 25  # the same of a camera
FAR = 0.5  # distances of the eyes: a face that is farther from its usual place is told
_SECOND = 0.2  # of the first face's area: what is smaller is a picture on the wall
_THUMB = 32  # px, at which cuts are seen
_CUT = 0.7  # a lower correlation of two frames is a cut
_FLAT = 4.0  # grey levels of deviation, below which a picture shows nothing
_AGAIN = 10  # frames: a face that is hidden for less comes back to its own reference

Pixels = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True)
class Note:
    """What is worth knowing about some frames, first and last included, counted from 0."""

    kind: NoteKind
    first: int
    last: int

    @property
    def line(self) -> str:
        """In words."""
        where = f"frame {self.first}" if self.first == self.last else f"frames {self.first} to {self.last}"
        return f"{where}: {WORDS[self.kind]}"


@dataclass(frozen=True)
class FaceFrame:
    """A face in its place."""

    index: int  # of the recording's frame, from 0
    time: float  # seconds
    pixels: UInt8[np.ndarray, "s s 3"]  # RGB
    reference_changed: bool  # motion from earlier frames to this one is not to be trusted
    lost: bool  # no face is recognised; cropped where it was last
    matrix: Similarity  # from pixels of the recording to fractions of the crop's side
    picture: UInt8[np.ndarray, "h w 3"]  # the recording's own frame


class FaceStream:
    """Aligned, stabilised faces of a recording. Iterating begins anew and gives the same bytes (but for a camera).

    Attributes:
        fps, count: as the recording's.
        alignment: what the first pass found; its `doubt` says if the recording may be stored sideways. None of cropped faces.
    """

    def __init__(self, recording: Recording, size: int = 128, *, cropped: bool | None = None):
        """Make the first pass.

        Args:
            recording: of one face, upright, seen from the front.
            size: side of the crops in pixels.
            cropped: the pictures show a face as `selfme align` crops it, and are taken whole; by default those of a folder that
                is marked so.

        Raises:
            DataError: no frame looked at shows a face, or one is damaged.
            UsageError: a size that is none.
        """
        if not 32 <= size <= 4096:
            raise UsageError(f"size {size}: expected the crops' side in pixels, from 32 to 4096")
        self.recording, self.size = recording, size
        self.fps, self.count = recording.fps, recording.count
        cropped = _is_marked(recording.path) if cropped is None else cropped
        self._detector = None if cropped else FaceDetector()
        self.alignment: Alignment | None = None
        self._told: list[Note] = []
        self._live: Iterator[Frame] | None = None
        step, looked_at = 1, iter(recording)
        if recording.is_live:
            frames, kept = looked_at, list(islice(looked_at, _LIVE))
            self._live, looked_at = chain(kept, frames), iter(kept)
        else:
            step = max(1, math.ceil((recording.count or 1) / LOOKS))
        self._found, self._start = self._first_pass(islice(looked_at, 0, None, step), step)

    @property
    def face_side(self) -> float:
        """Side of the crops in pixels of the recording."""
        return 1 / math.sqrt(abs(np.linalg.det(self._start.matrix[:, :2])))

    @property
    def notes(self) -> list[Note]:
        """What is known so far, of the first pass and of the frames read since; by frame."""
        return sorted(self._found + self._told, key=lambda note: (note.first, note.last, note.kind))

    def __iter__(self) -> Iterator[FaceFrame]:
        """The faces, one for each frame.

        Raises:
            DataError: a frame is damaged.
        """
        self._told, thumb, state = [], None, self._start
        for frame in self._live or self.recording:
            before, thumb = thumb, _thumbnail(frame.pixels)
            cut = before is not None and _is_cut(before, thumb)
            earlier, state = state, self._follow(state, frame, cut)
            if cut:
                self._tell("cut", frame.index)
            elif state.reference is not earlier.reference and earlier.pixels is not None and not earlier.lost:
                self._tell("renewed", frame.index)
            if state.lost:
                self._tell("no face", frame.index)
            changed = state.reference is not earlier.reference and frame.index > 0
            pixels = crop_face(frame.pixels, state.matrix, self.size)
            yield FaceFrame(frame.index, frame.time, pixels, changed, state.lost > 0, state.matrix, frame.pixels)

    def _follow(self, state: "_State", frame: Frame, cut: bool) -> "_State":
        """Where the face is in this frame."""
        pixels, matrix, reference = frame.pixels, state.matrix, state.reference
        now = _detail(pixels, matrix)
        motion = None if cut else reference.find(now)
        if motion is None and not cut and not state.lost and state.pixels is not None:
            reference = Reference(_detail(state.pixels, matrix))
            motion = reference.find(now)
        if motion is not None:
            return _State(_after(_in_fractions(motion), matrix), reference, pixels)
        if cut or frame.index == 0 or state.lost >= _AGAIN:
            found = self._look(pixels, matrix)
            if found is not None:
                return _State(found, Reference(_detail(pixels, found)), pixels)
        return _State(state.matrix, state.reference, pixels, state.lost % _AGAIN + 1)

    def _look(self, pixels: Pixels, matrix: Similarity) -> Similarity | None:
        """The alignment of a single frame, by the large face nearest to where one was last; None if it shows no face."""
        if self._detector is None:
            return _whole(pixels)
        faces = self._detector.detect(pixels)
        if not faces:
            return None
        back = cv2.invertAffineTransform(matrix)
        usual = TEMPLATE @ back[:, :2].T + back[:, 2]
        return fit_similarity(_nearest(faces, usual).points, TEMPLATE)

    def _first_pass(self, frames: Iterator[Frame], step: int) -> tuple[list[Note], "_State"]:
        """Find the face in some frames, of which each stands for `step`."""
        if self._detector is None:
            pixels = next(frames).pixels
            matrix = _whole(pixels)
            return [], _State(matrix, Reference(_detail(pixels, matrix)))
        points: dict[int, np.ndarray] = {}  # (5, 2) of the face in each frame that shows one
        without, several = [], []
        usual, typical = np.zeros((5, 2)), None
        for position, frame in enumerate(frames):
            faces = self._detector.detect(frame.pixels)
            if not faces:
                without.append(position)
                continue
            if len(_large(faces)) > 1:
                several.append(frame.index)
            face = _nearest(faces, usual) if points else faces[0]
            points[frame.index] = face.points
            usual = np.median(list(points.values()), axis=0)
            if typical is None or _distance(face.points, usual) < _distance(typical[0], usual):
                typical = face.points, frame.pixels
        if typical is None:
            words = f"no face in any of {len(without)} frames looked at; give one upright face seen from the front"
            raise DataError(printable(f"{self.recording.name}: {words}"))
        eyes = float(np.linalg.norm(usual[1] - usual[0]))
        moved = {index: float(np.linalg.norm(some.mean(0) - usual.mean(0))) / eyes for index, some in points.items()}
        matrix = fit_similarity(usual, TEMPLATE)
        self.alignment = Alignment(matrix, tuple(without), len(points) + len(without), max(moved.values()))
        notes = _ranges("several faces", several, step, self.count)
        notes += _ranges("far", [index for index, distance in moved.items() if distance > FAR], step, self.count)
        return notes, _State(matrix, Reference(_detail(typical[1], matrix)))

    def _tell(self, kind: NoteKind, index: int) -> None:
        """A note on a frame, which continues the last one of its kind if that ended just before."""
        for place in range(len(self._told) - 1, -1, -1):
            note = self._told[place]
            if note.kind == kind and kind != "cut" and note.last == index - 1:
                self._told[place] = Note(kind, note.first, index)
                return
            if note.kind == kind:
                break
        self._told.append(Note(kind, index, index))


@dataclass(frozen=True)
class _State:
    """What is known after a frame."""

    matrix: Similarity
    reference: Reference
    pixels: Pixels | None = None  # of the frame
    lost: int = 0  # for how many frames, counted up to `_AGAIN`


def _detail(pixels: Pixels, matrix: Similarity) -> UInt8[np.ndarray, "128 128"]:
    return contrast(cv2.cvtColor(crop_face(pixels, matrix, SIDE), cv2.COLOR_RGB2GRAY))


def _ranges(kind: NoteKind, indices: list[int], step: int, count: int | None) -> list[Note]:
    """Notes on frames of the first pass, of which each stands for `step`; neighbours become one."""
    notes: list[Note] = []
    for index in indices:
        last = index + step - 1 if count is None else min(index + step, count) - 1
        if notes and notes[-1].last == index - 1:
            notes[-1] = Note(kind, notes[-1].first, last)
        else:
            notes.append(Note(kind, index, last))
    return notes


def _large(faces: list[Face]) -> list[Face]:
    return [face for face in faces if face.area > _SECOND * faces[0].area]


def _nearest(faces: list[Face], usual: np.ndarray) -> Face:
    """The large face whose points' middle is nearest to that of others."""
    return min(_large(faces), key=lambda face: float(np.linalg.norm(face.points.mean(0) - usual.mean(0))))


def _distance(points: np.ndarray, others: np.ndarray) -> float:
    return float(np.abs(points - others).mean())


def _whole(pixels: Pixels) -> Similarity:
    """The largest square in the middle of a picture."""
    height, width = pixels.shape[:2]
    side = min(height, width)
    return np.array([[1, 0, 0.5 + (side - width) / 2], [0, 1, 0.5 + (side - height) / 2]]) / side


def _in_fractions(motion: Rigid) -> Similarity:
    """A map between pixels of a crop as one between fractions of its side; pixel 0 has its centre at half a pixel."""
    linear, shift = motion[:, :2], motion[:, 2]
    return np.column_stack([linear, (shift + 0.5 - linear @ [0.5, 0.5]) / SIDE])


def _after(second: Similarity, first: Similarity) -> Similarity:
    """The map that does `first` and then `second`."""
    linear = second[:, :2] @ first[:, :2]
    return np.column_stack([linear, second[:, :2] @ first[:, 2] + second[:, 2]])


def _thumbnail(pixels: Pixels) -> UInt8[np.ndarray, "32 32"]:
    return cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (_THUMB, _THUMB), interpolation=cv2.INTER_AREA)


def _is_cut(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two thumbnails show different things; a change of light alone is none."""
    flat = bool(one.std() < _FLAT), bool(other.std() < _FLAT)
    return flat[0] != flat[1] if any(flat) else bool(correlation(one, other) < _CUT)


def _is_marked(path: Path | None) -> bool:
    """Whether one of `MARKS` lies in a folder of frames, or up to three levels above it."""
    if path is None or not path.is_dir():
        return False
    places = (path, *path.resolve().parents[:3])
    return any((place / mark).is_file() for place in places for mark in MARKS)
