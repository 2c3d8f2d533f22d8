r"""Skin, brows, hair and eyes of the other world, on the atlas of `texture` but painted by other rules.

Skin is optics instead of a scale of tones: light that enters it passes melanin and blood on its way (Beer and Lambert),

$$R_c = R_{0,c}\, e^{-\mu_{m,c}\, m\, -\, \mu_{b,c}\, b},\qquad \mu_m \propto \lambda^{-3.48},$$

with the exponent of melanin and the ratios of oxygenated blood at 610, 545 and 465 nm from Jacques, Phys. Med. Biol. 58 (2013).
Its relief is a network of lines between cells (Worley, SIGGRAPH 1996), as the lines of skin are, instead of value noise;
pigment comes in ridges. Hair is waves and curls instead of straight streaks; brows are bushes; a window is mirrored in the eye.
"""

import cv2
import numpy as np

from .head import smoothstep
from .identity import Appearance, Identity, beard_grows
from .texture import (
    EYE_RADIUS,
    HIGHEST,
    LOWEST,
    MARGIN,
    PAINTED,
    TILE,
    Atlas,
    averaged,
    cover_with,
    lip_cover,
    noise,
    stroke,
    unrolled,
)

DERMIS = np.array([0.83, 0.71, 0.64], np.float32)  # reflectance of skin without pigment
MELANIN = np.array([0.676, 1.0, 1.74], np.float32)  # (wavelength / 545 nm) ** -3.48
BLOOD = np.array([0.03, 1.0, 0.72], np.float32)


def paint(identity: Identity, side: int = PAINTED) -> Atlas:
    """As `texture.paint`, for people of the other world."""
    generator, look = np.random.default_rng((*identity.key, 1)), identity.appearance
    colour = np.ones((PAINTED + TILE, PAINTED, 3), np.float32)
    for layer in (_paint_skin, _paint_make_up, _paint_stubble, _paint_brows, _paint_hair):
        layer(generator, look, colour[:PAINTED])
    colour[PAINTED:, :TILE] = _eye(generator, look)
    shade = _curls(generator, (TILE, 2 * TILE), scale=7.0)
    colour[PAINTED:, 2 * TILE :] = np.clip(1.5 * look.hair_colour * (1 + 0.45 * shade[..., None]), 0.006, 1)
    return averaged(colour, side)


