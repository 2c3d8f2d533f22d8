"""Pairs of frames to learn motion from: "a source frame and a target frame were randomly selected from the sequence" (§3.2).

Frames lie in one memory-mapped array on disk, so memory does not grow with the data set.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import pydantic
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from selfme_lib.grids import Frames, identity_grid, to_normalised, to_pixels, warp
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.settings import STRICT

Pair = tuple[Frames, Frames]
Deviation = Annotated[
    float, Field(ge=0, le=2, description="a standard deviation; beyond it nothing is left of the frame")
]


class FramePairs:
    """Random pairs of two different frames of the same sequence.

    Args:
        frames: uint8 (N, H, W, 3) RGB, for example `numpy.load(path, mmap_mode="r")`.
        starts: index of each sequence's first frame and, last, N; every sequence has at least two frames.
    """

    def __init__(self, frames: np.ndarray, starts: Sequence[int]):
        self.frames = frames
        self.starts = np.asarray(starts)
        if len(self.starts) < 2 or np.diff(self.starts).min() < 2:
            raise DataError("motion is learned from pairs of frames: every sequence needs at least two of them")

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def from_rendered(cls, path: Path, sequences: slice = slice(None)) -> "FramePairs":
        """From a file by `synthme.pretraining.render_pairs`: uint8 (N, 2, H, W, 3), two frames a sequence."""
        pairs = np.load(path, mmap_mode="r", allow_pickle=False)[sequences]
        return cls(pairs.reshape(-1, *pairs.shape[2:]), range(0, 2 * len(pairs) + 1, 2))

    def at(self, sequences: np.ndarray, generator: np.random.Generator) -> Pair:
        """One pair from each of these sequences."""
        first, length = self.starts[sequences], np.diff(self.starts)[sequences]
        one = generator.integers(length)
        other = (one + generator.integers(1, length)) % length  # any frame but the same
        return self._read(first + one), self._read(first + other)

    def draw(self, batch: int, generator: np.random.Generator) -> Pair:
        """Source and target frames of `batch` random sequences."""
        return self.at(generator.integers(len(self), size=batch), generator)

    def _read(self, indices: np.ndarray) -> Frames:
        frames = np.stack([self.frames[index] for index in indices])  # a handful of pages of the file
        return torch.from_numpy(frames).permute(0, 3, 1, 2).float().div_(255)


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class Augmentation:
    """Random changes to a pair before it is learned from: the same for both frames, except for the light.

    Attributes:
        grey: probability that a pair loses its colour.
        light: standard deviation of the logarithm of gain and gamma, drawn for each frame.
        zoom, turn, shift: standard deviations of log scale, angle in radians, translation in half image sizes.
        exposure, noise: of a second exposure of the same frames (`expose_again`): standard deviation of the logarithms of
            gain and gamma and of a gradient of light across the image; least and greatest deviation of the sensor noise.
    """

    grey: Annotated[float, Field(ge=0, le=1, description="a probability")] = 0.3
    light: Deviation = 0.015
    zoom: Deviation = 0.08
    turn: Annotated[float, Field(ge=0, le=math.pi, description="radians")] = 0.05
    shift: Deviation = 0.05
    exposure: Deviation = 0.05
    noise: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], Annotated[float, Field(gt=0, le=1)]],
        Field(description="shares of the range of brightness; they are drawn on a logarithmic scale"),
    ] = (0.003, 0.04)

    def __call__(self, pair: Pair, generator: np.random.Generator) -> Pair:
        both = torch.stack(pair, dim=1)  # (b, 2, 3, h, w)
        batch = len(both)
        flips = torch.from_numpy(generator.random(batch) < 0.5)[:, None, None, None, None]
        both = torch.where(flips, both.flip(-1), both)
        both = self._place(both, generator)
        exponent, gain = torch.from_numpy(
            np.exp(self.light * generator.standard_normal((2, batch, 2, 1, 1, 1))).astype(np.float32)
        )
        both = (both.clamp(0, 1) ** exponent * gain).clamp(0, 1)
        greys = torch.from_numpy(generator.random(batch) < self.grey)[:, None, None, None, None]
        both = torch.where(greys, both.mean(2, keepdim=True), both)
        return both[:, 0].contiguous(), both[:, 1].contiguous()

    def _place(self, both: Float[Tensor, "b 2 3 h w"], generator: np.random.Generator) -> Float[Tensor, "b 2 3 h w"]:
        """A similarity transform, the same for the two frames of a pair."""
        batch, _, _, height, width = both.shape
        scale = np.exp(self.zoom * generator.standard_normal(batch))
        angle = self.turn * generator.standard_normal(batch)
        rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(batch, 2, 2)
        matrix = torch.from_numpy((rotation * scale[:, None, None]).astype(np.float32))
        move = torch.from_numpy((self.shift * generator.standard_normal((batch, 1, 2))).astype(np.float32))
        grid = identity_grid(height, width)
        places = to_normalised(grid.flatten(1).T, height, width) @ matrix.mT + move  # (b, h*w, 2)
        flow = to_pixels(places, height, width).mT.reshape(batch, 2, height, width) - grid
        return warp(both.flatten(1, 2), flow).view_as(both)

    def expose_again(self, frames: Sequence[Frames], generator: torch.Generator) -> list[Frames]:
        """The same b scenes as a second exposure would record them: different light, different noise.

        Each frame has its own light; noise has one strength in all frames of a scene, since they come from one camera.
        """
        batch, _, height, width = frames[0].shape
        low, high = map(math.log, self.noise)
        deviation = (low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator)).exp()
        rows, columns = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        exposed = []
        for frame in frames:
            exponent, gain, across, down = self.exposure * torch.randn(4, batch, 1, 1, 1, generator=generator)
            slope = down * rows[:, None] + across * columns  # (b, 1, h, w)
            lit = frame.clamp(0, 1) ** exponent.exp() * (gain + slope).exp()
            exposed.append((lit + deviation * torch.randn(frame.shape, generator=generator)).clamp(0, 1))
        return exposed
