r"""From a curve to intervals, and from training videos to the settings that do it best.

A curve is smoothed by a moving mean; its peaks are at least some time apart. A peak counts if it is above a threshold,

* `share`: $\bar c + p\,(\max c - \bar c)$ of the video's curve (Moilanen et al., ICPR 2014), which always finds something;
* `spread`: $\operatorname{median} c + q \cdot 1.48 \operatorname{median} |c - \operatorname{median} c|$;
* `level`: a number, the same for all videos.

It becomes an interval of a fixed length (`length`, seconds); or down to a share of its prominence on either side (`depth`); or as
long as the curve stays above the threshold (Wang et al., Neurocomputing 2017). Of intervals that overlap, the highest peak's
stays. Micro is what lasts at most half a second; each kind has settings of its own, and only what has its length is kept.

Settings are those of the largest F1 on training videos, as a mean with the next lower and higher threshold: with a dozen labels,
a threshold that is best alone is best by luck. What a video says about every setting is counted once, and counts add up: to
leave a subject out costs no more than a sum.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks, peak_widths

from .curves import Curves
from .intervals import Interval, Kind, kind_of
from .metrics import count_hits, f1_of

Rule = Literal["share", "spread", "level"]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How peaks of a curve become intervals, in seconds; see the module's docstring."""

    curve: str
    smoothing: float = 0.0
    distance: float = 0.0
    length: float = 0.0
    depth: float = 0.0


@dataclass(frozen=True)
class Threshold:
    """What a peak has to be above."""

    rule: Rule
    value: float

    def of(self, curve: Float[np.ndarray, "t"]) -> float:
        if self.rule == "share":
            return float(curve.mean() + self.value * (curve.max() - curve.mean()))
        if self.rule == "spread":
            middle = np.median(curve)
            return float(middle + self.value * 1.4826 * np.median(abs(curve - middle)))
        return self.value


@dataclass(frozen=True)
class KindSettings:
    shape: Shape
    threshold: Threshold


