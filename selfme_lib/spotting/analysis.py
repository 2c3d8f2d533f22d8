r"""From a recording to an answer: when a face moves, how, and which expression that may be (the pipeline that §6 asks for).

    faces, aligned and held still → motion over time → intervals → motion from onset to apex → units, class, or "cannot tell"

The recording is read thrice, one frame at a time: for the place of the face; for the motion, which is kept in parts, so that a
run that was killed goes on; and for the frames that the intervals name. Times are the recording's own: frames that a camera
dropped are replaced by the one before, on a grid of the usual rate.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from selfme_lib.classifier.expressions import Recogniser, load_recogniser, named
from selfme_lib.data.contents import content_digest
from selfme_lib.data.face_stream import FaceFrame, FaceStream, Note
from selfme_lib.data.images import to_frame
from selfme_lib.data.recording import Frame, Recording, open_recording
from selfme_lib.data.tree import list_folder, list_images
from selfme_lib.grids import warp
from selfme_lib.motion.checkpoint import SHIPPED_FORMS, load_estimator
from selfme_lib.motion.forms import Amplified, amplified
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.fingerprint import fingerprint

from .intervals import EXPRESSIONS, Interval
from .kept_motion import kept_motion
from .signal import SIDE, FaceMotion, SignalConfig, stride_of
from .spotter import Spotter, load_spotter

AMPLIFICATION = 8.0  # of the amplified face
COURSE = 12  # frames of an expression in which units are measured, at most


@dataclass(frozen=True, kw_only=True)
class Event:
    """An interval of a recording and what is said of it; what describes a motion, of expressions only.

    Attributes:
        interval: in frames of the recording, from 0.
        onset_s, apex_s, offset_s: seconds after the first frame.
        units: how far each action unit moves the skin between onset and apex, in pixels of a 128-pixel face.
        course: the same between onset and other moments of it: seconds after the first frame, and units.
        probabilities: of the classes.
        label: the class, or None if it cannot be told.
        onset_face, apex_face: the aligned face.
        amplified_face: the onset moved by the motion at γ = `AMPLIFICATION`.
        motion: between onset and apex, unamplified, in pixels.
    """

    interval: Interval
    onset_s: float
    apex_s: float
    offset_s: float
    units: dict[str, float] = field(default_factory=dict)
    course: tuple[tuple[float, dict[str, float]], ...] = ()
    probabilities: dict[str, float] = field(default_factory=dict)
    label: str | None = None
    onset_face: UInt8[np.ndarray, "s s 3"] | None = None
    apex_face: UInt8[np.ndarray, "s s 3"] | None = None
    amplified_face: UInt8[np.ndarray, "s s 3"] | None = None
    motion: Float[Tensor, "2 s s"] | None = None

    @property
    def plain(self) -> dict[str, Any]:
        """As in `events.json`."""
        one = self.interval
        moments = {"onset": one.onset, "apex": one.apex, "offset": one.offset}
        seconds = {name: round(getattr(self, name), 4) for name in ("onset_s", "apex_s", "offset_s")}
        told = {"kind": one.kind, "score": round(one.score, 4), "units": self.units}
        return {**moments, **seconds, **told, "probabilities": self.probabilities, "label": self.label}


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What was found in a recording.

    Attributes:
        fps: the usual frames a second; frames: how many there are; seconds: of the last one.
        motion: over time, on a grid of `fps`.
        events: by onset.
        notes: frames without a face, cuts, and so on.
        doubt: why the recording may have been stored sideways; empty if nothing suggests it.
    """

    name: str
    fps: float
    frames: int
    seconds: float
    motion: FaceMotion
    events: tuple[Event, ...]
    notes: tuple[Note, ...]
    doubt: str = ""

    @property
    def expressions(self) -> tuple[Event, ...]:
        """Micro- and macro-expressions."""
        return tuple(event for event in self.events if event.interval.kind in EXPRESSIONS)


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What an analysis is made with: a motion, and the spotter and recogniser that have learned it.

    Attributes:
        motion: (onset, apex, γ) -> backward flow in pixels.
        weights: what determines the motion beside the code, such as a network's `state_dict()`.
    """

    spotter: Spotter
    recogniser: Recogniser
    motion: Amplified
    weights: Any = None


@cache
def shipped_tools(device: str = "cpu") -> Tools:
    """SelfME+ with the spotter and the recogniser that come with the package.

    Raises:
        DataError: one of their files is missing or damaged.
    """
    estimator = load_estimator(SHIPPED_FORMS["plus"], device=device)
    recogniser = load_recogniser(device=device)
    return Tools(
        spotter=load_spotter(), recogniser=recogniser, motion=amplified(estimator), weights=dict(estimator.state_dict())
    )


def analyse_file(source: Path | str, *, fps: float | None = None, progress: bool = True) -> Analysis:
    """Spot and recognise in a video file or a folder of frames, with what comes with the package; nothing is kept.

    Args:
        fps: frames a second: of a folder, which has no times, or instead of a file's own.

    Raises:
        DataError: it cannot be read, is damaged, or shows no face.
        UsageError: a folder without `fps`.
    """
    return analyse_recording(open_recording(source, fps=fps), shipped_tools(), progress=progress)


def analyse_recording(
    recording: Recording,
    tools: Tools,
    *,
    kept: Path | None = None,
    watch: Callable[[FaceFrame], None] | None = None,
    progress: bool = True,
) -> Analysis:
    """Spot and recognise in a recording.

    Args:
        recording: a file or folder; a camera's has to be stored first, because it is read thrice.
        kept: folder in which the motion is kept, so that a run that was killed goes on; by default a temporary one.
        watch: is shown every aligned face of `SIDE` pixels, in order.
        progress: bars on standard error, if that is a terminal.

    Raises:
        DataError: a frame is damaged, or none shows a face.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) if kept is None else kept
        with tqdm(total=recording.count, desc="face", unit="frame", disable=None if progress else True) as bar:
            faces = FaceStream(_counted(recording, bar), SIDE)
        cause = {"content": content_of(recording), "fps": recording.fps, "cropped": faces.alignment is None}
        key = fingerprint(code=__name__, weights=tools.weights, **cause)
        return analyse(
            faces,
            spotter=tools.spotter,
            recogniser=tools.recogniser,
            motion=tools.motion,
            kept=folder / f"motion-{key}.npz",
            watch=watch,
            progress=progress,
        )


