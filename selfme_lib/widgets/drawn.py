"""What explorers whose pictures Python draws have in common, whatever their controls are."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import cv2
from matplotlib.figure import Figure
from matplotlib.image import imread

from selfme_lib.plots.montage import Picture
from selfme_lib.plots.style import SOFT, WIDTH


class Held:
    """An explorer that can wait with drawing."""

    _held = False

    @contextmanager
    def hold_picture(self) -> Iterator[None]:
        """Set controls that depend on another one without drawing; the picture is drawn once, for that other one."""
        self._held = True
        try:
            yield
        finally:
            self._held = False


def twin(picture: bytes, said: str) -> Figure:
    """A JPEG and its note as a figure, for readers that cannot show widgets."""
    pixels = imread(BytesIO(picture), format="jpeg")
    height = WIDTH * pixels.shape[0] / pixels.shape[1]
    figure = Figure(figsize=(WIDTH, height + 0.35), layout="constrained")
    ax = figure.subplots()
    ax.imshow(pixels, interpolation="antialiased")
    ax.set_axis_off()
    figure.supxlabel(said, parse_math=False, fontsize=8, color=SOFT, x=0.01, ha="left")
    return figure


def jpeg(picture: Picture) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
