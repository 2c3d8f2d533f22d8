"""The methods to beat, by name. None of them learns more than a few numbers, and those from training subjects only.

| name | what it does | source |
|---|---|---|
| `random` | as many intervals as people show, as long as theirs, anywhere | |
| `maximum` | one of each kind a video, where regions of the face have moved furthest | |
| `difference` | peaks of the difference of frames | |
| `lbp` | peaks of the distance of local binary patterns | Moilanen et al., ICPR 2014 |
| `regions` | peaks of the flow in regions, less that of the nose | He, ACM MM 2021 |
| `mdmd` | peaks of the main directional maximal difference | Wang et al., Neurocomputing 2017 |
| `softnet` | SOFTNet's spotting, without its network | Liong et al., ICIP 2021 |

    name = "regions"
    curves = [CURVES[YARDSTICKS[name].curves](video.frames(), video.fps) for video in videos]          # once, slow
    found = leave_one_subject_out(YARDSTICKS[name].finder, curves, truths, subjects)                   # fast
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfme_lib.flow import CLASSICAL

from .appearance import WINDOWS, frame_difference, name_of, pattern_distance
from .curves import Curves, Pixels
from .intervals import EXPRESSIONS, Interval, Kind
from .mdmd import REACHES, main_direction
from .peaks import SHARES, SPREADS, Grid, PeakFinder, Shape, Threshold, levels, shapes
from .regions import GROUPS, LAGS, moving_regions
from .regions import WINDOWS as MEDIANS

FLOW, FAST_FLOW = "farneback", "farneback_tuned"
"""The one is better in regions: its window is narrower, and blinks reach the brows less. The other is faster, and main directions
take two flows for each of their windows."""

CURVES: dict[str, Callable[[Iterable[Pixels], float], Curves]] = {
    "difference": frame_difference,
    "lbp": pattern_distance,
    "regions": lambda frames, fps: moving_regions(frames, fps, CLASSICAL[FLOW]),
    "mdmd": lambda frames, fps: main_direction(frames, fps, CLASSICAL[FAST_FLOW]),
}
"""What is measured once in a video: (aligned faces, frames a second) -> curves."""


@dataclass(frozen=True)
class Random:
    """Intervals anywhere, of the rate and the lengths that training subjects show."""

    seed: int = 0

    def learn(self, curves: Curves, truth: Sequence[Interval]) -> tuple[float, dict[Kind, list[float]]]:
        lengths = {kind: [one.length / curves.fps for one in truth if one.kind == kind] for kind in EXPRESSIONS}
        return curves.frames / curves.fps, lengths

    def settle(self, learned: Sequence[tuple[float, dict[Kind, list[float]]]]) -> dict[Kind, tuple[float, list[float]]]:
        """Of each kind, how many a second, and how long each was."""
        seconds = sum(time for time, _ in learned)
        lengths = {kind: [length for _, one in learned for length in one[kind]] for kind in EXPRESSIONS}
        return {kind: (len(some) / max(seconds, 1e-9), some) for kind, some in lengths.items()}

    def spot(self, curves: Curves, settings: dict[Kind, tuple[float, list[float]]]) -> list[Interval]:
        # a video has its own draws, whichever videos there are beside it
        generator = np.random.default_rng([self.seed, curves.frames, int(1000 * abs(curves.values).sum())])
        found = []
        for kind, (rate, lengths) in settings.items():
            for _ in range(generator.poisson(rate * curves.frames / curves.fps)):
                length = min(max(1, round(generator.choice(lengths) * curves.fps)), curves.frames)
                onset = int(generator.integers(curves.frames - length + 1))
                offset, score = onset + length - 1, float(generator.random())
                found.append(Interval(onset=onset, apex=(onset + offset) // 2, offset=offset, kind=kind, score=score))
        return sorted(found, key=lambda one: (one.onset, one.offset))


Finder = PeakFinder | Random
"""How a yardstick gets from curves to intervals: `learn` from each training video, `settle` on settings, `spot` in others."""


@dataclass(frozen=True)
class Yardstick:
    """A method, and the name in `CURVES` of what it looks at."""

    curves: str
    finder: Finder


def oracle(truth: Sequence[Interval]) -> list[Interval]:
    """What somebody would find who knows it, to put before a recogniser; an apex that nobody labelled is in the middle."""
    middle = [(one.onset + one.offset) // 2 if one.apex is None else one.apex for one in truth]
    return [Interval(onset=one.onset, apex=apex, offset=one.offset, kind=one.kind) for one, apex in zip(truth, middle)]


_SMOOTHINGS = (0.0, 0.1, 0.2, 0.3, 0.5)
_DEPTHS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_LENGTHS: dict[Kind, tuple[float, ...]] = {"micro": (0.2, 0.27, 0.33, 0.4, 0.47), "macro": (0.7, 1.0, 1.4, 2.0, 2.8)}


def _grids(
    curves: Callable[[float], Sequence[str]], windows: Sequence[float], *thresholds: Threshold
) -> dict[Kind, Grid]:
    """Micro-expressions are looked for in windows of at most two seconds, macro-expressions in those of at least .4."""
    fitting: dict[Kind, list[float]] = {
        "micro": [w for w in windows if w <= 2],
        "macro": [w for w in windows if w >= 0.4],
    }
    return {
        kind: Grid(
            shapes=shapes([name for w in some for name in curves(w)], _SMOOTHINGS, _LENGTHS[kind], _DEPTHS),
            thresholds=thresholds,
        )
        for kind, some in fitting.items()
    }


def _regions(window: float) -> list[str]:
    return [f"{group} {window:g} s" for group in GROUPS]


def _alone(window: float) -> list[str]:
    return [name_of(window)]


def _softnet() -> dict[Kind, Grid]:
    tied = tuple(Shape(curve=f"lag {lag:g} s", smoothing=2 * lag, distance=lag, length=2 * lag) for lag in LAGS)
    return {kind: Grid(shapes=tied, thresholds=SHARES) for kind in EXPRESSIONS}


_ONLY_THE_LARGEST = Threshold("share", 0.9999)
_RULES = (*SHARES, *SPREADS)
_DOUBLED = [2 * reach for reach in REACHES]  # from head to tail frame
YARDSTICKS: dict[str, Yardstick] = {
    "random": Yardstick("regions", Random()),
    "maximum": Yardstick("regions", PeakFinder(_grids(_regions, MEDIANS, _ONLY_THE_LARGEST))),
    "difference": Yardstick("difference", PeakFinder(_grids(_alone, WINDOWS, *_RULES, *levels(0.2, 40)))),
    "lbp": Yardstick("lbp", PeakFinder(_grids(_alone, WINDOWS, *_RULES, *levels(0.003, 1.0)))),
    "regions": Yardstick("regions", PeakFinder(_grids(_regions, MEDIANS, *_RULES, *levels(0.05, 10)))),
    "mdmd": Yardstick("mdmd", PeakFinder(_grids(lambda w: _alone(w / 2), _DOUBLED, *_RULES, *levels(0.05, 10)))),
    "softnet": Yardstick("regions", PeakFinder(_softnet())),
}


def leave_one_subject_out(
    finder: Finder, curves: Sequence[Curves], truths: Sequence[Sequence[Interval]], subjects: Sequence[str]
) -> list[list[Interval]]:
    """What is found in each video with settings from all other subjects; each video is learned from once.

    Raises:
        ValueError: there is one subject alone.
    """
    if len(set(subjects)) < 2:
        raise ValueError("settings are learned from other subjects, and there are none")
    learned: Any = [finder.learn(*video) for video in zip(curves, truths)]
    settings: Any = {
        left_out: finder.settle([one for one, subject in zip(learned, subjects) if subject != left_out])
        for left_out in sorted(set(subjects))
    }
    return [finder.spot(one, settings[subject]) for one, subject in zip(curves, subjects)]