def _counted(recording: Recording, bar: Any) -> Recording:
    """The recording, with a bar that counts its frames while they are read."""

    def frames() -> Iterator[Frame]:
        for frame in recording.frames():
            yield frame
            bar.update()

    return replace(recording, frames=frames)


def content_of(recording: Recording) -> str:
    """Tells a stored recording from others, by the names and contents of its files.

    Raises:
        UsageError: it is a camera.
    """
    if recording.path is None:
        raise UsageError(f"{recording.name}: has to be stored before it is analysed")
    files = list_images(list_folder(recording.path)[1]) if recording.path.is_dir() else [recording.path]
    return content_digest(files)


def analyse(
    faces: FaceStream,
    *,
    spotter: Spotter,
    recogniser: Recogniser,
    motion: Amplified,
    kept: Path,
    watch: Callable[[FaceFrame], None] | None = None,
    progress: bool = False,
) -> Analysis:
    """Spot and recognise.

    Args:
        faces: of `SIDE` pixels.
        motion: (onset, apex, γ) -> backward flow; the one that spotter and recogniser have learned.
        kept: .npz file in which the motion is kept; its name tells recording and code.
        watch: is shown every face of the second pass, in order.
        progress: bars on standard error, if that is a terminal.

    Raises:
        DataError: a frame is damaged.
    """
    off = None if progress else True
    samples = None if faces.count is None else -(-faces.count // stride_of(faces.fps, SignalConfig().rate))
    with tqdm(total=samples, desc="motion", unit="frame", disable=off) as bar:
        signal = kept_motion(
            lambda: ((place, face.pixels) for place, face in steady(faces, faces.fps)),
            fps=faces.fps,
            motion=lambda onset, apex: motion(onset, apex, 1.0),
            path=kept,
            bar=bar,
        )
    looks: dict[Interval, dict[int, FaceFrame]] = {one: {} for one in spotter.spot(signal)}
    wanted: dict[int, list[Interval]] = {}  # by place
    for one in looks:
        for place in _moments(one):
            wanted.setdefault(place, []).append(one)
    events: list[Event] = []
    changes: list[int] = []
    last = None
    for place, face in tqdm(steady(faces, faces.fps), total=faces.count, desc="events", unit="frame", disable=off):
        if watch is not None and (last is None or face.index != last.index):
            watch(face)
        if face.reference_changed or face.lost:
            changes.append(place)
        for one in wanted.pop(place, ()):
            looks[one][place] = replace(face, picture=face.pixels)  # whole frames may be large
            if place == one.offset:  # no more faces than those of one expression are in memory
                seen = looks.pop(one)
                if not _disturbed(one, changes):
                    events.append(_event(one, seen, recogniser, motion))
        last = face
    return Analysis(
        name=faces.recording.name,
        fps=faces.fps,
        frames=0 if last is None else last.index + 1,
        seconds=0.0 if last is None else last.time,
        motion=signal,
        events=tuple(sorted(events, key=lambda event: (event.onset_s, event.offset_s))),
        notes=tuple(faces.notes),
        doubt="" if faces.alignment is None else faces.alignment.doubt,
    )


def steady(faces: Iterable[FaceFrame], fps: float) -> Iterator[tuple[int, FaceFrame]]:
    """Places on a grid of `fps`, and the latest face at that time; of a steady recording, every frame once."""
    place, before = 0, None
    for face in faces:
        while before is not None and place + 0.5 < face.time * fps:
            yield place, before
            place += 1
        before = face
    if before is not None:
        yield place, before


def _moments(one: Interval) -> list[int]:
    """Places whose faces describe an interval, in order."""
    course = np.linspace(one.onset, one.offset, COURSE).round().astype(int).tolist() if _is_expression(one) else ()
    return sorted({*course, one.onset, _apex(one), one.offset})


def _is_expression(one: Interval) -> bool:
    return one.kind in EXPRESSIONS


def _apex(one: Interval) -> int:
    return one.onset if one.apex is None else one.apex


def _disturbed(one: Interval, changes: Sequence[int]) -> bool:
    """Whether the face was lost, or counted from another frame, within it."""
    place = int(np.searchsorted(changes, one.onset))
    return place < len(changes) and changes[place] <= one.offset


def _event(one: Interval, seen: dict[int, FaceFrame], recogniser: Recogniser, motion: Amplified) -> Event:
    """What is said of an interval whose faces at `_moments` were seen."""
    onset, apex, offset = (seen[moment] for moment in (one.onset, _apex(one), one.offset))
    interval = Interval(onset=onset.index, apex=apex.index, offset=offset.index, kind=one.kind, score=one.score)
    event = Event(interval=interval, onset_s=onset.time, apex_s=apex.time, offset_s=offset.time)
    return _described(event, list(seen.values()), recogniser, motion) if _is_expression(one) else event


@torch.inference_mode()
def _described(event: Event, seen: Sequence[FaceFrame], recogniser: Recogniser, motion: Amplified) -> Event:
    """An expression with its motion, units and class, from faces between its onset and its offset."""
    models = recogniser.models
    faces = torch.stack([to_frame(face.pixels, SIDE) for face in seen])  # (n, 3, s, s)
    onset = faces[:1]
    place = [face.index for face in seen].index(_apex(event.interval))
    answer = recogniser.recognise(motion(onset.expand_as(faces), faces, models.gamma).cpu())
    units = [named(row.tolist(), models.units) for row in answer.units]
    probabilities = named(answer.probabilities[place].tolist(), models.classes)
    moved = warp(onset, motion(onset, faces[place][None], AMPLIFICATION).cpu())[0]
    return replace(
        event,
        units=units[place],
        course=tuple((face.time, told) for face, told in zip(seen, units)),
        probabilities=probabilities,
        label=max(probabilities, key=probabilities.__getitem__) if answer.sure[place] else None,
        onset_face=seen[0].pixels,
        apex_face=seen[place].pixels,
        amplified_face=(moved.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy(),
        motion=motion(onset, faces[place][None], 1.0).cpu()[0],
    )
