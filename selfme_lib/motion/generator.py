r"""The generator: it warps features of the source by the dense motion and predicts the target frame $\hat X_t$.

All it knows of the target is the motion. So only a better motion, or what every frame has in common, can lower the
reconstruction loss. Features stay at full image size and the image is warped along with them: a motion of one pixel would be a
quarter of a pixel in features of a quarter of the size.
"""

import torch
from torch import nn

from selfme_lib.grids import Flow, Frames, warp

from .hourglass import Hourglass
from .settings import LearnerConfig


class Generator(nn.Module):
    """Source frame and motion in, target frame out."""

    def __init__(self, config: LearnerConfig):
        super().__init__()
        width, depth = config.generator_width, config.generator_depth
        self.encoder = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(inplace=True))
        self.decoder = Hourglass(in_channels=width + 3, width=width, depth=depth, max_width=config.max_width)
        self.head = nn.Conv2d(width, 3, 3, padding=1)
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)  # training starts from the warped image itself

    def forward(self, source: Frames, flow: Flow) -> Frames:
        """`flow` is the dense motion at full image size, in pixels."""
        warped = warp(torch.cat([source, self.encoder(source)], dim=1), flow)  # (b, 3 + width, h, w)
        return warped[:, :3] + self.head(self.decoder(warped))
