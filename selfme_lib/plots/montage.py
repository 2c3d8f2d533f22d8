"""Pictures put together as arrays of bytes, in milliseconds, where a matplotlib figure would take longer than a slider allows.

A picture is uint8 RGB.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
import skimage.util
from jaxtyping import Float, UInt8
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from .style import INK

GAP = 8  # px between pictures
BAR = 22  # px above a picture for its title

Picture = UInt8[np.ndarray, "_ _ 3"]


@cache
def rgb(colour: str) -> tuple[int, int, int]:
    """`#D55E00` as three bytes."""
    red, green, blue = to_rgb(colour)
    return round(255 * red), round(255 * green), round(255 * blue)


def to_bytes(image: Float[Tensor, "3 h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """A float image in [0, 1] as a picture."""
    return (image.detach().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def enlarge(image: Float[Tensor, "3 h w"], zoom: int) -> Picture:
    """A float image in [0, 1] as a picture `zoom` times as large."""
    return cv2.resize(to_bytes(image), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)


def write(
    picture: Picture,
    words: Sequence[tuple[float, float, str]],
    *,
    size: int = 12,
    colour: str = INK,
    anchor: str = "la",
) -> Picture:
    """A copy with each text written at (x, y) pixels; Pillow's `anchor` says which point of the text lies there."""
    page = Image.fromarray(picture)
    draw = ImageDraw.Draw(page)
    for x, y, text in words:
        draw.text((x, y), text, fill=rgb(colour), font=_font(size), anchor=anchor)
    return np.array(page)


def beside(pictures: Sequence[Picture], titles: Sequence[str]) -> Picture:
    """Pictures side by side on white, aligned at the top, each under its title."""
    height = max(len(picture) for picture in pictures)
    blank = np.full((BAR + height, sum(picture.shape[1] + GAP for picture in pictures) - GAP, 3), 255, np.uint8)
    left, words = 0, []
    for picture, title in zip(pictures, titles):
        blank[BAR : BAR + len(picture), left : left + picture.shape[1]] = picture
        words.append((left + 3, 3, title))
        left += picture.shape[1] + GAP
    return write(blank, words)


def below(pictures: Sequence[Picture]) -> Picture:
    """Pictures one below the other on white, aligned at the left."""
    width = max(picture.shape[1] for picture in pictures)
    filled = [np.pad(one, ((0, GAP), (0, width - one.shape[1]), (0, 0)), constant_values=255) for one in pictures]
    return np.concatenate(filled)[:-GAP]


def contact_sheet(
    pictures: Sequence[UInt8[np.ndarray, "h w 3"]], *, columns: int, gap: int = 4
) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size on white, row by row."""
    grid = -(-len(pictures) // columns), columns
    sheet = skimage.util.montage(
        np.stack(pictures), fill=[255] * 3, grid_shape=grid, padding_width=gap, channel_axis=-1
    )
    return sheet[gap : len(sheet) - gap, gap : sheet.shape[1] - gap]


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size)
