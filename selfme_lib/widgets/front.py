"""What runs in the browser: modules of `front/`, joined into one, with the project's palette.

Nothing is loaded from elsewhere: anywidget is handed the text, and a page of its own holds it.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb

from selfme_lib.plots import style
from selfme_lib.plots.montage import rgb

FRONT = Path(__file__).parent / "front"
EXPLORERS = ("motion", "drawing", "controls", "panels", "own", "player", "anywidget")
PAGE = ("motion", "drawing", "controls", "player", "page")
LATER = (*PAGE, "later")


@cache
def script(names: tuple[str, ...]) -> str:
    """Modules of `front/` as one."""
    parts = [(FRONT / f"{name}.js").read_text(encoding="utf-8") for name in names]
    return "\n".join([f"const STYLE = {json.dumps(_palette())};", *parts])


@cache
def look() -> str:
    """The style sheet."""
    return (FRONT / "look.css").read_text(encoding="utf-8")


def _palette() -> dict[str, object]:
    """The colours of `plots.style`, and the matrices between them and OKLab."""
    to_lms, to_lab = style._TO_LMS, style._TO_LAB
    matrices = {"toLms": to_lms, "toLab": to_lab, "fromLms": to_lms.inverse(), "fromLab": to_lab.inverse()}
    return {
        "wheel": [to_rgb(colour) for colour in style.WHEEL],
        "arrow": style.VERMILION,
        "ink": style.INK,
        "fold": rgb(style.VERMILION),
        **{name: np.round(matrix.numpy(), 10).tolist() for name, matrix in matrices.items()},
    }
