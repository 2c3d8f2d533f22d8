r"""The yardstick to beat: how far brows, cheeks and corners of the mouth have moved, less what the nose has.

Pipelines of this kind, without any training, have the best F1 of micro-expressions in print (Y. He, Research on Micro-Expression
Spotting Method Based on Optical Flow Features, ACM MM 2021; its successors won the spotting tracks of MEGC 2021 and 2022). Flow
is averaged in regions of an aligned face, and the mean flow of the nose, which hardly expresses anything, is subtracted:

$$p_r(t) = \overline{\phi_{a \to t}}^{\,r} - \overline{\phi_{a \to t}}^{\,nose} + p_r(a).$$

$a$ is an anchor, a frame at most `ANCHOR` seconds before $t$, so a flow is never long; positions are continued from anchor to
anchor. Eyes are in no region: they blink. A curve is the distance from where regions usually are, their median over a window,

$$c(t) = \operatorname{mean}_r \left\lVert p_r(t) - \operatorname{median}_{|\tau - t| \le w/2}\; p_r(\tau) \right\rVert ,$$

over the three regions that have moved furthest, or over the four on the brows alone, which nobody speaks with: on choice people,
10 other peaks a minute are as high as that of half of the micro-expressions, against 28 over the whole face.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import median_filter
from torch import Tensor

from selfme_lib.data.alignment import TEMPLATE
from selfme_lib.grids import Flow, Frames

from .curves import SIDE, Curves, Pixels, grey, measured, samples_of

ANCHOR = 0.5
WINDOWS = (0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
"""Seconds of the median."""
GROUPS = ("face", "brows")
LAGS = (0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0, 1.4)
"""Seconds between the two frames of `softnet_curve`."""
_MOVED_FURTHEST = 3

Motion = Callable[[Frames, Frames], Flow]
_LEFT_EYE, _RIGHT_EYE, _NOSE, _LEFT_MOUTH, _RIGHT_MOUTH = TEMPLATE


def _mirrored(name: str, left: np.ndarray, right: np.ndarray, x: float, y: float) -> dict[str, np.ndarray]:
    return {f"left {name}": left + np.array([-x, y]), f"right {name}": right + np.array([x, y])}


CENTRES: dict[str, np.ndarray] = {
    **_mirrored("outer brow", _LEFT_EYE, _RIGHT_EYE, 0.08, -0.11),
    **_mirrored("inner brow", _LEFT_EYE, _RIGHT_EYE, -0.07, -0.11),
    **_mirrored("cheek", _LEFT_EYE, _RIGHT_EYE, 0.06, 0.14),
    **_mirrored("nostril", _NOSE, _NOSE, 0.08, 0.02),
    **_mirrored("corner of the mouth", _LEFT_MOUTH, _RIGHT_MOUTH, 0.0, 0.0),
    "chin": (_LEFT_MOUTH + _RIGHT_MOUTH) / 2 + np.array([0, 0.11]),
    "nose": _NOSE + np.array([0, -0.1]),
}
"""Middles of the regions as fractions of the side, of the picture's left and right; the last is what is subtracted."""
_HALF = np.array([0.055, 0.05])
_BROWS = [n for n, name in enumerate(CENTRES) if "brow" in name]
_BROWS_AND_MOUTH = [n for n, name in enumerate(CENTRES) if "brow" in name or "mouth" in name]


def moving_regions(frames: Iterable[Pixels], fps: float, motion: Motion) -> Curves:
    """Curves `face W s` and `brows W s` of the distance from the median over W seconds, and `lag L s` of `softnet_curve`; pixels.

    Args:
        frames: aligned faces.
        fps: frames a second.
        motion: (onset, apex) -> backward flow, such as one of `flow.CLASSICAL`.
    """
    names = [f"{group} {window:g} s" for window in WINDOWS for group in GROUPS] + [f"lag {lag:g} s" for lag in LAGS]

    def measure(samples: Iterator[Pixels]) -> Float[np.ndarray, "t c"]:
        places = trajectories(samples, motion, every=samples_of(ANCHOR, fps))
        distances = [curve for window in WINDOWS for curve in distances_from_median(places, samples_of(window, fps))]
        return np.column_stack([*distances, *(softnet_curve(places, samples_of(lag, fps)) for lag in LAGS)])

    return measured(frames, fps, names, measure)


def trajectories(samples: Iterator[Pixels], motion: Motion, *, every: int) -> Float[np.ndarray, "t r 2"]:
    """Where each region is, relative to the nose and to the first frame, in pixels; a new anchor `every` so many samples."""
    batch = list(islice(samples, 1))
    places = [np.zeros((len(batch), len(CENTRES) - 1, 2))]
    while batch:
        anchor, batch = batch[-1], list(islice(samples, every))
        if not batch:
            break
        onset, *later = (_frame(pixels) for pixels in (anchor, *batch))
        with torch.inference_mode():
            flow = (
                motion(onset.expand(len(batch), -1, -1, -1), torch.cat(later)).cpu().numpy()
            )  # points back to the anchor
        means = np.stack([-flow[:, :, rows, columns].mean((2, 3)) for rows, columns in _boxes()], axis=1)  # (b, r, 2)
        places.append(places[-1][-1] + means[:, :-1] - means[:, -1:])
    return np.concatenate(places)


def distances_from_median(
    places: Float[np.ndarray, "t r 2"], window: int
) -> tuple[Float[np.ndarray, "t"], Float[np.ndarray, "t"]]:
    """How far regions are from where they usually are within `window` samples: the three that moved furthest, and the brows."""
    usual = median_filter(places, size=(window | 1, 1, 1), mode="nearest")
    moved = np.linalg.norm(places - usual, axis=-1)  # (t, r)
    return np.sort(moved, axis=1)[:, -_MOVED_FURTHEST:].mean(1), moved[:, _BROWS].mean(1)


def softnet_curve(places: Float[np.ndarray, "t r 2"], lag: int) -> Float[np.ndarray, "t"]:
    """Mean length of the motion of brows and mouth from each sample to the one a lag later; the last have that of the end.

    It is what SOFTNet (Liong et al., ICIP 2021) gives its network, in the regions in which it looks.
    """
    chosen = places[:, _BROWS_AND_MOUTH]
    later = np.minimum(np.arange(len(chosen)) + lag, len(chosen) - 1)
    return np.linalg.norm(chosen[later] - chosen, axis=-1).mean(1)


def _frame(pixels: Pixels) -> Float[Tensor, "1 3 128 128"]:
    one = torch.from_numpy(np.ascontiguousarray(grey(pixels))).float() / 255
    return one.expand(1, 3, -1, -1)


def _boxes() -> list[tuple[slice, slice]]:
    corners = [((centre - _HALF) * SIDE, (centre + _HALF) * SIDE) for centre in CENTRES.values()]
    ends = [(np.round(low).astype(int), np.round(high).astype(int)) for low, high in corners]
    return [(slice(low[1], high[1]), slice(low[0], high[0])) for low, high in ends]
