"""What widgets draw on pictures: arrows, lines, dots, folds, heat and bars, with OpenCV (see `plots.montage`).

Flows are backward flows in pixels; arrows and colours show where the skin *goes* (see `plots.motion`). The `draw_…` functions
draw on the picture that they are given, and return it.
"""

from collections.abc import Sequence
from functools import lru_cache

import cv2
import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from selfme_lib.grids import identity_grid
from selfme_lib.plots.montage import Picture, enlarge, rgb, write
from selfme_lib.plots.style import FAINT, HEAT, INK, SEQUENTIAL, SOFT, VERMILION, flow_to_rgb

SIDE = 256  # px: the least side of a picture on the screen
BITS = 4  # OpenCV draws between pixels in fixed-point numbers with so many bits of fraction


def zoom_for(width: int) -> int:
    """The whole factor that enlarges a picture of this width to at least `SIDE`."""
    return -(-SIDE // width)


def pale(image: Float[Tensor, "3 h w"], share: float = 0.5) -> Float[Tensor, "3 h w"]:
    """Grey and mixed with a share of white, as a background."""
    return share + (1 - share) * image.mean(0, keepdim=True).expand(3, -1, -1)


def colours(values: Float[Tensor, "h w"], low: float, high: float, cmap: str = SEQUENTIAL) -> Float[Tensor, "3 h w"]:
    """A scalar map by colour."""
    share = ((values.detach() - low) / (high - low)).clamp(0, 1).numpy()
    return torch.from_numpy(mpl.colormaps[cmap](share)[..., :3].astype(np.float32)).permute(2, 0, 1)


def heat_over(image: Float[Tensor, "3 h w"], heat: Float[Tensor, "a b"]) -> Float[Tensor, "3 h w"]:
    """A map of attention over a face, scaled by its own maximum; the face shows through where the map is cold."""
    height, width = image.shape[-2:]
    scaled = (heat / heat.max().clamp_min(1e-12)).numpy()
    strength = torch.from_numpy(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR))
    opacity = 0.15 + 0.6 * strength
    return pale(image, 0.0) * (1 - opacity) + colours(strength, 0, 1, HEAT) * opacity


def draw_arrows(picture: Picture, motion: Float[Tensor, "2 h w"], zoom: int) -> Picture:
    """Arrows that point where the skin went, on a lattice of 24 x 24."""
    height, width = motion.shape[-2:]
    every = max(1, width // 24)
    chosen = (slice(None), slice(every // 2, None, every), slice(every // 2, None, every))
    starts = identity_grid(height, width)[chosen].flatten(1).T
    ends = starts - motion[chosen].flatten(1).T
    for begin, end in zip(_fixed(starts, zoom), _fixed(ends, zoom)):
        cv2.line(picture, begin, end, rgb(VERMILION), 1, cv2.LINE_AA, shift=BITS)
        cv2.circle(picture, end, 20, rgb(VERMILION), -1, cv2.LINE_AA, shift=BITS)
    return picture


def draw_lines(
    picture: Picture, lines: Sequence[Float[Tensor, "_ 2"]], zoom: int, colour: str, thickness: int = 1
) -> Picture:
    """Polygonal lines through places (x, y) in pixels of the frame."""
    places = np.array(_fixed(torch.cat(list(lines)), zoom), np.int32)
    points = np.split(places, np.cumsum([len(line) for line in lines])[:-1])
    return cv2.polylines(picture, points, False, rgb(colour), thickness, cv2.LINE_AA, shift=BITS)


def draw_dots(picture: Picture, places: Float[Tensor, "n 2"], zoom: int, colour: str, radius: float = 2.5) -> Picture:
    """Dots with a dark rim at places (x, y) in pixels of the frame."""
    for place in _fixed(places, zoom):
        cv2.circle(picture, place, round((radius + 1) * 2**BITS), rgb(INK), -1, cv2.LINE_AA, shift=BITS)
        cv2.circle(picture, place, round(radius * 2**BITS), rgb(colour), -1, cv2.LINE_AA, shift=BITS)
    return picture


def draw_folds(picture: Picture, folded: Bool[Tensor, "h w"], zoom: int) -> Picture:
    """The cells that fold; a cell lies between four pixels."""
    for row, column in torch.nonzero(folded).tolist():
        top, left = row * zoom + zoom // 2, column * zoom + zoom // 2
        picture[top : top + zoom, left : left + zoom] = rgb(VERMILION)
    return picture


@lru_cache(maxsize=8)
def wheel(scale: float, side: int = 96) -> tuple[str, Picture]:
    """The wheel of the colours of motions and what its full colour stands for, as a titled picture."""
    line = torch.linspace(-1.0, 1.0, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    flow = torch.stack([x, y]) * (torch.hypot(x, y) <= 1)  # white outside
    return f"full colour: {scale:.2g} px", enlarge(flow_to_rgb(flow, 1.0), 1)


def bars(shares: Sequence[float], shades: Sequence[str], labels: Sequence[str], *, width: int, height: int) -> Picture:
    """Horizontal bars from the top down, each with its label and its share of the longest possible one, 1."""
    picture = np.full((height, width, 3), 255, np.uint8)
    step = height / len(shares)
    thick, left, right = max(2, round(step * 0.72)), 92, 44
    words: list[tuple[float, float, str]] = []
    for place, (share, shade, label) in enumerate(zip(shares, shades, labels)):
        top = round(place * step)
        end = left + round((width - left - right) * share)
        picture[top : top + thick, left : max(end, left + 1)] = rgb(shade)
        words += [(2, top + thick / 2, label), (end + 5, top + thick / 2, f"{share:.2f}")]
    picture[:, left - 1] = rgb(FAINT)
    return write(picture, words, size=min(11, max(8, thick)), colour=SOFT, anchor="lm")


def _fixed(places: Float[Tensor, "n 2"], zoom: int) -> list[list[int]]:
    """Places in pixels of a frame as OpenCV's fixed-point numbers in the enlarged picture."""
    return (((places.detach().double() + 0.5) * zoom - 0.5) * 2**BITS).round().int().tolist()
