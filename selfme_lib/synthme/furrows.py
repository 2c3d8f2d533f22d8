"""Furrows: lines of the skin that deepen while an action unit pulls, and smooth out again.

Where they run is FACS's: across the forehead for units 1 and 2, upright between the brows for 4, across the root of the nose
for 9, crow's feet for 6, from the wing of the nose to the corner of the mouth for 12 (Ekman, Friesen & Hager, Facial Action
Coding System, 2002). Each person has lines of their own. They are painted in the atlas, so they move exactly with the skin;
what changes is how dark they are, which no flow explains.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from .action_units import ActionUnits
from .identity import Identity
from .texture import PAINTED, TILE, stroke

HALF_DEEP = 0.15  # intensity at which a furrow has 1 - 1/e of its depth; a micro-expression has .05 to .3
SOFTNESS, REACH = 2.2, 12  # standard deviation in texels of the painted atlas, and how far strokes are softened
UNITS = (1, 2, 4, 6, 9, 12)
Furrow = tuple[slice, slice, np.ndarray]


@dataclass(frozen=True)
class Furrows:
    """Of each unit and side, the part of the atlas that its lines darken, and by how much at most, in [0, 1]."""

    shape: tuple[int, int]
    lines: Mapping[tuple[int, int], Furrow]

    def darkening(self, units: ActionUnits) -> np.ndarray | None:
        """How much darker the atlas is, (h, w) float32 in [0, 1]; None if no unit that furrows the skin is at work."""
        active = [(unit, side) for unit in UNITS for side in (0, 1) if units.get(unit, (0, 0))[side] > 0]
        if not active:
            return None
        total = np.zeros(self.shape, np.float32)
        for unit, side in active:
            rows, columns, lines = self.lines[unit, side]
            total[rows, columns] += np.float32(1 - np.exp(-units[unit][side] / HALF_DEEP)) * lines
        for unit, side in active:  # where lines cross
            rows, columns, _ = self.lines[unit, side]
            np.minimum(total[rows, columns], 0.9, out=total[rows, columns])
        return total


def draw_furrows(identity: Identity, side: int) -> Furrows:
    """A person's furrows, for an atlas whose unrolled head is `side` texels wide."""
    generator = np.random.default_rng((*identity.key, 5))
    depth = 0.5 + 0.5 * identity.age + generator.normal(0, 0.08)
    lines = {}
    for unit in UNITS:
        uneven = generator.normal(0, 0.006, (4, 12)).cumsum(1) * 0.4  # both sides of a face are alike
        for number, sign in enumerate((1, -1)):  # the subject's left is x > 0
            canvas = np.zeros((PAINTED, PAINTED), np.float32)
            for wave, (x, y) in zip(uneven, _paths(unit, generator)):
                stroke(canvas, sign * x, y + wave, 0.9)
            lines[unit, number] = _softened(canvas, depth, side)
    return Furrows(shape=(round((PAINTED + TILE) * side / PAINTED), side), lines=lines)


def _paths(unit: int, generator: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Lines on the side x > 0 of the face, as 12 points each: x and height."""
    t = np.linspace(0, 1, 12)
    for n in range(3):
        shift = generator.normal(0, 0.008)
        if unit == 1:
            yield 0.20 * t, 7.66 + 0.075 * n + shift - 0.10 * t**2
        elif unit == 2:
            yield 0.20 + 0.27 * t, 7.66 + 0.075 * n + shift - 0.06 * t**2
        elif unit == 4 and n < 2:
            yield 0.035 + 0.03 * n + 0.012 * t, 7.36 + 0.17 * t + shift
        elif unit == 6:
            yield 0.50 + 0.13 * t, 7.27 + (n - 1) * 0.05 * (0.4 + t) + shift
        elif unit == 9:
            yield 0.085 * t, 7.21 + 0.055 * n + shift + 0.03 * t**2
        elif unit == 12 and n == 0:
            yield 0.16 + 0.13 * t, 6.93 - 0.33 * t**1.3 + shift


def _softened(canvas: np.ndarray, depth: float, side: int) -> Furrow:
    """Strokes on a canvas as furrows, in an atlas of `side` texels, and where they are in it."""
    left, top, width, height = cv2.boundingRect((canvas > 0).view(np.uint8))
    texel, painted = (
        side // math.gcd(side, PAINTED),
        PAINTED // math.gcd(side, PAINTED),
    )  # the least that fits in both lattices
    first = [max(start - REACH, 0) // painted for start in (top, left)]
    last = [min(-(-(end + REACH) // painted), PAINTED // painted) for end in (top + height, left + width)]
    within, box = (tuple(slice(a * unit, b * unit) for a, b in zip(first, last)) for unit in (painted, texel))
    # in double precision, since every processor rounds single precision in its own way here
    soft = np.clip(cv2.GaussianBlur(canvas[within].astype(float), (0, 0), SOFTNESS) * 2.6 * depth, 0, 0.9)
    shape = tuple(part.stop - part.start for part in reversed(box))
    return (*box, cv2.resize(soft, shape, interpolation=cv2.INTER_AREA).astype(np.float32))
