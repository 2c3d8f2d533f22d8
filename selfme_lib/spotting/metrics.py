r"""How well intervals are found: precision, recall and F1 over whole intervals, average precision, false alarms, errors in time.

A found interval is right if its IoU with a labelled one of its kind is at least .5, as in MEGC 2020 (He et al., Spotting
Macro- and Micro-expression Intervals in Long Video Sequences, FG 2020), and one label makes only one interval right. Which one
is decided by a maximum matching: as many pairs as can be, and among those the largest sum of IoUs. $TP$, $FP$ and $FN$ are
summed over all videos, those without an expression too, where every interval is a false alarm; then

$$P = \frac{TP}{TP + FP}, \qquad R = \frac{TP}{TP + FN}, \qquad F_1 = \frac{2 TP}{2 TP + FP + FN},$$

each 0 where nothing is counted. "all" sums the counts of micro and macro, as the challenge does, so a micro-expression found as
a macro-expression is a miss and a false alarm. Blinks and whatever else a spotter names are not scored: to name them costs
nothing, and to call them expressions does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.optimize import linear_sum_assignment

from selfme_lib.evaluation.intervals import interval, resample_folds

from .intervals import EXPRESSIONS, Interval, Kind

IOU = 0.5
"""What makes an interval right, unless said otherwise."""
THRESHOLDS = (0.3, 0.5, 0.7)


@dataclass(frozen=True)
class Counts:
    """True positives, false positives and false negatives; they add up."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)


@dataclass(frozen=True, kw_only=True)
class Spotted:
    """A video, what is labelled in it, and what a spotter found.

    Attributes:
        frames: of the whole video.
        truth_classes, found_classes: of each interval, if they were recognised; None is "others", or "cannot tell".
    """

    subject: str
    fps: float
    frames: int
    truth: Sequence[Interval]
    found: Sequence[Interval]
    truth_classes: Sequence[int | None] = ()
    found_classes: Sequence[int | None] = ()

    @property
    def minutes(self) -> float:
        return self.frames / self.fps / 60


@dataclass(frozen=True, kw_only=True)
class KindScore:
    """How well one kind is found, or both. What is not said to be by IoU is at .5; errors are NaN if nothing was found.

    Attributes:
        counts: by IoU.
        f1_interval: 95 % interval of F1 over subjects (`evaluation.intervals`).
        average_precision: see `average_precision`.
        onset_error_ms, apex_error_ms, offset_error_ms: mean absolute error of the intervals that are right; of the apex, where
            it is labelled.
        apex_inside: share of them whose apex lies between the labelled onset and offset, neither included.
    """

    counts: dict[float, Counts]
    f1_interval: tuple[float, float]
    average_precision: float
    fp_per_minute: float
    onset_error_ms: float
    apex_error_ms: float
    offset_error_ms: float
    apex_inside: float

    @property
    def precision(self) -> float:
        return self.counts[IOU].precision

    @property
    def recall(self) -> float:
        return self.counts[IOU].recall

    @property
    def f1(self) -> float:
        return self.counts[IOU].f1


@dataclass(frozen=True, kw_only=True)
class SpottingScore:
    """`score["micro"]`, `score["macro"]` and `score["all"]` are the scores of the kinds."""

    videos: int
    minutes: float
    subjects: int
    kinds: dict[str, KindScore] = field(default_factory=dict)

    def __getitem__(self, kind: str) -> KindScore:
        return self.kinds[kind]


def score(videos: Sequence[Spotted]) -> SpottingScore:
    """Everything about what a spotter found in some videos."""
    minutes = sum(video.minutes for video in videos)
    kinds: dict[str, tuple[Kind, ...]] = {"micro": ("micro",), "macro": ("macro",), "all": EXPRESSIONS}
    return SpottingScore(
        videos=len(videos),
        minutes=minutes,
        subjects=len({video.subject for video in videos}),
        kinds={name: _score_kind(videos, some, minutes) for name, some in kinds.items()},
    )


def overlaps(truth: Sequence[Interval], found: Sequence[Interval]) -> Float[np.ndarray, "t f"]:
    """`intervals.iou` of every pair, as far as the two are of one kind; 0 for the others and whatever is no expression."""
    spans = [np.array([(one.onset, one.offset) for one in some], dtype=int).reshape(-1, 2) for some in (truth, found)]
    alike = [[one.kind == other.kind and one.kind in EXPRESSIONS for other in found] for one in truth]
    ious = _ious(*spans)
    return np.where(np.array(alike, dtype=bool).reshape(ious.shape), ious, 0)


def count_hits(truth: Int[np.ndarray, "t 2"], found: Int[np.ndarray, "f 2"], threshold: float = IOU) -> int:
    """TP of onsets and offsets of one kind, without the detour over `Interval`: grid searches ask a million times."""
    fitting = (ious := _ious(truth, found)) >= threshold
    if fitting.sum(0).max(initial=0) <= 1 and fitting.sum(1).max(initial=0) <= 1:
        return int(fitting.sum())  # nothing to be decided
    return len(match(ious, threshold))


