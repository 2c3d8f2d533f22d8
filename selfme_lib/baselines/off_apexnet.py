"""OFF-ApexNet: one small convolutional stream for each component of the flow.

Y. S. Gan, S.-T. Liong, W.-C. Yau, Y.-C. Huang, L.-K. Tan. OFF-ApexNet on micro-expression recognition system. Signal
Processing: Image Communication 74, 2019.

Input: u and v of TV-L1 at 28 x 28 px, apart. Each goes through 6 and 16 kernels of 5 x 5 px, halved after either (to 7 x 7);
both, concatenated, through two fully connected layers of 1,024 and one of 3.

Parameters: 2,664,475, matching others who counted (2.66 M). STSTNet's paper prints 2.77 M for it; no reading of the
description that we tried gives that (a third 1,024-layer would give 3.7 M). Unclear: dropout, which is not used here.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .training import Network, channels


class OFFApexNet(Network):
    """Args: `size` of the input in px."""

    def __init__(self, *, size: int = 28, width: float = 1.0, classes: int = 3):
        super().__init__()
        first, second, hidden = (channels(number, width) for number in (6, 16, 1024))

        def convolve(inside: int, outside: int) -> tuple[nn.Module, ...]:
            return nn.Conv2d(inside, outside, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)

        self.streams = nn.ModuleList(
            nn.Sequential(*convolve(1, first), *convolve(first, second), nn.Flatten()) for _ in "uv"
        )
        self.head = nn.Sequential(
            nn.Linear(2 * second * (size // 4) ** 2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, classes),
        )

    def forward(self, inputs: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k"]:
        u, v = inputs.split(1, dim=1)
        return self.head(torch.cat([self.streams[0](u), self.streams[1](v)], dim=1))
