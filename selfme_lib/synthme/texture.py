"""Skin, brows, hair and eyes, painted once per person into one image (the atlas) that is glued to the head.

The upper part of the atlas is the head unrolled on a cylinder: columns are the angle about the vertical axis, rows the
height, both of the *base* mesh, so a stroke at the brow is at the brow of every face. Below it lies a strip of square
tiles: the eye, a plain one for teeth and tongue, which are coloured by tinting their vertices, and long hair.

Whatever is painted moves exactly with the surface; the sensor's is the only noise in the plane of the picture.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .head import PARTS, load_head, smoothstep
from .identity import Appearance, Identity, beard_grows

PAINTED = 1024  # side of the unrolled head in texels while it is painted
TILE = PAINTED // 4
MOST_ANGLE = 1.75
LOWEST, HIGHEST = 5.6, 8.6
EYE_RADIUS = 0.1385
MARGIN = 1.25  # the eye's tile shows this many radii
PLAIN = (1.5 * TILE, PAINTED + 0.5 * TILE)  # a white texel


@dataclass(frozen=True)
class Atlas:
    """The painted image (h, w, 3) in linear RGB, and the texel coordinates (n, 2) of the vertices in it; both float32."""

    colour: np.ndarray
    position: np.ndarray


@dataclass(frozen=True)
class Unrolled:
    """Coordinates of the texels of the unrolled head: angle, height, and x on the face, each (PAINTED, PAINTED)."""

    angle: np.ndarray
    height: np.ndarray
    x: np.ndarray

    def spot(self, x: float, y: float, width: float, height: float) -> np.ndarray:
        """A soft spot on either side of the face."""
        return np.exp(-(((np.abs(self.x) - x) / width) ** 2) - ((self.height - y) / height) ** 2)

    def band(self, low: float, high: float) -> tuple[slice, "Unrolled"]:
        """The rows between two heights, and their coordinates; most strokes need no more."""
        top, bottom = (int(np.clip(to_texel(0, y)[1], 0, PAINTED)) for y in (high, low))
        rows = slice(top, bottom)
        return rows, Unrolled(self.angle[rows], self.height[rows], self.x[rows])


@lru_cache(maxsize=1)
def unrolled() -> Unrolled:
    row, column = np.mgrid[0:PAINTED, 0:PAINTED].astype(np.float32)
    angle = (2 * column / PAINTED - 1) * MOST_ANGLE
    return Unrolled(angle=angle, height=HIGHEST - row / PAINTED * (HIGHEST - LOWEST), x=np.sin(angle) * 1.05)


def to_texel(angle: np.ndarray | float, height: np.ndarray | float) -> tuple[np.ndarray | float, np.ndarray | float]:
    """Cylinder coordinates -> texel (x, y) of the painted atlas."""
    return (angle / MOST_ANGLE + 1) / 2 * PAINTED, (HIGHEST - height) / (HIGHEST - LOWEST) * PAINTED


@lru_cache(maxsize=1)
def vertex_positions() -> np.ndarray:
    """Where each vertex of the base mesh lies in the painted atlas: (n, 2)."""
    head = load_head()
    y = head.vertices[:, 1]
    angle = np.clip(head.angle(), -MOST_ANGLE, MOST_ANGLE)
    position = np.clip(np.stack(to_texel(angle, np.clip(y, LOWEST, HIGHEST)), axis=1), 1, PAINTED - 2)
    for eye, centre in head.eyes:
        local = (head.vertices[eye] - centre)[:, :2] / (EYE_RADIUS * MARGIN)  # in [-1, 1]
        position[eye] = np.stack([(local[:, 0] + 1) / 2 * TILE, PAINTED + (1 - local[:, 1]) / 2 * TILE], axis=1)
    plain = np.isin(head.vertex_part, [PARTS.index("teeth"), PARTS.index("tongue")])
    position[plain] = PLAIN
    hair = head.of_part("hair")
    around = np.abs(head.angle()[hair]) / np.pi * (2 * TILE - 4)
    along = (HIGHEST - y[hair]) / (HIGHEST - y[hair].min()) * (TILE - 4)
    position[hair] = np.stack([2 * TILE + 2 + around, PAINTED + 2 + along], axis=1)
    return position.astype(np.float32)


def paint(identity: Identity, side: int = PAINTED) -> Atlas:
    """Paint a person's atlas (takes 0.4 s), averaged to an unrolled head `side` texels wide so that it does not alias."""
    generator, look = np.random.default_rng((*identity.key, 1)), identity.appearance
    colour = np.ones((PAINTED + TILE, PAINTED, 3), np.float32)
    for layer in (_paint_skin, _paint_stubble, _paint_lips, _paint_brows, _paint_hair):
        layer(generator, look, colour[:PAINTED])
    if look.beard:
        _paint_beard(np.random.default_rng((*identity.key, 4)), look, colour[:PAINTED])
    colour[PAINTED:, :TILE] = _eye(generator, look)
    colour[PAINTED:, 2 * TILE :] = _long_hair(generator, look)
    return averaged(colour, side)


