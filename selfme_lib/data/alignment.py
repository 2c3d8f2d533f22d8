r"""From a recording to a face in one place: five points, one similarity, a crop of fixed geometry.

The points of a clip are the medians over its frames, so one blink or one wrong detection moves nothing. They are mapped
onto a template by the similarity that fits best in the least-squares sense (Umeyama, IEEE TPAMI 1991),

$$\min_{s, R, t} \sum_k \lVert s R p_k + t - q_k \rVert^2.$$

All frames of a clip are cropped by the *same* similarity. A crop that followed the points frame by frame would add their
jitter to a motion of about a pixel, and mistake part of a smile for head motion: two of the five points are the corners of
the mouth.

The template is the detector's output on SynthME's neutral faces, which are cropped as CASME II's authors crop: eyes at .40
and mouth at .74 of the height. The detector places points a little too far to the right and too low; so does the template,
and the two cancel.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .faces import FaceDetector

TEMPLATE = np.array([(0.365, 0.426), (0.675, 0.427), (0.520, 0.619), (0.397, 0.789), (0.648, 0.786)])
"""Where the five points go, as fractions of the crop's side: the mean over 24 neutral faces."""

_TURNED = 30.0  # degrees: nobody holds the head so while looking into a camera

Similarity = Float[np.ndarray, "2 3"]


@dataclass(frozen=True)
class Alignment:
    """How the frames of a clip are cropped."""

    matrix: Similarity  # from pixels of the recording to fractions of the crop's side
    without_face: tuple[
        int, ...
    ]  # positions of the frames in which no face was found; they are cropped like the others
    frames: int  # how many frames there are
    drift: float  # largest distance of the face's centre from its median place, in distances of the eyes

    @property
    def turn(self) -> float:
        """Degrees by which the face is turned in the recording, clockwise."""
        return -math.degrees(math.atan2(self.matrix[1, 0], self.matrix[0, 0]))

    @property
    def doubt(self) -> str:
        """Why the recording may have been stored sideways, without a tag that says so; empty if nothing suggests it.

        On a sideways face the detector finds nothing, or points in wrong places.
        """
        if abs(self.turn) > _TURNED:
            return f"the face is turned by {abs(self.turn):.0f}°; is it stored sideways?"
        if len(self.without_face) >= self.frames / 2:
            return f"no face in {len(self.without_face)} of {self.frames} frames; is it stored sideways?"
        return ""


def find_alignment(
    frames: Iterable[UInt8[np.ndarray, "h w 3"]], detector: FaceDetector | None = None
) -> Alignment | None:
    """The alignment of a clip from the largest face of each frame; `None` if no frame shows a face."""
    detector = detector or FaceDetector()
    points, without_face = [], []
    for position, pixels in enumerate(frames):
        faces = detector.detect(pixels)
        if faces:
            points.append(faces[0].points)
        else:
            without_face.append(position)
    if not points:
        return None
    median = np.median(points, axis=0)  # (5, 2)
    between_eyes = np.linalg.norm(median[1] - median[0])
    drift = np.linalg.norm(np.mean(points, axis=1) - median.mean(0), axis=1).max() / between_eyes
    count = len(points) + len(without_face)
    return Alignment(fit_similarity(median, TEMPLATE), tuple(without_face), count, float(drift))


def fit_similarity(source: Float[np.ndarray, "k 2"], target: Float[np.ndarray, "k 2"]) -> Similarity:
    r"""The rotation, scale and shift that bring `source` closest to `target`.

    As complex numbers with their means removed, $z$ for the source and $w$ for the target,
    $s e^{i\theta} = \sum \bar z w / \sum |z|^2$. scikit-image fits the same; these four lines show how.
    """
    z, w = (points @ np.array([1, 1j]) for points in (source - source.mean(0), target - target.mean(0)))
    turn = np.vdot(z, w) / np.vdot(z, z).real
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.column_stack([linear, target.mean(0) - linear @ source.mean(0)])


def crop_face(
    pixels: UInt8[np.ndarray, "h w 3"], matrix: Similarity, size: int
) -> UInt8[np.ndarray, "{size} {size} 3"]:
    """The crop, `size` x `size`; beyond the picture, its border is repeated.

    To shrink, the crop is first drawn on a finer grid and then averaged; otherwise pixels would be skipped.
    """
    shrinking = 1 / (size * math.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    finer = max(1, math.ceil(round(shrinking, 3)))
    side = size * finer
    to_grid = side * matrix
    to_grid[:, 2] -= 0.5  # the centre of the first pixel lies half a pixel from the edge
    crop = cv2.warpAffine(pixels, to_grid, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop if finer == 1 else cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
