r"""The head held still: where forehead and nose have gone since a reference, as a rotation and a shift.

Forehead and nose move with the skull; the rest of a face moves by itself, and what it does must stay. Points there are tracked
from the reference by pyramids of Lucas and Kanade's windows (Bouguet 2001, OpenCV), in local contrast, so that a change of light
moves nothing. The rotation $R$ and shift $t$ bring them back in the least-squares sense,

$$\min_{R, t} \sum_k w_k \lVert R p_k + t - q_k \rVert^2, \qquad w_k = \frac{1}{1 + (r_k / s)^2},$$

with residuals $r_k$ and $s$ 1.5 times their median: a frown pulls a few points along, and these lose their say.

Measured on rendered long videos of choice people, whose poses are known (128 px; how far the face still moves within .2 s,
median over frames of the rms over the face): .16 to .41 px before and .05 to .07 after; .01 to .03 by the true places of these
points. OpenCV's `findTransformECC` in the same regions leaves .08 to .65; a scale besides, or a shift alone, about a third more.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

SIDE = 128  # px of the crops in which points are tracked
REGIONS = ((0.30, 0.13, 0.74, 0.30), (0.44, 0.40, 0.60, 0.64))
"""Forehead and nose in a crop by `alignment.TEMPLATE`: left, top, right, bottom as fractions of its side."""

_SPACING = 4  # px between points
_WINDOW = 21  # px
_CONTRAST = 6.0  # px, of the neighbourhood
_ROUNDS = 8  # of reweighting
_ALIKE = 0.5  # least correlation of the regions after the motion is undone
_TOGETHER = 0.5  # least share of points that move as one
_FARTHEST = 12.0  # px between one frame and the next

Grey = UInt8[np.ndarray, "128 128"]
Rigid = Float[np.ndarray, "2 3"]


def contrast(grey: Grey) -> Grey:
    """Grey minus its neighbourhood's mean, over its deviation, as bytes around 128."""
    values = grey.astype(np.float32)
    mean = cv2.GaussianBlur(values, (0, 0), _CONTRAST)
    variance = cv2.GaussianBlur(values * values, (0, 0), _CONTRAST) - mean * mean
    scaled = 128 + 45 * (values - mean) / np.sqrt(np.maximum(variance, 0) + 16)
    return np.clip(scaled, 0, 255).astype(np.uint8)


def _lattice() -> Float[np.ndarray, "n 2"]:
    parts = []
    for left, top, right, bottom in REGIONS:
        x, y = np.meshgrid(
            np.arange(round(left * SIDE), round(right * SIDE), _SPACING),
            np.arange(round(top * SIDE), round(bottom * SIDE), _SPACING),
        )
        parts.append(np.stack([x.ravel(), y.ravel()], axis=1))
    return np.concatenate(parts).astype(np.float64)


_POINTS = _lattice()


@dataclass(frozen=True)
class Reference:
    """A crop to which others are brought back."""

    detail: Grey  # its local contrast

    def find(self, detail: Grey) -> Rigid | None:
        """The rigid motion from another crop's pixels to this one's; None if forehead and nose are not to be recognised.

        Args:
            detail: the other crop's `contrast`.
        """
        start = _POINTS.astype(np.float32)[:, None]
        criteria = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 20, 0.01)
        moved, status, _ = cv2.calcOpticalFlowPyrLK(
            self.detail, detail, start, start.copy(), winSize=(_WINDOW, _WINDOW), maxLevel=2, criteria=criteria
        )
        seen = status[:, 0] == 1
        if seen.mean() < _TOGETHER:
            return None
        found, together = _rigid(moved[seen, 0].astype(np.float64), _POINTS[seen])
        shift = found[:, :2] @ [SIDE / 2, SIDE / 2] + found[:, 2] - SIDE / 2
        if together < _TOGETHER or np.abs(shift).max() > _FARTHEST or not self.resembles(detail, found):
            return None
        return found

    def resembles(self, detail: Grey, motion: Rigid) -> bool:
        """Whether the regions of another crop, brought back by a motion, look like these."""
        back = cv2.warpAffine(detail, motion, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        column, row = _POINTS.astype(int).T
        return bool(correlation(_smooth(back)[row, column], _smooth(self.detail)[row, column]) >= _ALIKE)


def _smooth(detail: Grey) -> Grey:
    return cv2.GaussianBlur(detail, (0, 0), 1.5)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 if one of them is constant."""
    a, b = one.astype(np.float64) - one.mean(), other.astype(np.float64) - other.mean()
    spread = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / spread) if spread > 0 else 0.0


def _rigid(source: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> tuple[Rigid, float]:
    """The robust rigid motion, and the share of points that follow it."""
    z, q = source @ [1, 1j], target @ [1, 1j]
    weight = np.ones(len(z))
    for _ in range(_ROUNDS):
        weight = weight / weight.sum()
        mean_z, mean_q = weight @ z, weight @ q
        turn = (weight * (z - mean_z).conj()) @ (q - mean_q)
        turn = turn / abs(turn) if abs(turn) > 0 else 1.0
        residual = abs(turn * (z - mean_z) + mean_q - q)
        scale = max(1.5 * float(np.median(residual)), 0.03)
        weight = 1 / (1 + (residual / scale) ** 2)
    shift = mean_q - turn * mean_z
    turn = complex(turn)
    motion = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return motion, float((residual < max(3 * scale, 0.3)).mean())
