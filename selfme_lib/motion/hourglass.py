"""The encoder-decoder of stage 1: "all encoder-decoder-like networks are Hourglass networks" (§4.3)."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import Images, resize_image


def conv_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """3 x 3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


class Stem(nn.Module):
    """Full-size maps to features at a quarter of the size, corners on corners.

    Shrinking the image before the first convolution would throw away the fine texture that reveals half a pixel of motion.

    Args:
        in_channels: of the full-size maps.
        width: channels of the features.
    """

    def __init__(self, *, in_channels: int, width: int):
        super().__init__()
        self.fine = conv_block(in_channels, 8)
        self.coarse = conv_block(8, width)

    def forward(self, x: Images) -> Float[Tensor, "b d h//4 w//4"]:
        height, width = x.shape[-2:]
        x = resize_image(self.fine(x), (height // 2, width // 2))
        return resize_image(self.coarse(x), (height // 4, width // 4))


class Hourglass(nn.Module):
    """Halves the lattice `depth` times and comes back up, with a skip connection at every size.

    Args:
        in_channels: channels of the input.
        width: channels of the output and of the first level; each level down has twice as many.
        depth: how often the lattice is halved; height and width must be divisible by 2**depth.
        max_width: the most channels that any level has.
    """

    def __init__(self, *, in_channels: int, width: int, depth: int, max_width: int):
        super().__init__()
        widths = [min(width * 2**level, max_width) for level in range(depth + 1)]
        self.stem = conv_block(in_channels, widths[0])
        self.down = nn.ModuleList(conv_block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(
            conv_block(below + skip, skip) for below, skip in zip(reversed(widths[1:]), reversed(widths[:-1]))
        )
        self.out_channels = widths[0]

    def forward(self, x: Images) -> Float[Tensor, "b d h w"]:
        return self.forward_channels_last(x).contiguous()

    def forward_channels_last(self, x: Images) -> Float[Tensor, "b d h w"]:
        """`forward`, but the channels of the result lie together in memory."""
        x = self.stem(x).contiguous(memory_format=torch.channels_last)  # faster for the small convolutions
        skips = []
        for block in self.down:
            skips.append(x)
            x = block(F.avg_pool2d(x, 2))
        for block, skip in zip(self.up, reversed(skips)):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, skip], dim=1))
        return x
