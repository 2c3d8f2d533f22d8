r"""The generator: it warps features of the source by the dense motion and predicts the target frame $\hat X_t$.

All it knows of the target is the motion. It can therefore only lower the reconstruction loss by a better motion, or
by what is the same in every frame. Features are kept at the image's full size and the image is warped along with
them, because a motion of one pixel is a quarter of a pixel in features of a quarter of the size.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import warp

from .hourglass import Hourglass


class Generator(nn.Module):
    """Source frame and motion in, target frame out.

    Args:
        width: channels of the features that are warped.
        depth, max_width: the hourglass that decodes them.
    """

    def __init__(self, *, width: int, depth: int, max_width: int):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(inplace=True))
        self.decoder = Hourglass(in_channels=width + 3, width=width, depth=depth, max_width=max_width)
        self.head = nn.Conv2d(width, 3, 3, padding=1)
        nn.init.zeros_(self.head.weight)  # training starts from the warped image itself
        nn.init.zeros_(self.head.bias)

    def forward(self, source: Float[Tensor, "b 3 h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 3 h w"]:
        """`flow` is the dense motion at the image's full size, in pixels."""
        warped = warp(torch.cat([source, self.encoder(source)], dim=1), flow)  # (b, 3 + width, h, w)
        return warped[:, :3] + self.head(self.decoder(warped))