def averaged(colour: np.ndarray, side: int) -> Atlas:
    """An atlas of what was painted, its unrolled head `side` texels wide."""
    if side == PAINTED:
        return Atlas(colour=colour, position=vertex_positions())
    factor = side / PAINTED
    smaller = cv2.resize(colour, (side, round(len(colour) * factor)), interpolation=cv2.INTER_AREA)
    return Atlas(colour=smaller, position=((vertex_positions() + 0.5) * factor - 0.5).astype(np.float32))


def cover_with(canvas: np.ndarray, colour: np.ndarray, cover: np.ndarray) -> None:
    """Lay paint over a canvas (h, w, c) in place; `cover` (h, w) is 1 where the paint is opaque, 0 where there is none."""
    cover = cover.astype(np.float32)
    for channel, paint in enumerate(np.moveaxis(np.broadcast_to(colour, canvas.shape), -1, 0)):
        below = canvas[..., channel]
        below += cover * (paint.astype(np.float32) - below)


def noise(generator: np.random.Generator, side: int, *octaves: tuple[int, float]) -> np.ndarray:
    """A sum of smooth random fields, each given as (cells across, amplitude): (side, side) float32."""
    total = np.zeros((side, side), np.float32)
    for cells, amplitude in octaves:
        field = generator.standard_normal((cells, cells), dtype=np.float32)
        total += amplitude * cv2.resize(field, (side, side), interpolation=cv2.INTER_CUBIC)
    return total


def streaks(generator: np.random.Generator, shape: tuple[int, ...], *, across: float, along: float) -> np.ndarray:
    """White noise blurred into vertical streaks; `across` and `along` are standard deviations in texels."""
    white = generator.standard_normal(shape, dtype=np.float32)
    return cv2.GaussianBlur(white, (0, 0), sigmaX=across, sigmaY=along)


def skin_tone(melanin: float) -> np.ndarray:
    """Linear RGB of skin, from fair (0) over tan (.4) to dark (1)."""
    fair, tan, dark = np.array([[0.84, 0.62, 0.50], [0.66, 0.43, 0.29], [0.19, 0.11, 0.075]])
    if melanin < 0.4:
        return fair + (tan - fair) * melanin / 0.4
    return tan + (dark - tan) * (melanin - 0.4) / 0.6


