r"""A whole video, amplified: each frame is the reference, moved by γ times the motion since then.

$\tilde\Phi_t$ is the dense motion from a reference $x_r$ to the frame $x_t$. It is amplified as Eq 9 has it, before the spline
and the exponential,

$$\hat x_t(v) = x_r\big(v + \Phi_t(v)\big), \qquad
  \Phi_t = \exp\Big(\sum_{u \in G} \gamma\,\tilde\Phi_t(u) \prod_{\delta=1}^{2} \beta(v^\delta - u^\delta)\Big).$$

What is warped is always the *reference*, as the paper warps the onset: its noise stands still instead of growing by γ, and no
frame is warped from an amplified one, which would blur more and more. What is no motion (teeth that appear, a change of light)
stays behind. With a band $B$ of frequencies only what lies in it is amplified: $\tilde\Phi_t + (\gamma - 1)\,B(\tilde\Phi)_t$
takes the place of $\gamma\,\tilde\Phi_t$. $B$ is Butterworth's, second order, and causal: it knows no frame to come and lags a
little.

Motion is found on the stabilised crop (`data.face_stream`); so the head's own motion is not amplified. The picture is
warped at its own resolution, and sampled once.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from scipy import signal

from selfme_lib.data.alignment import Similarity, crop_face
from selfme_lib.data.face_stream import FaceFrame, FaceStream
from selfme_lib.data.images import to_frame
from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import Flow, Frames, resize_flow
from selfme_lib.runtime.errors import UsageError

from .checkpoint import SHIPPED_FORMS, load_estimator
from .diffeo import diffeomorphic_motion
from .forms import Form

BATCH = 8  # frames whose motion is found at once
MEAN_SECONDS = 2.0  # in which the running mean forgets
_BORDER = 0.12  # of the crop's side, in which the amplified face fades into the picture
_LARGEST = 1024  # px, of a crop that is averaged

Picture = UInt8[np.ndarray, "h w 3"]
Reference = Literal["first", "mean"] | int


class MotionModel(NamedTuple):
    """A form of motion in two steps, between which it is filtered and amplified."""

    measure: Callable[[Frames, Frames], Flow]  # reference, frames → the dense motion of each
    expand: Callable[[Flow, tuple[int, int]], Flow]  # dense motion → backward flow in pixels of a lattice of this size


class Source(NamedTuple):
    """A picture to be moved, and the map from its pixels to fractions of the crop's side."""

    picture: Picture
    matrix: Similarity


@dataclass(frozen=True)
class Amplified:
    """A frame and what became of it.

    Attributes:
        face: the frame that was read.
        source: the reference.
        flow: backward, from the amplified crop to the reference, in pixels of the crop. None if the face is not recognised in
            this frame, which then stays as it is.
    """

    face: FaceFrame
    source: Source
    flow: Float[np.ndarray, "n n 2"] | None

    def in_place(self) -> Picture:
        """The whole picture, in which the face is amplified."""
        if self.flow is None:
            return self.face.picture
        height, width = self.face.picture.shape[:2]
        return _blend(self.face.picture, self.face.matrix, self.source, self.flow, (0, 0, width, height))

    def cropped(self, side: int) -> Picture:
        """The face alone, in its place, `side` x `side`."""
        if self.flow is None:
            return crop_face(self.face.picture, self.face.matrix, side)
        return _moved(self.source, self.flow, _crop_matrix(side), (0, 0, side, side))[0]


def motion_model(form: Form, *, device: str = "cpu") -> MotionModel:
    """The form by this name, as it comes with the package."""
    if form == "lucas-kanade":
        return MotionModel(CLASSICAL["lucas_kanade"], resize_flow)
    estimator = load_estimator(SHIPPED_FORMS[form], device=device)
    return MotionModel(estimator.dense_motion, diffeomorphic_motion)


class BandPass:
    """A causal Butterworth filter of fields over time; it begins at rest, with no motion."""

    def __init__(self, low: float, high: float, fps: float):
        """
        Args:
            low, high: Hz.
            fps: fields per second.

        Raises:
            UsageError: not 0 < low < high < fps / 2.
        """
        if not 0 < low < high < fps / 2:
            shown = f"band {low:g} {high:g}: expected two frequencies in Hz, the lower one first"
            raise UsageError(f"{shown}, above 0 and below {fps / 2:g}, half the frames per second")
        self._sections = signal.butter(2, (low, high), "bandpass", fs=fps, output="sos")
        self._state: np.ndarray | None = None

    def __call__(self, field: np.ndarray) -> np.ndarray:
        """What of this field and those before lies in the band."""
        if self._state is None:
            self._state = np.zeros((len(self._sections), *field.shape, 2))
        filtered, self._state = signal.sosfilt(self._sections, field[..., None], zi=self._state)
        return filtered[..., 0].astype(field.dtype)

    def reset(self) -> None:
        """Forget everything before."""
        self._state = None