PeakSettings = dict[Kind, KindSettings]
SHARES = tuple(
    Threshold("share", value) for value in (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.7, 0.8, 0.9, 0.95)
)
SPREADS = tuple(Threshold("spread", value) for value in (0.5, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20, 30, 45))


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What is tried for one kind of expression."""

    shapes: tuple[Shape, ...]
    thresholds: tuple[Threshold, ...]


@dataclass(frozen=True)
class PeakFinder:
    """`learn` from each training video, `settle` on the best settings for the sum, `spot` in others."""

    grids: Mapping[Kind, Grid]

    def learn(self, curves: Curves, truth: Sequence[Interval]) -> dict[Kind, Int[np.ndarray, "s q 3"]]:
        """TP, FP and FN of each shape and threshold."""
        return {kind: _trials(curves, truth, kind, grid) for kind, grid in self.grids.items()}

    def settle(self, learned: Sequence[Mapping[Kind, Int[np.ndarray, "s q 3"]]]) -> PeakSettings:
        """The settings with the largest F1, see above; of equal ones, the first."""
        chosen: PeakSettings = {}
        for kind, grid in self.grids.items():
            scores = _steadied(f1_of(np.sum([one[kind] for one in learned], axis=0)), grid.thresholds)  # (s, q)
            shape, threshold = np.unravel_index(scores.argmax(), scores.shape)
            chosen[kind] = KindSettings(grid.shapes[shape], grid.thresholds[threshold])
        return chosen

    def spot(self, curves: Curves, settings: PeakSettings) -> list[Interval]:
        """What is found in a video, by onset."""
        found = [one for kind, one_kind in settings.items() for one in _find(curves, kind, one_kind)]
        return sorted(found, key=lambda one: (one.onset, one.offset))


def _steadied(scores: Float[np.ndarray, "s q"], thresholds: Sequence[Threshold]) -> Float[np.ndarray, "s q"]:
    """The mean of each score and those of the thresholds beside it, of one rule."""
    steadied = np.empty_like(scores)
    for rule in {threshold.rule for threshold in thresholds}:
        places = [place for place, threshold in enumerate(thresholds) if threshold.rule == rule]
        steadied[:, places] = uniform_filter1d(scores[:, places], 3, axis=1, mode="nearest")
    return steadied


def levels(smallest: float, largest: float, count: int = 14) -> tuple[Threshold, ...]:
    """Thresholds in equal ratios."""
    return tuple(Threshold("level", float(value)) for value in np.geomspace(smallest, largest, count))


def shapes(
    curves: Sequence[str], smoothings: Sequence[float], lengths: Sequence[float], depths: Sequence[float]
) -> tuple[Shape, ...]:
    """All combinations; of the ways to an interval, a length, a depth, or as long as the curve is above the threshold."""
    ways = [
        *({"length": length, "distance": length} for length in lengths),
        *({"depth": depth} for depth in depths),
        {},
    ]
    return tuple(Shape(curve=c, smoothing=s, **way) for c, s, way in product(curves, smoothings, ways))


def _find(curves: Curves, kind: Kind, settings: KindSettings) -> Iterator[Interval]:
    candidates = _Candidates(curves, settings.shape)
    threshold = settings.threshold.of(candidates.curve)
    spans, apexes = candidates.above(threshold)
    for (onset, offset), apex in zip(_in_frames(spans, curves), apexes.tolist()):
        if kind_of(offset - onset + 1, curves.fps) == kind:
            height = float(candidates.curve[apex]) - threshold
            frame = min(apex * curves.step, curves.frames - 1)
            yield Interval(onset=onset, apex=min(max(frame, onset), offset), offset=offset, kind=kind, score=height)


class _Candidates:
    """The peaks of a curve, and their intervals as far as no threshold decides them; in samples."""

    def __init__(self, curves: Curves, shape: Shape):
        def samples(seconds: float) -> int:
            return max(1, round(seconds * curves.rate))

        self.curve = uniform_filter1d(curves[shape.curve], samples(shape.smoothing), mode="nearest")
        self.by_threshold = not (shape.length or shape.depth)
        self.peaks, _ = find_peaks(self.curve, distance=samples(shape.distance))
        if self.by_threshold:
            return
        if shape.length:
            half = (samples(shape.length) - 1) / 2
            spans = np.stack([self.peaks - np.floor(half), self.peaks + np.ceil(half)], axis=1).astype(int)
        else:
            _, _, left, right = peak_widths(self.curve, self.peaks, rel_height=shape.depth)
            spans = np.stack([np.ceil(left), np.floor(right)], axis=1).astype(int)
        self.spans = np.clip(spans, 0, max(len(self.curve) - 1, 0))
        kept = ~_beaten(self.spans, self.curve[self.peaks])
        self.spans, self.peaks = self.spans[kept], self.peaks[kept]

    def above(self, threshold: float) -> tuple[Int[np.ndarray, "n 2"], Int[np.ndarray, "n"]]:
        """First and last sample of each interval, and its peak."""
        high = self.peaks[self.curve[self.peaks] > threshold]
        if not self.by_threshold:
            return self.spans[self.curve[self.peaks] > threshold], high
        edges = np.flatnonzero(np.diff(self.curve > threshold, prepend=False, append=False))
        runs = np.stack([edges[::2], edges[1::2] - 1], axis=1)  # (n, 2)
        place = np.searchsorted(runs[:, 0], high, side="right") - 1
        order = np.lexsort((-self.curve[high], place))  # of each run, the highest first
        _, first = np.unique(place[order], return_index=True)
        return runs[place[order][first]], high[order][first]


def _beaten(spans: Int[np.ndarray, "n 2"], heights: Float[np.ndarray, "n"]) -> np.ndarray:
    """Whether an interval overlaps that of a higher peak."""
    overlap = (spans[:, None, 0] <= spans[None, :, 1]) & (spans[None, :, 0] <= spans[:, None, 1])
    return np.any(overlap & (heights[None] > heights[:, None]), axis=1)


def _in_frames(spans: Int[np.ndarray, "n 2"], curves: Curves) -> list[list[int]]:
    return np.minimum(spans * curves.step, curves.frames - 1).tolist()


def _trials(curves: Curves, truth: Sequence[Interval], kind: Kind, grid: Grid) -> Int[np.ndarray, "s q 3"]:
    labels = np.array([(one.onset, one.offset) for one in truth if one.kind == kind], dtype=int).reshape(-1, 2)
    counts = np.zeros((len(grid.shapes), len(grid.thresholds), 3), dtype=int)
    for s, shape in enumerate(grid.shapes):
        candidates = _Candidates(curves, shape)
        for q, threshold in enumerate(grid.thresholds):
            spans, _ = candidates.above(threshold.of(candidates.curve))
            found = np.minimum(spans * curves.step, curves.frames - 1)
            lengths = found[:, 1] - found[:, 0] + 1
            found = found[np.array([kind_of(length, curves.fps) == kind for length in lengths.tolist()], dtype=bool)]
            hits = count_hits(labels, found)
            counts[s, q] = hits, len(found) - hits, len(labels) - hits
    return counts
