"""LBP-TOP: texture in space and time, by histograms of local binary patterns on three planes.

G. Zhao, M. Pietikäinen. Dynamic Texture Recognition Using Local Binary Patterns with an Application to Facial
Expressions. IEEE TPAMI 29(6), 2007. The paper's row is the baseline of MEGC 2019.

A clip is a block of pixels over x, y and time. Every pixel is compared with its neighbours in each of the planes xy, xt and
yt: a neighbour at least as bright gives a 1, any other a 0, and these bits a number. The histograms of the numbers over the
cells of a grid on the face, each summing to 1, are the descriptor; a linear support vector machine follows.

Settings: 5 x 5 cells and four neighbours, as in CASME II's own baseline (Yan et al., PLOS ONE 2014), whose radii are 1 px in
space and 4 frames in time. Clips differ in length, and scikit-image has one radius for both axes of a plane, so a clip is
first sampled at `frames` moments, evenly from onset to offset: 15 of a clip of 60 frames are 4 frames apart, and the next
moment is a neighbour. Parameters: only the machine's. Unclear: the sampling, radii and cost of the published row.
"""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

NEIGHBOURS = 4
PATTERNS = 2**NEIGHBOURS


def patterns(plane: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h-2 w-2"]:
    """The pattern of every pixel that has all its neighbours."""
    from skimage.feature import local_binary_pattern  # slow to import

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
    """The descriptor of a clip, `3 * blocks**2 * PATTERNS` numbers: a histogram that sums to 1 for each plane and cell."""
    histograms = [
        np.bincount(cell.ravel(), minlength=PATTERNS)
        for plane in three_planes(clip)  # (t, y, x)
        for row in np.array_split(plane, blocks, axis=1)  # cells of almost equal size
        for cell in np.array_split(row, blocks, axis=2)
    ]
    counts = torch.from_numpy(np.stack(histograms)).float()
    return (counts / counts.sum(1, keepdim=True)).flatten()
