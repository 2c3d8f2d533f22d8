"""Dual-Inception: two inception blocks for each component of the flow.

L. Zhou, Q. Mao, L. Xue. Dual-Inception Network for Cross-Database Micro-Expression Recognition. FG 2019.

Input: u and v of TV-L1 at 28 x 28 px, apart. An inception block applies 1 x 1, 3 x 3 and 5 x 5 kernels and a 3 x 3 maximum
in parallel: 6 channels each in the first block, 16 in the second, both followed by halving. The two streams, concatenated
(2 x 64 x 7 x 7), go through one fully connected layer of 1,024 and one of 3.

Parameters: 6,449,867, matching others who counted (6.45 M). Unclear: the authors' public code gives each stream the three
channels of a flow saved as a picture, which adds 96 parameters; here a stream has the one channel that the figure shows.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .training import Network, channels


class Inception(nn.Module):
    """Four parallel branches of `each` channels: 1 x 1, 3 x 3, 5 x 5, and the maximum over 3 x 3."""

    def __init__(self, inside: int, each: int):
        super().__init__()

        def wide(kernel: int) -> tuple[nn.Module, ...]:
            return nn.Conv2d(inside, each, 1), nn.ReLU(), nn.Conv2d(each, each, kernel, padding=kernel // 2), nn.ReLU()

        self.branches = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(inside, each, 1), nn.ReLU()),
                nn.Sequential(*wide(3)),
                nn.Sequential(*wide(5)),
                nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(inside, each, 1), nn.ReLU()),
            ]
        )

    def forward(self, inputs: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c4 h w"]:
        return torch.cat([branch(inputs) for branch in self.branches], dim=1)


class InceptionStreams(nn.Module):
    """u and v through two inception blocks each, concatenated: `features` numbers per sample."""

    def __init__(self, *, size: int = 28, width: float = 1.0):
        super().__init__()
        first, second = channels(6, width), channels(16, width)
        self.streams = nn.ModuleList(
            nn.Sequential(
                Inception(1, first), nn.MaxPool2d(2), Inception(4 * first, second), nn.MaxPool2d(2), nn.Flatten()
            )
            for _ in "uv"
        )
        self.features = 2 * 4 * second * (size // 4) ** 2

    def forward(self, inputs: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b f"]:
        u, v = inputs.split(1, dim=1)
        return torch.cat([self.streams[0](u), self.streams[1](v)], dim=1)


class DualInception(Network):
    """Args: `size` of the input in px."""

    def __init__(self, *, size: int = 28, width: float = 1.0, classes: int = 3):
        super().__init__()
        self.streams = InceptionStreams(size=size, width=width)
        hidden = channels(1024, width)
        self.head = nn.Sequential(nn.Linear(self.streams.features, hidden), nn.ReLU(), nn.Linear(hidden, classes))

    def forward(self, inputs: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k"]:
        return self.head(self.streams(inputs))
