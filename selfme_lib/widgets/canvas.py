"""Pictures for widgets, put together from pixels with OpenCV and Pillow: matplotlib would take longer than a hand's turn.

A picture is uint8 RGB. Flows are backward flows in pixels; arrows and colours show where the skin *goes* (see `plots.motion`).
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from selfme_lib.grids import identity_grid
from selfme_lib.plots.style import DIVERGING, FAINT, HEAT, INK, SEQUENTIAL, SOFT, VERMILION

SIDE = 256  # px: one picture on the screen has at least this side
GAP = 8  # px between pictures
BAR = 22  # px above a picture for its title
FINE = 16  # OpenCV draws between pixels in fixed-point numbers of 4 bits

Picture = UInt8[np.ndarray, "_ _ 3"]


def zoom_for(width: int, side: int = SIDE) -> int:
    """The whole number of times that a picture of this width has to be enlarged to have the side."""
    return -(-side // width)


@cache
def rgb(colour: str) -> tuple[int, int, int]:
    """`#D55E00` as three bytes."""
    red, green, blue = mpl.colors.to_rgb(colour)
    return round(255 * red), round(255 * green), round(255 * blue)


def pixels(image: Float[Tensor, "3 h w"], zoom: int) -> Picture:
    """A float image, enlarged."""
    picture = (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)


def pale(image: Float[Tensor, "3 h w"], share: float = 0.5) -> Float[Tensor, "3 h w"]:
    """Grey and mixed with white, for something to be drawn upon."""
    return share + (1 - share) * image.mean(0, keepdim=True).expand(3, -1, -1)


def colours(values: Float[Tensor, "h w"], low: float, high: float, cmap: str = SEQUENTIAL) -> Float[Tensor, "3 h w"]:
    """A scalar map by colour."""
    share = ((values.detach() - low) / (high - low)).clamp(0, 1).numpy()
    return torch.from_numpy(mpl.colormaps[cmap](share)[..., :3].astype(np.float32)).permute(2, 0, 1)


def heat_over(image: Float[Tensor, "3 h w"], heat: Float[Tensor, "a b"]) -> Float[Tensor, "3 h w"]:
    """A map of attention over a face, scaled by its own maximum; the face shows through where the map is cold."""
    height, width = image.shape[-2:]
    strength = cv2.resize((heat / heat.max().clamp_min(1e-12)).numpy(), (width, height), interpolation=cv2.INTER_LINEAR)
    strength = torch.from_numpy(strength)
    opacity = 0.15 + 0.6 * strength
    return pale(image, 0.0) * (1 - opacity) + colours(strength, 0, 1, HEAT) * opacity


def signed(values: Float[Tensor, "h w"], limit: float) -> Float[Tensor, "3 h w"]:
    """A map of signed values from -limit to limit by colour."""
    return colours(values, -limit, limit, DIVERGING)


def with_arrows(picture: Picture, motion: Float[Tensor, "2 h w"], zoom: int) -> Picture:
    """Arrows that point where the skin went, on a lattice of 24 x 24; `picture` is drawn upon."""
    height, width = motion.shape[-2:]
    every = max(1, width // 24)
    chosen = (slice(None), slice(every // 2, None, every), slice(every // 2, None, every))
    starts = identity_grid(height, width)[chosen].flatten(1).T
    ends = starts - motion[chosen].flatten(1).T
    for begin, end in zip(_fixed(starts, zoom), _fixed(ends, zoom)):
        cv2.line(picture, begin, end, rgb(VERMILION), 1, cv2.LINE_AA, shift=4)
        cv2.circle(picture, end, 20, rgb(VERMILION), -1, cv2.LINE_AA, shift=4)
    return picture


def with_lines(
    picture: Picture, lines: Sequence[Float[Tensor, "_ 2"]], zoom: int, colour: str, thickness: int = 1
) -> Picture:
    """Broken lines through places (x, y) in pixels of the frame; `picture` is drawn upon."""
    for line in lines:
        points = np.array(_fixed(line, zoom), np.int32)
        cv2.polylines(picture, [points], False, rgb(colour), thickness, cv2.LINE_AA, shift=4)
    return picture


def with_dots(picture: Picture, places: Float[Tensor, "n 2"], zoom: int, colour: str, radius: float = 2.5) -> Picture:
    """Dots with a dark rim at places (x, y) in pixels of the frame; `picture` is drawn upon."""
    for place in _fixed(places, zoom):
        cv2.circle(picture, place, round((radius + 1) * FINE), rgb(INK), -1, cv2.LINE_AA, shift=4)
        cv2.circle(picture, place, round(radius * FINE), rgb(colour), -1, cv2.LINE_AA, shift=4)
    return picture


def mark_folds(picture: Picture, folded: Bool[Tensor, "h w"], zoom: int) -> Picture:
    """Paint the cells that fold; a cell lies between four pixels. `picture` is drawn upon."""
    for row, column in torch.nonzero(folded).tolist():
        top, left = row * zoom + zoom // 2, column * zoom + zoom // 2
        picture[top : top + zoom, left : left + zoom] = rgb(VERMILION)
    return picture


def write(
    picture: Picture,
    words: Sequence[tuple[float, float, str]],
    *,
    size: int = 12,
    colour: str = INK,
    anchor: str = "la",
) -> Picture:
    """A copy with words at (x, y) in px of the picture; `anchor` as Pillow has it: `la` is the upper left corner."""
    page = Image.fromarray(picture)
    draw = ImageDraw.Draw(page)
    for x, y, text in words:
        draw.text((x, y), text, fill=rgb(colour), font=_font(size), anchor=anchor)
    return np.array(page)


def beside(pictures: Sequence[Picture], titles: Sequence[str]) -> Picture:
    """Pictures side by side on white, each with its title above; those that are lower are filled up with white."""
    height = max(len(picture) for picture in pictures)
    blank = np.full((BAR + height, sum(picture.shape[1] + GAP for picture in pictures) - GAP, 3), 255, np.uint8)
    left, words = 0, []
    for picture, title in zip(pictures, titles):
        blank[BAR : BAR + len(picture), left : left + picture.shape[1]] = picture
        words.append((left + 3, 3, title))
        left += picture.shape[1] + GAP
    return write(blank, words)


def below(pictures: Sequence[Picture]) -> Picture:
    """Pictures one below the other on white, as wide as the widest."""
    width = max(picture.shape[1] for picture in pictures)
    filled = [np.pad(one, ((0, GAP), (0, width - one.shape[1]), (0, 0)), constant_values=255) for one in pictures]
    return np.concatenate(filled)[:-GAP]


def bars(shares: Sequence[float], shades: Sequence[str], labels: Sequence[str], *, width: int, height: int) -> Picture:
    """Lying bars, the first on top, each with its label and its share of the longest possible, 1."""
    picture = np.full((height, width, 3), 255, np.uint8)
    step = height / len(shares)
    thick, left, right = max(2, round(step * 0.72)), 92, 44
    words = []
    for place, (share, shade, label) in enumerate(zip(shares, shades, labels)):
        top = round(place * step)
        end = left + round((width - left - right) * share)
        picture[top : top + thick, left : max(end, left + 1)] = rgb(shade)
        words += [(2, top + thick / 2, label), (end + 5, top + thick / 2, f"{share:.2f}")]
    picture[:, left - 1] = rgb(FAINT)
    return write(picture, words, size=min(11, max(8, thick)), colour=SOFT, anchor="lm")


def _fixed(places: Float[Tensor, "n 2"], zoom: int) -> list[list[int]]:
    """Places in pixels of a frame as OpenCV's fixed-point numbers in the enlarged picture."""
    return ((places.detach().double() + 0.5) * zoom * FINE - FINE / 2).round().int().tolist()


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