def cells(
    generator: np.random.Generator, shape: tuple[int, int], size: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Worley's noise: distances, in cells, to the nearest and to the second nearest of points of which one lies in each cell of
    `size` texels; and a number in [0, 1) that belongs to the nearest. Each has the `shape`."""
    row, column = (np.arange(length, dtype=np.float32) / np.float32(size) for length in shape)
    top, left = row.astype(np.int32) + 1, column.astype(np.int32) + 1
    down, across, number = generator.random((3, top.max() + 2, left.max() + 2), dtype=np.float32)
    nearest, second = np.full(shape, 9, np.float32), np.full(shape, 9, np.float32)  # squared
    owner = np.zeros(shape, np.float32)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            cell = np.ix_(top + i, left + j)
            y, x = down[cell] + (top + i - 1 - row)[:, None], across[cell] + (left + j - 1 - column)
            distance = x * x + y * y
            np.copyto(owner, number[cell], where=distance < nearest)
            np.minimum(second, np.maximum(nearest, distance), out=second)
            np.minimum(nearest, distance, out=nearest)
    return np.sqrt(nearest), np.sqrt(second), owner


def _mirrored(quarter: np.ndarray) -> np.ndarray:
    """A texture of half the size, and its mirror images on the other sides: fine grain need not be drawn four times."""
    half = np.concatenate([quarter, quarter[:, ::-1]], axis=1)
    return np.concatenate([half, half[::-1]])


def ridges(generator: np.random.Generator, *octaves: tuple[int, float]) -> np.ndarray:
    """Ridged noise: sharp crests where smooth fields change their sign, (PAINTED, PAINTED); about -1 to 1."""
    total = sum(amplitude * (1 - 2 * np.abs(noise(generator, PAINTED, (count, 1.0)))) for count, amplitude in octaves)
    return np.clip(total / sum(amplitude for _, amplitude in octaves), -1, 1)


def _paint_skin(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    at = unrolled()
    blood = look.redness * (
        1
        + 0.9 * at.spot(0.44, 6.98, 0.20, 0.17)  # cheeks
        + 1.0 * np.exp(-((at.x / 0.13) ** 2) - ((at.height - 6.98) / 0.12) ** 2)  # nose
        + 0.5 * np.exp(-((at.x / 0.25) ** 2) - ((at.height - 6.33) / 0.12) ** 2)  # chin
        + 0.5 * at.spot(0.30, 7.15, 0.14, 0.05)  # below the eyes
        + 0.22 * ridges(generator, (14, 0.7), (33, 0.8), (90, 0.6))
    )
    blood += 1.6 * look.redness * lip_cover(at.angle, at.height)
    melanin = look.melanin * (1 + 0.10 * ridges(generator, (11, 0.7), (29, 0.8), (64, 0.7)))
    melanin += 0.10 * at.spot(0.30, 7.14, 0.15, 0.06) + 0.10 * at.spot(0.29, 7.34, 0.17, 0.08)  # rings about the eyes
    half = (PAINTED // 2, PAINTED // 2)
    reach, _, chosen = cells(generator, half, 13)
    share = look.freckles / 1600
    spots = (chosen < share) * smoothstep(0.10, 0.03, reach) * (0.3 + 0.5 * chosen / max(share, 1e-3))
    moles, _, few = cells(generator, half, 60)
    spots = spots + 1.3 * (few < 0.05) * smoothstep(0.045, 0.03, moles)
    melanin += cv2.resize(spots.astype(np.float32), (PAINTED, PAINTED)) * smoothstep(0.9, 0.6, np.abs(at.x))
    skin[:] = DERMIS * np.exp(-melanin[..., None] * MELANIN - np.maximum(blood, 0)[..., None] * BLOOD)
    relief = np.zeros(half, np.float32)
    for size, depth in ((4.5, 0.055), (10.0, 0.060)):
        near, second, _ = cells(generator, half, size)
        relief -= depth * smoothstep(0.16, 0.0, second - near)
    pores, _, _ = cells(generator, half, 7.0)
    relief = _mirrored(relief)
    oily = at.spot(0.25, 6.95, 0.28, 0.2) + np.exp(-((at.x / 0.16) ** 2) - ((at.height - 7.0) / 0.25) ** 2)
    relief -= 0.14 * _mirrored(smoothstep(0.24, 0.08, pores)) * np.clip(oily, 0, 1)
    relief -= _lines(generator, look)
    skin *= (1 + relief + 0.025 * ridges(generator, (180, 1.0), (90, 1.0)))[..., None]


def _lines(generator: np.random.Generator, look: Appearance) -> np.ndarray:
    """Wrinkles: crests of noise stretched along the forehead and outwards from the corners of the eyes."""
    at = unrolled()
    stretched = cv2.resize(
        generator.standard_normal((150, 12), dtype=np.float32), (PAINTED, PAINTED), interpolation=cv2.INTER_CUBIC
    )
    crests = smoothstep(0.10, 0.0, np.abs(stretched))
    where = np.exp(-((at.x / 0.45) ** 4) - ((at.height - 7.78) / 0.16) ** 2) + at.spot(0.62, 7.26, 0.10, 0.12)
    fold = np.exp(
        -(((np.abs(at.x) - 0.24 - 0.25 * (6.95 - at.height)) / 0.022) ** 2) - ((at.height - 6.78) / 0.14) ** 2
    )
    return (0.14 * crests * where + 0.09 * fold) * look.wrinkles


def _paint_make_up(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    """Lips in the person's colour, with cracks; and for some a shadow on the lids."""
    rows, at = unrolled().band(6.45, 6.75)
    _, _, tone = cells(generator, at.angle.shape, 9)
    cracks = cv2.resize(
        generator.standard_normal((3, 260), dtype=np.float32), at.angle.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    colour = (
        skin[rows]
        * look.lip_colour.astype(np.float32)
        * (0.96 + 0.08 * tone - 0.14 * smoothstep(0.25, 0.0, np.abs(cracks)))[..., None]
    )
    cover_with(skin[rows], colour, lip_cover(at.angle, at.height))
    if generator.random() < 0.3 and look.long_hair:
        rows, at = unrolled().band(7.1, 7.55)
        lids = at.spot(0.29, 7.34, 0.15, 0.055)
        cover_with(skin[rows], skin[rows] * generator.uniform(0.25, 0.75, 3).astype(np.float32), 0.6 * lids)


def _paint_stubble(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    """Single hairs at the points of a jittered grid; a beard is longer ones."""
    rows, at = unrolled().band(5.95, 6.95)
    hairs, _, tone = cells(generator, at.angle.shape, 3.2)
    where = beard_grows(at.angle, at.x, at.height)
    dots = smoothstep(0.5, 0.2, hairs) * (0.5 + 0.5 * tone)
    cover_with(skin[rows], np.minimum(skin[rows], look.hair_colour), (0.15 + 0.6 * dots) * where * look.stubble * 0.55)
    if look.beard:
        shade = _curls(generator, at.angle.shape, scale=4.0)
        cover = np.clip(1.4 * where + 0.15 * shade - 0.2, 0, 0.95) * look.beard
        cover_with(skin[rows], np.maximum(look.hair_colour * (1 + 0.35 * shade[..., None]), 0.004), cover)


def _paint_brows(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    """Bushes: hairs that fan out from a ridge, long and crossing, over a shadow of the same shape."""
    canvas = np.zeros((PAINTED, PAINTED), np.float32)
    for side in (-1, 1):
        t = generator.beta(1.4, 1.2, look.brow_density)
        ridge = 7.49 + look.brow_height + look.brow_arch * np.sin(np.pi * np.minimum(1.1 * t, 1)) - look.brow_tilt * t
        ridge -= 0.06 * np.maximum(t - 0.6, 0) / 0.4
        width = 0.034 * look.brow_thickness * np.sqrt(np.clip(1.15 - t, 0.08, 1)) * smoothstep(-0.08, 0.15, t)
        y, x = ridge + generator.uniform(-1, 1, len(t)) * width, 0.085 + 0.37 * t
        turn = np.deg2rad(55 - 50 * t + generator.normal(0, 22, len(t)))
        length = generator.gamma(6, 0.011, len(t))
        for start_x, start_y, way, long in zip(x, y, turn, length):
            ends = np.array([0.0, 0.5, 1.0]) * long
            stroke(
                canvas,
                side * (start_x + ends * np.cos(way)),
                start_y + ends * np.sin(way) * [0, 1, 0.7],
                generator.uniform(0.35, 0.9),
            )
    rows, _ = unrolled().band(7.25, 7.8)
    under = 0.25 * cv2.GaussianBlur(canvas[rows], (0, 0), 5)
    cover_with(
        skin[rows], 0.7 * look.hair_colour, np.clip(cv2.GaussianBlur(canvas[rows], (0, 0), 0.7) * 1.1 + under, 0, 0.9)
    )


def _paint_hair(generator: np.random.Generator, look: Appearance, skin: np.ndarray) -> None:
    rows, at = unrolled().band(LOWEST if look.long_hair else 6.7, HIGHEST)
    shade = _curls(generator, at.angle.shape, scale=float(generator.choice([5.0, 9.0, 16.0])))
    ragged = 0.05 * ridges(generator, (10, 1.0), (31, 0.8))[rows] + 0.03 * shade
    cover = smoothstep(-0.06, 0.07, at.height - look.hair_begins(at.angle) + ragged)
    colour = look.hair_colour.astype(np.float32) * (1 + 0.42 * shade[..., None])
    cover_with(skin[rows], np.maximum(colour, 0.004), look.hair_density * cover)


def _curls(generator: np.random.Generator, shape: tuple[int, ...], *, scale: float) -> np.ndarray:
    """Wavy strands: streaks whose columns are pushed about by a smooth field and cut into locks; standard deviation about 1."""
    height, width = shape
    fine = cv2.GaussianBlur(generator.standard_normal(shape, dtype=np.float32), (0, 0), sigmaX=0.8, sigmaY=2.5 * scale)
    row, column = np.mgrid[0:height, 0:width].astype(np.float32)
    count = [max(3, round(length / (4 * scale))) for length in shape]
    push = cv2.resize(
        generator.standard_normal(count, dtype=np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    waves = np.sin(row * np.float32(2 * np.pi / (7 * scale)) + 2.5 * push)
    strands = cv2.remap(
        fine,
        column + np.float32(0.8 * scale) * (push + 0.5 * waves),
        row,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    near, second, tone = cells(generator, (height, width), 2.2 * scale)
    locks = 0.8 * (tone - 0.5) - 0.9 * smoothstep(0.25, 0.0, second - near)
    return strands / strands.std() * 0.8 + 0.7 * locks + 0.2 * waves


def _eye(generator: np.random.Generator, look: Appearance) -> np.ndarray:
    """The tile of the eye: veined white, an iris of cells, and a window that is mirrored in it."""
    row, column = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    x, y = (((place + 0.5) / TILE * 2 - 1) * MARGIN * EYE_RADIUS for place in (column, TILE - 1 - row))
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    near, second, tone = cells(generator, (TILE, TILE), 24)
    veins = smoothstep(0.10, 0.0, second - near) * smoothstep(0.07, 0.13, radius)
    white = np.array([0.80, 0.76, 0.72]) - 0.22 * veins[..., None] * np.array([0.3, 1, 0.9])
    white = white * (1 - 0.45 * smoothstep(0.06, 0.15, radius))[..., None]
    petals = 0.5 + 0.5 * np.cos(angle * generator.integers(24, 40) + 6 * tone)
    iris = look.iris_colour * (0.55 + 0.7 * petals * smoothstep(0.02, 0.04, radius) + 0.5 * tone)[..., None]
    iris = iris * (1 - 0.85 * smoothstep(0.054, 0.067, radius))[..., None]
    inside = smoothstep(0.0700, 0.0655, radius)[..., None]
    eye = white * (1 - inside) + iris * inside
    eye = eye * (1 - 0.985 * smoothstep(0.024, 0.0215, radius))[..., None]
    eye = eye * (1 - 0.5 * smoothstep(0.0, 0.10, y))[..., None]
    side = generator.choice([-1.0, 1.0])
    pane = smoothstep(0.017, 0.014, np.abs(x - side * 0.024)) * smoothstep(0.022, 0.019, np.abs(y - 0.022))
    pane *= 1 - 0.7 * smoothstep(0.003, 0.001, np.abs(x - side * 0.024))  # its bar
    return (eye + 0.75 * pane[..., None] * np.array([0.9, 0.97, 1.05])).astype(np.float32)
