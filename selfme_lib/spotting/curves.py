r"""What a yardstick keeps of a video: a few curves over time, in which an expression is a peak.

A video is looked at `RATE` times a second at most, so one of 200 frames a second costs no more than one of 30. Frames come one
after the other and are forgotten; a curve that compares a frame with those $k$ before and after it keeps $2k + 1$ of them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, repeat
from typing import TypeVar

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from .signal import SIDE, SignalConfig, stride_of

RATE = SignalConfig().rate

Pixels = UInt8[np.ndarray, "h w"] | UInt8[np.ndarray, "h w c"]
Feature = TypeVar("Feature")


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Curves over the samples of a video.

    Attributes:
        values: a column per curve.
        names: of the columns: the length of a window in seconds, and what was done in it.
        step: of how many frames one is looked at.
        fps, frames: of the video.
    """

    values: Float[np.ndarray, "t c"]
    names: tuple[str, ...]
    step: int
    fps: float
    frames: int

    @property
    def rate(self) -> float:
        """Samples a second."""
        return self.fps / self.step

    def __getitem__(self, name: str) -> Float[np.ndarray, "t"]:
        return self.values[:, self.names.index(name)]


def step_of(fps: float) -> int:
    """Of how many frames one is looked at."""
    return stride_of(fps, RATE)


def samples_of(seconds: float, fps: float) -> int:
    """How many samples that is, at least one."""
    return max(1, round(seconds * fps / step_of(fps)))


def measured(
    frames: Iterable[Pixels],
    fps: float,
    names: Sequence[str],
    measure: Callable[[Iterator[Pixels]], Float[np.ndarray, "t c"]],
) -> Curves:
    """Curves of what `measure` makes of the samples of a video."""
    count = 0

    def counted() -> Iterator[Pixels]:
        nonlocal count
        for pixels in frames:
            count += 1
            yield pixels

    values = measure(islice(counted(), 0, None, step_of(fps)))
    return Curves(values=values, names=tuple(names), step=step_of(fps), fps=fps, frames=count)


def grey(pixels: Pixels) -> UInt8[np.ndarray, "128 128"]:
    """A frame in grey, `SIDE` pixels wide and high."""
    one = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return one if one.shape == (SIDE, SIDE) else cv2.resize(one, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def neighbourhoods(features: Iterable[Feature], reach: int) -> Iterator[Sequence[Feature]]:
    """Each sample amid `reach` others before and after it; the first and the last stand for what lies beyond."""
    features = iter(features)
    first = next(features, None)
    if first is None:
        return
    around: deque[Feature] = deque(repeat(first, reach), maxlen=2 * reach + 1)
    for feature in chain([first], features):
        around.append(feature)
        if len(around) == around.maxlen:
            yield around
    for _ in range(reach):
        around.append(around[-1])
        if len(around) == around.maxlen:
            yield around