def _paint_skin(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    at = unrolled()
    skin[:] = skin_tone(look.melanin)
    blood = (
        0.55 * at.spot(0.46, 6.95, 0.20, 0.16)  # cheeks
        + 0.45 * np.exp(-((at.x / 0.14) ** 2) - ((at.height - 6.98) / 0.14) ** 2)  # nose
        + 0.25 * np.exp(-((at.x / 0.3) ** 2) - ((at.height - 6.35) / 0.14) ** 2)  # chin
        + 0.20 * at.spot(0.31, 7.16, 0.16, 0.06)  # below the eyes
        + 0.10 * noise(generator, PAINTED, (6, 0.6), (14, 0.5), (30, 0.35))
    )
    blood *= (1 - 0.55 * look.melanin) * look.redness
    skin *= 1 - blood[..., None] * np.array([0.02, 0.22, 0.24], np.float32)
    shadow = at.spot(0.30, 7.165, 0.15, 0.035) * (0.05 + 0.12 * look.wrinkles) + at.spot(0.29, 7.34, 0.17, 0.08) * 0.08
    skin *= 1 - shadow[..., None] * np.array([0.7, 1, 0.9], np.float32)
    mottling = noise(generator, PAINTED, (24, 0.010), (60, 0.009), (140, 0.009), (400, 0.014), (PAINTED, 0.012))
    pores = noise(generator, PAINTED, (PAINTED // 2, 1.0)) * 0.02
    skin *= 1 + (mottling + np.minimum(pores, 0))[..., None] * np.array([1, 1.25, 1.3], np.float32)
    skin *= 1 - _wrinkles(generator, look)[..., None] * np.array([0.8, 1, 1], np.float32)
    for _ in range(look.freckles):
        _freckle(generator, skin)


def _wrinkles(generator: np.random.Generator, look: Appearance) -> np.ndarray:
    """Lines on the forehead and crow's feet, as darkening in [0, 1)."""
    canvas = np.zeros((PAINTED, PAINTED), np.float32)
    for _ in range(int(look.wrinkles * 6)):
        height, reach = generator.uniform(7.66, 7.88), generator.uniform(0.25, 0.5)
        across = np.linspace(-reach, reach, 24)
        wave = height + generator.normal(0, 0.006, 24).cumsum() * 0.5 - 0.05 * across**2
        stroke(canvas, across, wave, generator.uniform(0.3, 0.8))
    for side in (-1, 1):
        for _ in range(int(look.wrinkles * 5)):
            along = np.linspace(0, generator.uniform(0.06, 0.13), 6)
            slope = generator.uniform(-0.7, 0.7)
            stroke(canvas, side * (0.52 + along), 7.27 + slope * (along + 0.03), generator.uniform(0.3, 0.7))
    return cv2.GaussianBlur(canvas, (0, 0), 1.6) * 0.35 * look.wrinkles


def stroke(canvas: np.ndarray, x: np.ndarray, height: np.ndarray, strength: float) -> None:
    """Draw a thin line through points of the face."""
    columns, rows = to_texel(np.arcsin(np.clip(x / 1.05, -1, 1)), height)
    points = np.round(np.stack([columns, rows], axis=1) * 16).astype(np.int32)
    cv2.polylines(canvas, [points], False, float(strength), 1, cv2.LINE_AA, 4)


def _freckle(generator: np.random.Generator, skin: np.ndarray) -> None:
    column, row = to_texel(np.arctan2(generator.normal(0, 0.42), 0.95), generator.uniform(6.3, 7.9))
    size = abs(generator.normal(1.5, 0.8)) + 0.8
    reach = int(4 * size) + 1
    top, left = int(row) - reach, int(column) - reach
    if top < 0 or left < 0:
        return
    patch = skin[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    y, x = np.mgrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    spot = np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * size**2)) * generator.uniform(0.06, 0.32)
    patch *= (1 - spot[..., None] * np.array([0.75, 1, 1.1])).astype(np.float32)


def lip_cover(angle: np.ndarray, height: np.ndarray) -> np.ndarray:
    """Where the red of the lips is, on the unrolled head: [0, 1]."""
    across = np.clip(np.abs(angle) / 0.178, 0, 1)  # 0 in the middle, 1 at the corners
    bow = 0.014 * np.exp(-((across / 0.16) ** 2)) - 0.010 * np.exp(-(((across - 0.30) / 0.18) ** 2))
    upper = 6.612 + 0.088 * (1 - across**2.2) ** 0.8 - bow
    lower = 6.606 - 0.122 * (1 - across**2.6) ** 0.7
    soft = 0.010 * (1 - across)
    below_upper = smoothstep(upper + soft, upper - soft - 1e-3, height)
    return (across < 1) * below_upper * smoothstep(lower - soft, lower + soft + 1e-3, height)


def _paint_lips(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    rows, at = unrolled().band(6.45, 6.75)
    lines = streaks(generator, at.angle.shape, across=0.8, along=5)
    colour = skin[rows] * look.lip_colour * (1 + 0.06 / lines.std() * lines[..., None])
    cover_with(skin[rows], colour, lip_cover(at.angle, at.height))


def _paint_stubble(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    rows, at = unrolled().band(6.05, 6.95)
    where = beard_grows(at.angle, at.x, at.height)
    grain = 0.42 + 0.4 * noise(generator, PAINTED, (PAINTED, 0.8), (PAINTED // 2, 0.7))[rows]
    colour = np.minimum(skin[rows], look.hair_colour * 1.3)
    cover_with(skin[rows], colour, np.clip(grain, 0, 1) * where * look.stubble * 0.62)


def _paint_beard(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    rows, at = unrolled().band(6.0, 6.95)
    strands = streaks(generator, at.angle.shape, across=0.9, along=7)
    strands /= strands.std()
    where = np.clip(beard_grows(at.angle, at.x, at.height) * 1.3 + 0.12 * strands - 0.12, 0, 1)
    colour = 0.9 * look.hair_colour.astype(np.float32) * (1 + 0.35 * strands[..., None])
    cover_with(skin[rows], np.maximum(colour, 0.005), look.beard * 0.95 * where)


def _paint_brows(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    """Short strokes, upright at the nose and ever flatter towards the temple."""
    canvas = np.zeros((PAINTED, PAINTED), np.float32)
    for side in (-1, 1):
        t = generator.beta(1.15, 1.25, look.brow_density)  # 0 at the nose, 1 at the temple
        ridge = 7.50 + look.brow_height + look.brow_arch * np.sin(np.pi * np.minimum(t * 1.15, 1))
        ridge -= (0.055 + look.brow_tilt) * np.maximum(t - 0.55, 0) / 0.45
        y = ridge + generator.normal(0, 0.45, len(t)) * 0.034 * look.brow_thickness * (1 - 0.72 * t**1.6)
        x = 0.095 + 0.34 * t
        length = generator.uniform(0.03, 0.065, len(t))
        angle = np.deg2rad(70 - 62 * t + generator.normal(0, 9, len(t)))
        along, up = np.cos(angle) * length, np.sin(angle) * length * (0.9 - 0.5 * t) - 0.02 * t
        strength = generator.uniform(0.35, 0.8, len(t))
        for i in range(len(t)):
            ends_x, ends_y = np.array([x[i], x[i] + along[i]]), np.array([y[i] - 0.4 * up[i], y[i] + 0.6 * up[i]])
            stroke(canvas, side * ends_x, ends_y, strength[i])
    rows, _ = unrolled().band(7.3, 7.75)
    cover = np.clip(cv2.GaussianBlur(canvas[rows], (0, 0), 0.8) * 1.25, 0, 0.92)
    cover_with(skin[rows], 0.75 * look.hair_colour, cover)


def _paint_hair(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    rows, at = unrolled().band(LOWEST if look.long_hair else 6.7, HIGHEST)
    strands = streaks(generator, at.angle.shape, across=0.9, along=11)
    strands /= strands.std()
    ragged = 0.035 * noise(generator, PAINTED, (7, 1.3), (20, 0.9), (60, 0.6))[rows] + 0.022 * strands
    cover = smoothstep(-0.05, 0.06, at.height - look.hair_begins(at.angle) + ragged)
    colour = look.hair_colour.astype(np.float32) * (1 + 0.32 * strands[..., None])
    cover_with(skin[rows], np.maximum(colour, 0.005), look.hair_density * cover)


def _long_hair(generator: np.random.Generator, look: Appearance) -> np.ndarray:
    """The tile of long hair: strands that run downwards, in locks."""
    fine = streaks(generator, (TILE, 2 * TILE), across=0.8, along=24)
    locks = streaks(generator, (TILE, 2 * TILE), across=5, along=60)
    shade = 1 + 0.25 * fine / fine.std() + 0.22 * locks / locks.std()
    return np.clip(look.hair_colour * shade[..., None], 0.004, 1).astype(np.float32)


def _eye(generator: np.random.Generator, look: Appearance) -> np.ndarray:
    """The tile of the eye: sclera, iris with fibres and a dark rim, pupil, glint, and the shadow of the upper lid."""
    row, column = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    x = ((column + 0.5) / TILE * 2 - 1) * MARGIN * EYE_RADIUS
    y = (1 - (row + 0.5) / TILE * 2) * MARGIN * EYE_RADIUS
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    fibres = np.convolve(np.tile(generator.standard_normal(256), 3), np.hanning(9), mode="same")[256:512]
    fibres = ((fibres - fibres.min()) / np.ptp(fibres))[((angle + np.pi) / (2 * np.pi) * 255).astype(int)]
    white = np.array([0.70, 0.66, 0.63]) * (1 - 0.30 * smoothstep(0.05, 0.14, np.abs(x)))[..., None]
    iris = look.iris_colour * (0.65 + 0.5 * fibres + 0.55 * smoothstep(0.02, 0.055, radius))[..., None]
    iris = iris * (1 - 0.75 * smoothstep(0.056, 0.066, radius))[..., None]
    inside = smoothstep(0.0695, 0.0640, radius)[..., None]
    pupil = smoothstep(0.0285, 0.0245, radius)[..., None]
    eye = (white * (1 - inside) + iris * inside) * (1 - pupil) + 0.012 * pupil
    eye = eye * (1 - 0.6 * smoothstep(-0.01, 0.09, y))[..., None]  # under the lid
    glint = np.exp(-((np.hypot(x - 0.02, y - 0.028) / 0.010) ** 2))
    return (eye + 0.9 * glint[..., None]).astype(np.float32)
