"""How far off each rule for the apex is, where onset and offset are known, and what a wrong onset or apex costs the recogniser.

The paper takes both from coders and names that as its limitation (§6). On rendered videos the true apex is known to the frame.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, UInt8
from tqdm import tqdm

from selfme_lib.classifier.expressions import Recogniser, load_recogniser
from selfme_lib.data.images import to_frame
from selfme_lib.data.long_videos import LongVideo, load_long_videos
from selfme_lib.evaluation.intervals import interval, resample_folds
from selfme_lib.evaluation.metrics import fold_confusions, uf1
from selfme_lib.flow import CLASSICAL
from selfme_lib.motion.checkpoint import PLUS, Estimator, load_estimator
from selfme_lib.motion.forms import motion_by
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.paths import DATA
from selfme_lib.spotting.intervals import EXPRESSIONS, Kind, truth_of
from selfme_lib.spotting.signal import SIDE, FaceMotion
from selfme_lib.spotting.spotter import Spotter
from selfme_lib.study.apex import motion_since
from selfme_lib.synthme.action_units import CLASS_OF_EMOTION
from selfme_lib.synthme.long_truth import load_long_truth

from .spotting import motions_of, spotter_of

LARGEST = ("selfme", "lucas_kanade", "farneback_tuned", "dis_tuned")
RULES = ("middle", *(f"largest_{name}" for name in LARGEST), "spotter")
SHIFTS_MS = (-200, -133, -67, 0, 67, 133, 200)


@dataclass(frozen=True)
class _Case:
    """An expression: its frames from a margin before the onset to one behind the offset, and what is true of it."""

    subject: str
    kind: Kind
    fps: float
    onset: int  # among `frames`
    offset: int
    apex: int  # the true one
    truth: str | None  # its class
    frames: UInt8[np.ndarray, "t s s 3"]
    first: int  # number of the first of `frames` in the video, from 0


def bench_apex(root: Path, *, dataset: str = "casme2-long", folder: Path | None = None) -> dict[str, Any]:
    """Every rule on every expression of rendered long videos, and the recogniser on shifted moments of the micro-expressions.

    Returns:
        `expressions` of each kind; `rules`: of each and for `micro`, `macro` and `all`, as far as there are any, the mean
        absolute error in `frames` and `ms`, and `of_middle`, its ratio to the error of the middle frame; `recognition`: UF1 by
        `apex_shift_ms` and by `onset_shift_ms`, of the micro-expressions that have a class, and `…_shift_lost`, how much less
        that is than without a shift. Of every number X, `X_interval` is the 95 % interval over subjects.

    Raises:
        DataError: the data cannot be used, or are no rendered videos.
    """
    videos = load_long_videos(dataset, root)
    motions = motions_of("selfme", videos, folder or DATA / "spotting")
    cases = [
        (video, case) for video in tqdm(videos, desc="apex", unit="video", disable=None) for case in _cases(root, video)
    ]
    if not cases:
        raise DataError(f"{root}: no expression with truth; render some with selfme synth --layout {dataset}")
    errors = {
        rule: np.array([_error(rule, case, motions[video.key]) for video, case in cases], float) for rule in RULES
    }
    kinds = np.array([case.kind for _, case in cases])
    people, rate = (np.array([getattr(case, name) for _, case in cases]) for name in ("subject", "fps"))
    rules: dict[str, dict[str, Any]] = {rule: {} for rule in RULES}
    for name in (*EXPRESSIONS, "all"):
        some = (kinds == name) | (name == "all")
        if not some.any():
            continue
        for rule, values in errors.items():
            rules[rule][name] = _summary(values[some], rate[some], people[some], errors["middle"][some])
    return {
        "expressions": {kind: int((kinds == kind).sum()) for kind in EXPRESSIONS},
        "rules": rules,
        "recognition": _costs([case for _, case in cases if case.truth is not None and case.kind == "micro"]),
    }


def _cases(root: Path, video: LongVideo) -> list[_Case]:
    margin = round(max(SHIFTS_MS) / 1000 * video.fps) + 1
    events = load_long_truth(root, video.subject, video.name).events
    true = {event.coded[0] - 1: event for event in events if event.coded is not None}
    found = []
    for one in truth_of(video):
        event = true.get(one.onset)
        if event is None:
            continue
        first, last = max(0, one.onset - margin), one.offset + margin
        case = _Case(
            subject=video.subject,
            kind=one.kind,
            fps=float(video.fps),
            onset=one.onset - first,
            offset=one.offset - first,
            apex=event.apex - 1 - first,
            truth=CLASS_OF_EMOTION.get(event.emotion),
            frames=np.stack([pixels for _, pixels in video.read(first + 1, min(last + 1, video.length))]),
            first=first,
        )
        found.append(case)
    return found


@cache
def _spotter() -> Spotter:
    return spotter_of("selfme")


@cache
def _learner() -> Estimator:
    return load_estimator(PLUS)


@one_thread()
def _error(rule: str, case: _Case, motion: FaceMotion) -> float:
    """Frames between what the rule says and the true apex."""
    return abs(_apex(rule, case, motion) - case.apex)


def _apex(rule: str, case: _Case, motion: FaceMotion) -> int:
    if rule == "middle":
        return (case.onset + case.offset) // 2
    if rule == "spotter":
        return _spotter().apex_within(motion, case.first + case.onset, case.first + case.offset) - case.first
    method = rule.removeprefix("largest_")
    learner = _learner() if method == "selfme" else None
    later = case.frames[case.onset + 1 : case.offset + 1]
    moved = motion_since(case.frames[case.onset], later, method if method in CLASSICAL else "selfme", learner)
    return case.onset + 1 + int(moved.argmax())


def _summary(
    frames: Float[np.ndarray, "n"], rate: Float[np.ndarray, "n"], people: np.ndarray, middle: Float[np.ndarray, "n"]
) -> dict[str, Any]:
    ms, ms_of_middle = 1000 * frames / rate, 1000 * middle / rate
    values = np.stack([frames, ms, ms_of_middle, np.ones(len(ms))], axis=1)  # (n, 4)
    sums = np.array([values[people == one].sum(0) for one in np.unique(people)])  # (s, 4)
    statistics: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of sums (m, 4)
        "frames": lambda some: some[:, 0] / some[:, 3],
        "ms": lambda some: some[:, 1] / some[:, 3],
        "of_middle": lambda some: some[:, 1] / np.maximum(some[:, 2], 1e-9 * some[:, 3]),
    }
    return {
        "frames": float(frames.mean()),
        "ms": float(ms.mean()),
        "of_middle": float(ms.mean() / max(ms_of_middle.mean(), 1e-9)),
        **{f"{name}_interval": list(interval(resample_folds(sums, of), len(sums))) for name, of in statistics.items()},
    }


@one_thread()
@torch.inference_mode()
def _costs(cases: Sequence[_Case]) -> dict[str, Any]:
    """UF1 when the apex, or the onset, is so many ms late; what would leave the video, or cross the other, stays within."""
    recogniser, motion = load_recogniser(), motion_by("plus")
    costs: dict[str, Any] = {"expressions": len(cases)}
    for moment in ("apex", "onset"):
        told = {
            shift: [_class(case, moment, shift, recogniser, motion) for case in cases] for shift in SHIFTS_MS if cases
        }
        costs |= _by_shift(moment, cases, told, recogniser.models.classes)
    return costs


def _by_shift(
    moment: str, cases: Sequence[_Case], told: Mapping[int, Sequence[int]], classes: Sequence[str]
) -> dict[str, Any]:
    """UF1 by shift, and how much less it is than without one: the same subjects are drawn for both."""
    clips = {"subject": [case.subject for case in cases], "label": [classes.index(str(case.truth)) for case in cases]}
    draws = {}
    for shift, answers in told.items():
        folds = fold_confusions(pd.DataFrame({**clips, "prediction": answers}), classes=len(classes))
        draws[shift] = resample_folds(np.stack(list(folds.values())), uf1)
    lost = {shift: draws[0] - one for shift, one in draws.items()}
    found: dict[str, Any] = {}
    people = len({case.subject for case in cases})
    for name, values in ((f"{moment}_shift_ms", draws), (f"{moment}_shift_lost", lost)):
        found[name] = {str(shift): float(one[0]) for shift, one in values.items()}
        found[f"{name}_interval"] = {str(shift): list(interval(one, people)) for shift, one in values.items()}
    return found


def _class(case: _Case, moment: str, shift: int, recogniser: Recogniser, motion: Any) -> int:
    late = round(shift / 1000 * case.fps)
    onset, apex = case.onset + late * (moment == "onset"), case.apex + late * (moment == "apex")
    onset, apex = max(onset, 0), min(apex, len(case.frames) - 1)
    if onset >= apex:
        onset, apex = (apex - 1, apex) if moment == "onset" and apex > 0 else (onset, onset + 1)
    frames = (to_frame(case.frames[place], SIDE)[None] for place in (onset, apex))
    answer = recogniser.recognise(motion(*frames, recogniser.models.gamma))
    return int(answer.probabilities[0].argmax())
