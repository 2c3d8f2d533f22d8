"""LBP-TOP: texture in space and time, by histograms of local binary patterns on three planes.

G. Zhao, M. Pietikäinen. Dynamic Texture Recognition Using Local Binary Patterns with an Application to Facial
Expressions. IEEE TPAMI 29(6), 2007. The paper's row is the baseline of MEGC 2019.

A clip is a block of pixels over x, y and time. Every pixel is compared with its neighbours in each of the planes xy, xt and
yt: a neighbour that is at least as bright gives a 1, and the ones and zeros a number. The histograms of these numbers over
the cells of a grid on the face, each summing to 1, are the descriptor; a linear support vector machine does the rest.

Settings: 5 x 5 cells and four neighbours, as in CASME II's own baseline (Yan et al., PLOS ONE 2014), whose radii are 1 px in
space and 4 frames in time. Clips differ in length, and scikit-image has one radius for both axes of a plane; so a clip is
first sampled at `frames` moments, evenly from onset to offset: 15 of a clip of 60 frames are 4 frames apart, and the next
moment is a neighbour. Parameters: none but the machine's. Unclear: which sampling, radii and cost the published row has.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from skimage.feature import local_binary_pattern
from torch import Tensor

from selfme_lib.runtime.errors import UsageError

NEIGHBOURS = 4
PATTERNS = 2**NEIGHBOURS


@dataclass(frozen=True)
class LBPTOPConfig:
    """Settings of LBP-TOP.

    Attributes:
        size: side of the grey frames in px.
        frames: moments of a clip, evenly spaced.
        blocks: cells of the grid, a side.
        c: cost of the support vector machine.
    """

    size: int = 128
    frames: int = 15
    blocks: int = 5
    c: float = 1.0

    def __post_init__(self):
        if self.frames < 3 or not 1 <= self.blocks <= self.size - 2 or not self.c > 0:
            raise UsageError(f"lbp_top: at least 3 frames, 1 to {self.size - 2} blocks and a positive c, not {self}")


def patterns(plane: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h-2 w-2"]:
    """The pattern of every pixel that has all its neighbours."""
    codes = local_binary_pattern(plane, NEIGHBOURS, 1, method="default")
    return codes[1:-1, 1:-1].astype(np.uint8)


def three_planes(clip: UInt8[np.ndarray, "t h w"]) -> UInt8[np.ndarray, "3 t-2 h-2 w-2"]:
    """Patterns on xy, xt and yt of every pixel inside the block."""
    frames, height, width = clip.shape
    xy = np.stack([patterns(clip[t]) for t in range(1, frames - 1)])  # (t, y, x)
    xt = np.stack([patterns(clip[:, y]) for y in range(1, height - 1)], axis=1)
    yt = np.stack([patterns(clip[:, :, x]) for x in range(1, width - 1)], axis=2)
    return np.stack([xy, xt, yt])


def lbp_top(clip: UInt8[np.ndarray, "t h w"], *, blocks: int) -> Float[Tensor, "d"]:
    """The descriptor of a clip, `3 * blocks**2 * PATTERNS` numbers: for each plane and cell a histogram that sums to 1."""
    codes = three_planes(clip)
    rows, columns = (
        np.array_split(np.arange(length), blocks) for length in codes.shape[2:]
    )  # cells of almost equal size
    histograms = [
        np.bincount(codes[plane][:, row[0] : row[-1] + 1, column[0] : column[-1] + 1].ravel(), minlength=PATTERNS)
        for plane in range(3)
        for row in rows
        for column in columns
    ]
    counts = torch.from_numpy(np.stack(histograms)).float()
    return (counts / counts.sum(1, keepdim=True)).flatten()
