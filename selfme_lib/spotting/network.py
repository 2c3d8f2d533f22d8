r"""What a face does at each moment: a small temporal convolutional network reads its motion, and says when it begins and ends.

Of each sampled frame the network gives a kind, and, for a frame inside an expression, how long ago that began, how far its apex
is, and how long it is going to last. Every frame so proposes an interval (as in A. Zhang et al., ActionFormer, ECCV 2022, which
has attention where this has dilated convolutions; C. Lea et al., Temporal Convolutional Networks, CVPR 2017). It sees 1.3 s
in both directions; times are in seconds, so that frame rates do not matter.

Motion is squashed, $\operatorname{asinh}(v / 0.1\,\mathrm{px})$: a micro-expression moves the skin by tenths of a pixel, and a
smile by ten.
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from selfme_lib.runtime.settings import STRICT

from .intervals import KINDS
from .signal import CELLS, FaceMotion

OUTPUTS = ("none", *KINDS)
SMALL = torch.tensor([0.1, 0.1, 0.001, 0.001])  # px, px, growth, radians: about the noise of the head's motion
INPUTS = 2 * CELLS * CELLS + 4


@dataclass(frozen=True, config=STRICT)
class SpotterConfig:
    """Of the network: numbers in a layer, dilations of its convolutions over three samples, and dropout."""

    width: Annotated[int, Field(ge=4, le=1024)] = 64
    dilations: tuple[Annotated[int, Field(ge=1, le=256)], ...] = (1, 2, 4, 8, 16, 8)
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2


class SpottingNetwork(nn.Module):
    """Motion over time (b, t, 132) to what it says of each sample."""

    def __init__(self, config: SpotterConfig = SpotterConfig()):
        super().__init__()
        self.config = config
        self.enter = nn.Sequential(nn.Linear(INPUTS, config.width), nn.GELU(), nn.Dropout(config.dropout))
        self.blocks = nn.ModuleList(_Block(config.width, dilation, config.dropout) for dilation in config.dilations)
        self.kind = nn.Linear(config.width, len(OUTPUTS))
        self.moments = nn.Linear(config.width, 3)

    def forward(self, motion: Float[Tensor, "b t 132"]) -> tuple[Float[Tensor, "b t 5"], Float[Tensor, "b t 3"]]:
        """Logits of `OUTPUTS`; and seconds, of an expression around this sample: since its onset, to its apex, to its offset. The
        first and the last are never negative."""
        x = self.enter(motion)
        for block in self.blocks:
            x = block(x)
        since, to_apex, to_offset = self.moments(x).unbind(-1)
        return self.kind(x), torch.stack([F.softplus(since), to_apex, F.softplus(to_offset)], -1)


class _Block(nn.Module):
    """x + conv(norm(x)): three samples, `dilation` apart."""

    def __init__(self, width: int, dilation: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.along = nn.Conv1d(width, 2 * width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, width))

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        return x + self.out(F.glu(self.along(self.norm(x).transpose(1, 2)).transpose(1, 2)))


def inputs_of(motion: FaceMotion) -> Float[Tensor, "t 132"]:
    """What the network sees of a video."""
    return squash(torch.from_numpy(motion.cells).float(), torch.from_numpy(motion.head).float())


def squash(cells: Float[Tensor, "*b 2 8 8"], head: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 132"]:
    """Motion in cells and of the head, on a scale on which the smallest and the largest can be seen."""
    return torch.cat([torch.asinh(cells.flatten(-3) / 0.1), torch.asinh(head / SMALL)], -1)
