"""How a notebook shows what it found: pictures small, tables without an index, captions below. Needs IPython."""

import io
from typing import TYPE_CHECKING

import cv2
import numpy as np

from .captions import Caption

if TYPE_CHECKING:
    import IPython.display
    import pandas as pd
    from matplotlib.figure import Figure

QUALITY = 88  # of a JPEG: grain that nobody sees
SHOWN_DPI = 100


def html_table(frame: "pd.DataFrame", *, digits: int = 3) -> "IPython.display.HTML":
    """A table for a notebook: no index, numbers rounded, missing values left blank. Equal frames give equal bytes."""
    from IPython.display import HTML

    known = frame.where(frame.notna(), np.nan)  # of what is missing, pandas leaves only NaN blank, and writes None
    return HTML(known.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.{digits}f}"))


def picture(figure: "Figure", *, alt: str = "") -> "IPython.display.Image":
    """A figure as a PNG of 256 colours or as a JPEG, whichever is smaller; every page that shows notebooks shows both."""
    from IPython.display import Image

    pixels = rendered(figure, dpi=SHOWN_DPI)
    files = {"png": palette_png(pixels), "jpeg": _jpeg(pixels)}
    kind = min(files, key=lambda name: len(files[name]))
    return Image(data=files[kind], format=kind, alt=alt)


def rendered(figure: "Figure", *, dpi: int) -> np.ndarray:
    """A figure's pixels, (h, w, 3) bytes, cropped to what is drawn."""
    from PIL import Image

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    file.seek(0)
    return np.asarray(Image.open(file).convert("RGB"))


def palette_png(pixels: np.ndarray) -> bytes:
    """A picture as a PNG with at most 256 colours, a third of the bytes of one with all.

    The colours are spread over all that occur and then moved to where they are needed most. A median cut gives nearly all of
    them to photographs, and paints the few pixels of a flow beside these in wrong ones.
    """
    from PIL import Image

    few = Image.fromarray(pixels).quantize(256, method=Image.Quantize.MAXCOVERAGE, kmeans=2)
    file = io.BytesIO()
    few.save(file, format="png", optimize=True)
    return file.getvalue()


def _jpeg(pixels: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1]
    return cv2.imencode(".jpg", pixels[..., ::-1], options)[1].tobytes()


def show_caption(caption: Caption) -> None:
    """Title and caption in a notebook, below what they belong to."""
    from IPython.display import Markdown, display

    stop = "" if caption.title.endswith(("?", "!", ".")) else "."
    title = f"**{caption.title}{stop}**" if caption.title else ""
    if words := f"{title} {caption.caption}".strip():
        display(Markdown(words))
