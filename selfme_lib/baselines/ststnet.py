"""STSTNet: three shallow streams over flow and strain.

S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor, Y.-C. Huang. Shallow Triple Stream Three-dimensional CNN (STSTNet) for
Micro-expression Recognition. FG 2019.

Input: u, v and optical strain of TV-L1 at 28 x 28 px. The streams see all three, with 3, 5 and 8 kernels of 3 x 3 px; max
pooling by 3 (to 10 x 10), the streams' 16 channels concatenated, mean pooling by 2 (to 5 x 5), one fully connected layer.

Parameters: 448 in the convolutions and 1,203 behind them are 1,651; with the batch norms of the authors' PyTorch form, as
here, 1,683. The paper prints 1,670, which is 1,651 + 16 + 3, as if the biases had been counted twice (our guess). Unclear: its
500 epochs at a rate of 5e-5 are MATLAB's; dropout (.5) and batch norm are in the public PyTorch form alone.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .training import Network, channels


class STSTNet(Network):
    """Args: `size` of the input, a multiple of the pooling or not; `dropout` behind each stream."""

    def __init__(self, *, size: int = 28, width: float = 1.0, classes: int = 3, dropout: float = 0.5):
        super().__init__()
        kernels = [channels(number, width) for number in (3, 5, 8)]
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, number, 3, padding=1),
                nn.ReLU(),
                nn.BatchNorm2d(number),
                nn.MaxPool2d(3, stride=3, padding=1),
                nn.Dropout2d(dropout),
            )
            for number in kernels
        )
        self.pool = nn.AvgPool2d(2)
        side = ((size - 1) // 3 + 1) // 2
        self.fc = nn.Linear(sum(kernels) * side**2, classes)

    def forward(self, inputs: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        features = torch.cat([stream(inputs) for stream in self.streams], dim=1)  # (b, 16, 10, 10)
        return self.fc(self.pool(features).flatten(1))
