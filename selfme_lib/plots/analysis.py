"""What is shown of a recording's analysis, on its page and in a widget: motion of regions over time, pictures, words."""

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float

from selfme_lib.spotting.analysis import Event
from selfme_lib.spotting.signal import FaceMotion
from selfme_lib.synthme.action_units import NAMES

from .montage import Picture, to_bytes
from .style import BLUE, PURPLE, SOFT, VERMILION, common_scale, flow_to_rgb

REGIONS = (("forehead and brows", 1, 3), ("eyes", 3, 4), ("nose and cheeks", 4, 6), ("mouth and chin", 6, 8))
"""Name, first and last row (excluded) of the 8 x 8 cells of an aligned face."""
KIND_COLOURS = {"micro": VERMILION, "macro": BLUE, "blink": SOFT, "other": PURPLE}
KIND_WORDS = {"micro": "micro-expression", "macro": "macro-expression", "blink": "blink", "other": "other movement"}
LINEAR, MOST = 0.1, 20.0  # pixels: up to where heights are linear, and the greatest height


def region_motion(motion: FaceMotion) -> dict[str, Float[np.ndarray, "t"]]:
    """How far the skin of each region moved within a lag, without the head, and how far the head; in pixels."""
    lengths = np.linalg.norm(motion.cells, axis=1)  # (t, 8, 8)
    rows = {name: lengths[:, first:last, 1:7].mean((1, 2)) for name, first, last in REGIONS}
    return {**rows, "whole head": np.hypot(motion.head[:, 0], motion.head[:, 1])}


def heights(lengths: Float[np.ndarray, "t"]) -> Float[np.ndarray, "t"]:
    """Pixels as heights from 0 to 1: linear up to a tenth of a pixel and logarithmic above, as the spotter sees them."""
    return np.clip(np.arcsinh(lengths / LINEAR) / np.arcsinh(MOST / LINEAR), 0, 1)


def motion_picture(event: Event) -> tuple[Picture, float]:
    """An expression's motion as colours of where the skin went, and the length that has full colour, in pixels."""
    assert event.motion is not None
    scale = common_scale(event.motion[None])
    return to_bytes(flow_to_rgb(-event.motion, scale)), scale


def strongest_units(event: Event, count: int) -> list[tuple[str, float]]:
    """Names in words and pixels."""
    units = sorted(event.units.items(), key=lambda item: -abs(item[1]))
    return [(unit_name(unit), value) for unit, value in units[:count]]


def unit_name(unit: str) -> str:
    """`L12` -> `AU 12 left, lip corner puller`; the person's left."""
    side, number = {"L": "left", "R": "right"}.get(unit[:1]), unit[1:]
    if side is None or not number.isdecimal():
        return unit
    name = NAMES.get(int(number))
    return f"AU {number} {side}" + (f", {name}" if name else "")


def counts_of(events: Iterable[Event]) -> str:
    """`2 micro-expressions, 0 macro-expressions, 1 blink, 0 other movements`."""
    kinds: Sequence[str] = [event.interval.kind for event in events]
    found = [(kinds.count(kind), word) for kind, word in KIND_WORDS.items()]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in found)