def amplify_video(
    stream: FaceStream,
    *,
    gamma: float,
    model: MotionModel,
    reference: Reference = "first",
    band: tuple[float, float] | None = None,
) -> Iterator[Amplified]:
    r"""Amplify the motion of a face, frame by frame; memory does not grow with the video's length.

    Args:
        stream: of stabilised faces. After a cut, or whenever its reference changes, the amplification's begins anew.
        gamma: γ.
        model: finds and expands motion.
        reference: "first": the first frame; "mean": a running mean, which forgets within `MEAN_SECONDS`; or a number, from 0.
        band: in Hz; by default all of the motion is amplified.

    Raises:
        DataError: a frame is damaged.
        UsageError: a band that is none, or a reference that the video does not have.
    """
    filtered = BandPass(*band, stream.fps) if band else None
    frames = _with_references(stream, reference)
    while some := list(islice(frames, BATCH)):
        sources = torch.stack([to_frame(source_crop) for _, _, source_crop, _ in some])
        fields = model.measure(sources, torch.stack([to_frame(face.pixels) for face, *_ in some])).clone()  # Φ̃
        if filtered is None:
            fields = gamma * fields
        else:
            for place, (face, _, _, anew) in enumerate(some):
                if anew:
                    filtered.reset()
                if not face.lost:
                    fields[place] += (gamma - 1) * torch.from_numpy(filtered(fields[place].cpu().numpy())).to(fields)
        flows = model.expand(fields, (stream.size, stream.size)).permute(0, 2, 3, 1).cpu().numpy()
        for (face, source, _, _), flow in zip(some, flows):
            yield Amplified(face, source, None if face.lost else np.ascontiguousarray(flow))


def _with_references(
    stream: FaceStream, reference: Reference
) -> Iterator[tuple[FaceFrame, Source, UInt8[np.ndarray, "s s 3"], bool]]:
    """Each frame, the reference, its crop as motion is found on it, and whether the reference has begun anew."""
    chosen, begins = _look_up(stream, reference) if isinstance(reference, int) else (None, -1)
    side = min(_LARGEST, max(stream.size, round(stream.face_side)))
    mean: np.ndarray | None = None
    anew, last = True, 0.0
    for face in stream:
        anew = anew or face.reference_changed
        if anew:
            start = chosen if chosen is not None and begins <= face.index <= chosen.index else face
            source, crop = Source(start.picture, start.matrix), start.pixels
        if reference == "mean" and not face.lost:
            now = crop_face(face.picture, face.matrix, side).astype(np.float32)
            share = 1.0 if anew or mean is None else -math.expm1((last - face.time) / MEAN_SECONDS)
            mean = now if mean is None or anew else mean + share * (now - mean)
            picture = (mean + 0.5).astype(np.uint8)
            source = Source(picture, _crop_matrix(side))
            crop = cv2.resize(picture, (stream.size, stream.size), interpolation=cv2.INTER_AREA)
        last = face.time
        yield face, source, crop, anew
        anew = face.lost and anew  # a reference that shows no face does not do


def _look_up(stream: FaceStream, number: int) -> tuple[FaceFrame, int]:
    """A frame, and the first one from which the stream's reference has not changed until then."""
    if stream.recording.is_live:
        raise UsageError(f"reference {number}: of a camera, only first or mean")
    begins = 0
    for face in stream:
        begins = face.index if face.reference_changed else begins
        if face.index == number:
            return face, begins
    raise UsageError(f"reference {number}: frames count from 0, and the video ends before")


def _crop_matrix(side: int) -> Similarity:
    """From pixels of a crop to fractions of its side."""
    return np.array([[1, 0, 0.5], [0, 1, 0.5]]) / side


def _moved(
    source: Source, flow: np.ndarray, matrix: Similarity, box: tuple[int, int, int, int]
) -> tuple[Picture, np.ndarray, np.ndarray]:
    """The reference moved by a flow, seen through `matrix` (pixels → fractions), in a box (left, top, width, height); and where
    each pixel lies, in fractions along x and y."""
    left, top, width, height = box
    y, x = np.mgrid[top : top + height, left : left + width].astype(np.float32)
    scale = np.float32(len(flow))
    map_ = matrix.astype(np.float32)
    u = map_[0, 0] * x + map_[0, 1] * y + map_[0, 2]
    v = map_[1, 0] * x + map_[1, 1] * y + map_[1, 2]
    shift = cv2.remap(flow, scale * u - 0.5, scale * v - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    from_u, from_v = u + shift[..., 0] / scale, v + shift[..., 1] / scale
    back = cv2.invertAffineTransform(source.matrix).astype(np.float32)
    column = back[0, 0] * from_u + back[0, 1] * from_v + back[0, 2]
    row = back[1, 0] * from_u + back[1, 1] * from_v + back[1, 2]
    picture = cv2.remap(source.picture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return picture, u, v


def _blend(
    picture: Picture, matrix: Similarity, source: Source, flow: np.ndarray, frame: tuple[int, int, int, int]
) -> Picture:
    """The picture with the moved reference in place of the crop, which fades out towards its border."""
    back = cv2.invertAffineTransform(matrix)
    corners = np.array([(0, 0), (1, 0), (0, 1), (1, 1)]) @ back[:, :2].T + back[:, 2]
    left, top = np.maximum(np.floor(corners.min(0)).astype(int), frame[:2]).tolist()
    right, bottom = np.minimum(np.ceil(corners.max(0)).astype(int) + 1, frame[2:]).tolist()
    if left >= right or top >= bottom:
        return picture
    moved, u, v = _moved(source, flow, matrix, (left, top, right - left, bottom - top))
    inside = np.clip(np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) / _BORDER, 0, 1)
    weight = (inside * inside * (3 - 2 * inside))[..., None]
    done = picture.copy()
    part = done[top:bottom, left:right].astype(np.float32)
    done[top:bottom, left:right] = (part + weight * (moved - part) + 0.5).astype(np.uint8)
    return done
