r"""Two yardsticks that look at pixels: the difference of frames, and the distance of their local binary patterns.

Both compare a frame with those half a window before and after it, in 6 x 6 blocks, and take the mean of the third of the blocks
that differ most (A. Moilanen, G. Zhao and M. Pietikäinen, Spotting Rapid Facial Movements from Videos Using Appearance-Based
Feature Difference Analysis, ICPR 2014): with $x_i$ the feature of frame $i$ in a block,

$$F_i = d\!\left(x_i, \tfrac12 (x_{i-k} + x_{i+k})\right), \qquad C_i = F_i - \tfrac12 (F_{i-k} + F_{i+k}),$$

so a movement that is over within the window gives a peak, and a new posture does not. $d$ is the mean difference of grey levels
or, of the histograms of patterns, $\chi^2(P, Q) = \sum_b (P_b - Q_b)^2 / (P_b + Q_b)$.
"""

from collections.abc import Callable, Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import Float

from .curves import SIDE, Curves, Pixels, grey, measured, neighbourhoods, samples_of

BLOCKS = 6
WINDOWS = (0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Seconds, from $i-k$ to $i+k$."""
_FINE = 60  # pixels a side in which grey levels are compared
_PATTERNS = 59  # uniform ones of eight neighbours
_PLACES = np.arange(SIDE) * BLOCKS // SIDE
_BLOCK = (_PLACES[:, None] * BLOCKS + _PLACES[None]).ravel()  # of each pixel

Distance = Callable[[np.ndarray, np.ndarray], Float[np.ndarray, "w b"]]


def name_of(window: float) -> str:
    """What a curve of this window is called."""
    return f"{window:g} s"


def frame_difference(frames: Iterable[Pixels], fps: float) -> Curves:
    """Curves of the difference of grey levels, 0 to 255."""

    def fine(pixels: Pixels) -> np.ndarray:
        return cv2.resize(grey(pixels), (_FINE, _FINE), interpolation=cv2.INTER_AREA).astype(np.float32)

    def distance(now: np.ndarray, others: np.ndarray) -> np.ndarray:
        side = _FINE // BLOCKS
        return abs(now - others).reshape(-1, BLOCKS, side, BLOCKS, side).mean((2, 4)).reshape(len(others), -1)

    return _contrast(frames, fps, fine, distance)


def pattern_distance(frames: Iterable[Pixels], fps: float) -> Curves:
    r"""Curves of the $\chi^2$ distance of local binary patterns, 0 to 2."""
    from skimage.feature import local_binary_pattern  # slow to import

    def histograms(pixels: Pixels) -> np.ndarray:
        codes = local_binary_pattern(grey(pixels), 8, 1, method="nri_uniform").astype(int).ravel()
        counts = np.bincount(_BLOCK * _PATTERNS + codes, minlength=BLOCKS**2 * _PATTERNS)
        counts = counts.reshape(BLOCKS**2, _PATTERNS).astype(np.float32)
        return counts / counts.sum(1, keepdims=True)

    def distance(now: np.ndarray, others: np.ndarray) -> np.ndarray:
        return ((now - others) ** 2 / np.maximum(now + others, 1e-9)).sum(-1)

    return _contrast(frames, fps, histograms, distance)


def _contrast(
    frames: Iterable[Pixels], fps: float, feature: Callable[[Pixels], np.ndarray], distance: Distance
) -> Curves:
    reaches = [samples_of(window / 2, fps) for window in WINDOWS]

    def measure(samples: Iterator[Pixels]) -> Float[np.ndarray, "t w"]:
        rows = []
        most = max(reaches)
        for around in neighbourhoods(map(feature, samples), most):
            others = np.stack([(around[most - reach] + around[most + reach]) / 2 for reach in reaches])
            rows.append(largest_third(distance(around[most], others)))
        raw = np.array(rows).reshape(-1, len(reaches))
        return np.column_stack([contrasted(curve, reach) for curve, reach in zip(raw.T, reaches)])

    return measured(frames, fps, [name_of(window) for window in WINDOWS], measure)


def largest_third(blocks: Float[np.ndarray, "*w b"]) -> Float[np.ndarray, "*w"]:
    """The mean of the largest third."""
    third = max(1, round(blocks.shape[-1] / 3))
    return np.partition(blocks, -third, axis=-1)[..., -third:].mean(-1)


def contrasted(curve: Float[np.ndarray, "t"], reach: int) -> Float[np.ndarray, "t"]:
    """A curve less the mean of what it is `reach` samples before and after, with its ends beyond them."""
    if not len(curve):
        return curve
    padded = np.pad(curve, reach, mode="edge")
    return curve - (padded[: len(curve)] + padded[2 * reach :]) / 2
