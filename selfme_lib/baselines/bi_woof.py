r"""Bi-WOOF: histograms of the directions of a flow, weighted twice.

S.-T. Liong, J. See, K. Wong, R. C.-W. Phan. Less is more: micro-expression recognition from video using apex frame. Signal
Processing: Image Communication 62, 2018.

The flow from onset to apex is divided into cells. In each, pixels vote for the direction in which they move, $\theta =
\operatorname{atan2}(v, u)$ in `bins` sectors, and a vote weighs as much as the motion is long (first weight). The histogram of
a cell is then multiplied by the cell's mean optical strain (second weight), so that cells where skin stretches count more
than cells that drift along with the head. A linear support vector machine follows.

Input: TV-L1. Parameters: only the machine's. Unclear: how the weights of the cells are normalised (here: by their sum); the
number of cells was chosen per data set on the result (here: 8 x 8 for all). Its cost is the paper's, c = 10,000.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def bi_woof(flow_and_strain: Float[Tensor, "n 3 h w"], *, blocks: int, bins: int) -> Float[Tensor, "n d"]:
    """The descriptors, `blocks**2 * bins` numbers each: cells row by row, sectors clockwise from "to the right".

    Args:
        flow_and_strain: u, v and optical strain.
    """
    u, v, strain = flow_and_strain.unbind(1)
    turn = torch.atan2(v, u) / (2 * math.pi) % 1  # (n, h, w) in [0, 1]; just below zero rounds to 1
    sector = (turn * bins).long() % bins
    votes = F.one_hot(sector, bins).permute(0, 3, 1, 2) * torch.hypot(u, v)[:, None]  # (n, bins, h, w)
    histograms = F.adaptive_avg_pool2d(votes, blocks)  # (n, bins, blocks, blocks)
    weights = F.adaptive_avg_pool2d(strain[:, None], blocks)  # (n, 1, blocks, blocks)
    weights = weights / weights.sum((2, 3), keepdim=True).clamp_min(1e-12)
    return (histograms * weights).flatten(2).mT.flatten(1)
