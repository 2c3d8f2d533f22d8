r"""From a recording to an answer: when a face moves, how, and which expression that may be (the pipeline that §6 asks for).

    faces, aligned and held still → motion over time → intervals → motion from onset to apex → units, class, or "cannot tell"

The recording is read twice, one frame at a time: first for the motion, which is kept in parts, so that a run that was killed goes
on; then for the frames that the intervals name. Times are the recording's own: frames that a camera dropped are replaced by the
one before, on a grid of the usual rate.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.classifier.expressions import Recogniser, named
from selfme_lib.data.face_stream import FaceFrame, FaceStream, Note
from selfme_lib.data.images import to_frame
from selfme_lib.motion.forms import Amplified

from .intervals import EXPRESSIONS, Interval
from .kept_motion import kept_motion
from .signal import SIDE, FaceMotion
from .spotter import Spotter


@dataclass(frozen=True, kw_only=True)
class Event:
    """An interval of a recording and what is said of it.

    Attributes:
        interval: in frames of the recording, from 0.
        onset_s, apex_s, offset_s: seconds after the first frame.
        units: how far each action unit moves the skin between onset and apex, in pixels of a 128-pixel face; of expressions.
        probabilities: of the classes; of expressions.
        label: the class, or None if it cannot be told.
        onset_face, apex_face: the aligned face; of expressions.
        motion: between them, unamplified, in pixels; of expressions.
    """

    interval: Interval
    onset_s: float
    apex_s: float
    offset_s: float
    units: dict[str, float] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    label: str | None = None
    onset_face: UInt8[np.ndarray, "s s 3"] | None = None
    apex_face: UInt8[np.ndarray, "s s 3"] | None = None
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
    """

    name: str
    fps: float
    frames: int
    seconds: float
    motion: FaceMotion
    events: tuple[Event, ...]
    notes: tuple[Note, ...]


def analyse(
    faces: FaceStream,
    *,
    spotter: Spotter,
    recogniser: Recogniser,
    motion: Amplified,
    kept: Path,
    watch: Callable[[FaceFrame], None] | None = None,
    bars: tuple[Any, Any] = (None, None),
) -> Analysis:
    """Spot and recognise.

    Args:
        faces: of `SIDE` pixels.
        motion: (onset, apex, γ) -> backward flow; the one that spotter and recogniser have learned.
        kept: .npz file in which the motion is kept; its name tells recording and code.
        watch: is shown every face of the second pass, in order.
        bars: tqdm bars of frames, for both passes.

    Raises:
        DataError: a frame is damaged.
    """
    signal = kept_motion(
        lambda: ((place, face.pixels) for place, face in steady(faces)),
        fps=faces.fps,
        motion=lambda onset, apex: motion(onset, apex, 1.0),
        path=kept,
        bar=bars[0],
    )
    found = spotter.spot(signal)
    wanted = {moment for one in found for moment in (one.onset, one.apex, one.offset)}
    looks, last, changes = {}, None, []
    for place, face in steady(faces):
        if watch is not None and (last is None or face.index != last.index):
            watch(face)
        if face.reference_changed or face.lost:
            changes.append(place)
        if place in wanted:
            looks[place] = face
        last = face
        if bars[1] is not None:
            bars[1].update()
    whole = [one for one in found if not _disturbed(one, changes)]
    events = _described([one for one in whole if one.kind in EXPRESSIONS], looks, recogniser, motion)
    events += [_event(one, looks) for one in whole if one.kind not in EXPRESSIONS]
    return Analysis(
        name=faces.recording.name,
        fps=faces.fps,
        frames=0 if last is None else last.index + 1,
        seconds=0.0 if last is None else last.time,
        motion=signal,
        events=tuple(sorted(events, key=lambda event: (event.onset_s, event.offset_s))),
        notes=tuple(faces.notes),
    )


def steady(faces: Iterable[FaceFrame]) -> Iterator[tuple[int, FaceFrame]]:
    """Places on a grid of `faces.fps`, and the latest face at that time; of a steady recording, every frame once."""
    fps = faces.fps  # type: ignore[attr-defined]
    place, before = 0, None
    for face in faces:
        while before is not None and place + 0.5 < face.time * fps:
            yield place, before
            place += 1
        before = face
    if before is not None:
        yield place, before


def _disturbed(one: Interval, changes: Sequence[int]) -> bool:
    """Whether the face was lost, or counted from another frame, within it."""
    place = int(np.searchsorted(changes, one.onset))
    return place < len(changes) and changes[place] <= one.offset


def _event(one: Interval, looks: dict[int, FaceFrame], **told: Any) -> Event:
    onset, apex, offset = (looks[moment] for moment in (one.onset, one.apex, one.offset))
    interval = Interval(onset=onset.index, apex=apex.index, offset=offset.index, kind=one.kind, score=one.score)
    return Event(interval=interval, onset_s=onset.time, apex_s=apex.time, offset_s=offset.time, **told)


@torch.inference_mode()
def _described(
    found: Sequence[Interval], looks: dict[int, FaceFrame], recogniser: Recogniser, motion: Amplified
) -> list[Event]:
    """Expressions with their motion, units and class."""
    events = []
    for one in found:
        onset, apex = (looks[moment].pixels for moment in (one.onset, one.apex))
        frames = (to_frame(onset, SIDE)[None], to_frame(apex, SIDE)[None])
        answer = recogniser.recognise(motion(*frames, recogniser.models.gamma))
        probabilities = named(answer.probabilities[0].tolist(), recogniser.models.classes)
        events.append(
            _event(
                one,
                looks,
                units=named(answer.units[0].tolist(), recogniser.models.units),
                probabilities=probabilities,
                label=max(probabilities, key=probabilities.__getitem__) if answer.sure[0] else None,
                onset_face=onset,
                apex_face=apex,
                motion=motion(*frames, 1.0)[0],
            )
        )
    return events
