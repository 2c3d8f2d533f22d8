r"""How a face moves over time: the motion of the last fifth of a second, again and again, without the head's part.

Of each frame $t$ at about `rate` frames a second, the motion from frame $t - lag$ is measured by any method, SelfME+ by default.
Its part that is a similarity of the whole head is found on forehead and nose, which hardly express anything, and subtracted (the
global motion that most spotters take from the nose; Wang et al., Neurocomputing 2017):

$$v(x) = \phi(x) - (A x + b), \qquad
  (A, b) = \arg\min \sum_{x \in \text{forehead, nose}} \rho\big(\lVert \phi(x) - A x - b \rVert\big), \quad
  A = \begin{pmatrix} a & -c \\ c & a \end{pmatrix}.$$

What is left is averaged in 8 x 8 cells. Frames are streamed: of the pixels, no more than a lag and a batch are in memory.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from pydantic.dataclasses import dataclass as checked
from torch import Tensor

from selfme_lib.data.images import to_frame
from selfme_lib.grids import Flow, Frames
from selfme_lib.runtime.settings import STRICT

CELLS = 8  # a side
SIDE = 128  # pixels of a frame's side, in which motions are given
BATCH, PART = 16, 256  # pairs at a time, and samples in a part that is kept
RIGID = ((0.30, 0.70, 0.10, 0.28), (0.45, 0.58, 0.44, 0.64))
"""Forehead and nose on an aligned face: left, right, top, bottom as fractions of the side."""
_PASSES, _HUBER = 4, 0.1  # of reweighting; pixels from which on a residual counts less

Motion = Callable[[Frames, Frames], Flow]
Pixels = UInt8[np.ndarray, "h w c"]


@checked(frozen=True, config=STRICT)
class SignalConfig:
    """How motion is sampled, in seconds.

    Attributes:
        rate: frames a second that are looked at, at most; of a faster video, every k-th frame.
        lag: from the one frame to the other. The onset phase of a micro-expression lasts at most .26 s (Yan et al., Journal of
            Nonverbal Behavior 2013).
    """

    rate: float = 32.0
    lag: float = 0.2


@dataclass(frozen=True)
class FaceMotion:
    """How a face moves over time.

    Attributes:
        frames: numbers of the frames t in the video.
        fps: frames a second of the video.
        cells: motion between the frame one lag before and t, in pixels of `SIDE`, x first, without the head's.
        head: the head's: shift x and y in pixels at the middle of the face, growth and turn (radians).
    """

    frames: Int[np.ndarray, "t"]
    fps: float
    cells: Float[np.ndarray, "t 2 8 8"]
    head: Float[np.ndarray, "t 4"]

    def __len__(self) -> int:
        return len(self.frames)


def stride_of(fps: float, rate: float) -> int:
    """Every which frame is looked at."""
    return max(1, round(fps / rate))


def measure(
    frames: Iterable[tuple[int, Pixels]], *, fps: float, motion: Motion, config: SignalConfig = SignalConfig()
) -> FaceMotion:
    """The motion of a face over time. Until a lag has passed, it is measured from the first frame.

    Args:
        frames: numbers and pixels of aligned faces, one after the other.
        fps: frames a second.
        motion: (onset, apex) -> backward flow.
    """
    return joined(list(measure_parts(frames, fps=fps, motion=motion, config=config)), fps)


def measure_parts(
    frames: Iterable[tuple[int, Pixels]],
    *,
    fps: float,
    motion: Motion,
    config: SignalConfig = SignalConfig(),
    skip: int = 0,
) -> Iterator[FaceMotion]:
    """`measure` in parts of `PART` samples, the last of which is shorter; of the first `skip` parts nothing is measured."""
    stride = stride_of(fps, config.rate)
    lag = max(1, round(config.lag * fps / stride))
    pairs = islice(_pairs(islice(frames, 0, None, stride), lag), skip * PART, None)
    while part := list(islice(_batches(pairs, motion), PART // BATCH)):
        numbers, cells, heads = (np.concatenate(values) for values in zip(*part))
        yield FaceMotion(numbers, fps, cells, heads)


def joined(parts: Sequence[FaceMotion], fps: float) -> FaceMotion:
    """One after the other."""
    if not parts:
        nothing = np.zeros((0, 2, CELLS, CELLS), np.float32), np.zeros((0, 4), np.float32)
        return FaceMotion(np.zeros(0, np.int64), fps, *nothing)
    return FaceMotion(
        np.concatenate([part.frames for part in parts]),
        fps,
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.head for part in parts]),
    )


def _batches(
    pairs: Iterator[tuple[int, Tensor, Tensor]], motion: Motion
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    while batch := list(islice(pairs, BATCH)):
        numbers, before, now = zip(*batch)
        with torch.inference_mode():
            left, head = without_head(motion(torch.stack(before), torch.stack(now)).cpu())
            cells = F.adaptive_avg_pool2d(left, CELLS).numpy()
        yield np.array(numbers), cells, head.numpy()


def _pairs(frames: Iterable[tuple[int, Pixels]], lag: int) -> Iterator[tuple[int, Tensor, Tensor]]:
    past: deque[Any] = deque(maxlen=lag + 1)
    for number, pixels in frames:
        past.append(to_frame(pixels, SIDE))
        yield number, past[0], past[-1]


def without_head(flow: Float[Tensor, "b 2 h w"]) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 4"]]:
    """A flow less the similarity that fits it on forehead and nose, and that similarity as in `FaceMotion.head`."""
    height, width = flow.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    inside = torch.zeros(height, width, dtype=torch.bool)
    for left, right, top, bottom in RIGID:
        inside |= (x > left * width) & (x < right * width) & (y > top * height) & (y < bottom * height)
    design = _similarity(x - width / 2, y - height / 2)  # (2, h, w, 4)
    rows = design[:, inside].flatten(0, 1)[::4].double()  # (m, 4); neighbours say the same
    wanted = flow[:, :, inside].flatten(1)[:, ::4].double()  # (b, m)
    weights = torch.ones_like(wanted)
    for _ in range(_PASSES):
        weighted = weights[..., None] * rows  # (b, m, 4)
        normal = weighted.transpose(1, 2) @ rows + 1e-6 * torch.eye(4, dtype=torch.float64)
        head = torch.linalg.solve(normal, (weighted * wanted[..., None]).sum(1))  # (b, 4)
        residual = (wanted - head @ rows.T).abs()
        weights = _HUBER / residual.clamp_min(_HUBER)
    head = head.to(flow.dtype)
    return flow - torch.einsum("bk,chwk->bchw", head, design), head


def _similarity(x: Float[Tensor, "h w"], y: Float[Tensor, "h w"]) -> Float[Tensor, "2 h w 4"]:
    """What a shift by x and y, growth and turn each move at a place."""
    one, none = torch.ones_like(x), torch.zeros_like(x)
    return torch.stack([torch.stack([one, none, x, -y], -1), torch.stack([none, one, y, x], -1)])