def _ious(a: Int[np.ndarray, "t 2"], b: Int[np.ndarray, "f 2"]) -> Float[np.ndarray, "t f"]:
    common = np.maximum(np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0]) + 1, 0)
    lengths = (a[:, 1] - a[:, 0] + 1)[:, None] + (b[:, 1] - b[:, 0] + 1)[None]
    return common / (lengths - common)


def match(ious: Float[np.ndarray, "t f"], threshold: float = IOU) -> list[tuple[int, int]]:
    """Pairs of a label and a found interval whose IoU is at least `threshold`: as many as can be, then of the largest sum."""
    fitting = ious >= threshold
    if not fitting.any():
        return []
    weights = np.where(fitting, 1 + ious / (min(ious.shape) + 1), 0)  # all IoUs together weigh less than one pair more
    pairs = zip(*(side.tolist() for side in linear_sum_assignment(weights, maximize=True)))
    return [(t, f) for t, f in pairs if fitting[t, f]]


def count(
    truth: Sequence[Interval], found: Sequence[Interval], kinds: Sequence[Kind] = EXPRESSIONS, threshold: float = IOU
) -> Counts:
    """The counts of one video."""
    truth, found = ([one for one in some if one.kind in kinds] for some in (truth, found))
    hits = len(match(overlaps(truth, found), threshold))
    return Counts(hits, len(found) - hits, len(truth) - hits)


def average_precision(videos: Sequence[Spotted], kinds: Sequence[Kind], threshold: float = IOU) -> float:
    r"""Area below precision over recall, $\sum_n (R_n - R_{n-1}) P_n$, as a lower and lower score is believed.

    From the highest score on, each interval takes the free label of its kind that it overlaps most, if that is enough (Everingham
    et al., The PASCAL Visual Object Classes Challenge, IJCV 2010); precision is not interpolated. Intervals of one score are
    believed together. NaN without labels.
    """
    labels, scores, hits = 0, [], []
    for video in videos:
        truth, found = ([one for one in some if one.kind in kinds] for some in (video.truth, video.found))
        found.sort(key=lambda one: -one.score)
        labels += len(truth)
        ious = overlaps(truth, found)
        for n, one in enumerate(found):
            best = int(ious[:, n].argmax()) if truth else 0
            hits.append(bool(truth) and bool(ious[best, n] >= threshold))
            scores.append(one.score)
            if hits[-1]:
                ious[best] = 0
    if not labels:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    ranked, right = np.array(scores)[order], np.array(hits, dtype=float)[order].cumsum()
    last = np.flatnonzero(np.diff(ranked, append=-np.inf))  # of each score
    precision, recall = right[last] / (last + 1), right[last] / labels
    return float(np.sum(np.diff(recall, prepend=0) * precision))


def f1_of(sums: Num[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n"]:
    """F1 of sums of TP, FP and FN; 0 where nothing is counted."""
    tp, fp, fn = np.moveaxis(np.asarray(sums, float), -1, 0)
    whole = 2 * tp + fp + fn
    return np.divide(2 * tp, whole, out=np.zeros_like(whole), where=whole > 0)


def _score_kind(videos: Sequence[Spotted], kinds: tuple[Kind, ...], minutes: float) -> KindScore:
    counts = {iou: [count(video.truth, video.found, kinds, iou) for video in videos] for iou in THRESHOLDS}
    total = {iou: sum(some, Counts()) for iou, some in counts.items()}
    by_subject: dict[str, Counts] = {}
    for video, one in zip(videos, counts[IOU]):
        by_subject[video.subject] = by_subject.get(video.subject, Counts()) + one
    folds = np.array([(one.tp, one.fp, one.fn) for one in by_subject.values()], dtype=float).reshape(-1, 3)
    errors = _Errors(videos, kinds)
    return KindScore(
        counts=total,
        f1_interval=interval(resample_folds(folds, f1_of), len(folds)) if len(folds) else (0.0, 0.0),
        average_precision=average_precision(videos, kinds),
        fp_per_minute=_ratio(total[IOU].fp, minutes),
        onset_error_ms=errors.mean("onset"),
        apex_error_ms=errors.mean("apex"),
        offset_error_ms=errors.mean("offset"),
        apex_inside=errors.apex_inside,
    )


class _Errors:
    """Of the intervals that are right, with their labels and the milliseconds of a frame."""

    def __init__(self, videos: Sequence[Spotted], kinds: tuple[Kind, ...]):
        self.pairs: list[tuple[Interval, Interval, float]] = []
        for video in videos:
            pairs = match(overlaps(video.truth, video.found))
            chosen = [(video.truth[t], video.found[f]) for t, f in pairs if video.truth[t].kind in kinds]
            self.pairs += [(truth, found, 1000 / video.fps) for truth, found in chosen]

    def mean(self, moment: str) -> float:
        known = [
            (getattr(truth, moment), getattr(found, moment), ms)
            for truth, found, ms in self.pairs
            if None not in (getattr(truth, moment), getattr(found, moment))
        ]
        return float(np.mean([abs(a - b) * ms for a, b, ms in known])) if known else float("nan")

    @cached_property
    def apex_inside(self) -> float:
        inside = [t.onset < f.apex < t.offset for t, f, _ in self.pairs if f.apex is not None]
        return float(np.mean(inside)) if inside else float("nan")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
