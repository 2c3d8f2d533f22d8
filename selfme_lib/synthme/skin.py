"""Skin: tone and its changes over the face, blood, pores, marks, folds, stubble; and the cloth below the neck."""

from functools import lru_cache

import cv2
import numpy as np

from .head import smoothstep
from .identity import Appearance, beard_grows
from .texture import PAINTED, Unrolled, cover_with, noise, skin_tone, streaks, stroke, to_texel, unrolled
from .traits import Traits

# how strongly blood, shadow, relief and folds change red, green and blue
STRENGTHS = np.array([[0.03, 0.75, 1, 0.8], [0.24, 1.0, 1.25, 1], [0.22, 0.92, 1.3, 0.97]], np.float32)
BEARD = (6.0, 6.97)  # lowest and highest hair
COLLAR = 5.83  # height at which the cloth begins, in the middle


def paint_skin(generator: np.random.Generator, look: Appearance, traits: Traits, canvas: np.ndarray) -> None:
    """Paint it on the unrolled head (PAINTED, PAINTED, 4), whose fourth channel is gloss."""
    skin = canvas[..., :3]
    at = coarse()
    patches = noise(generator, len(at.x), (5, 0.6), (11, 0.5), (26, 0.45), (60, 0.25))
    blood = (
        0.70 * at.spot(0.44, 6.98, 0.19, 0.15)  # cheeks
        + 0.65 * np.exp(-((at.x / 0.13) ** 2) - ((at.height - 6.95) / 0.13) ** 2)  # nose
        + 0.40 * at.spot(0.13, 6.88, 0.06, 0.07)  # its wings
        + 0.40 * np.exp(-((at.x / 0.25) ** 2) - ((at.height - 6.33) / 0.12) ** 2)  # chin
        + 0.22 * at.spot(0.29, 7.36, 0.15, 0.05)  # lids
        + 0.9 * smoothstep(0.98, 1.15, np.abs(at.angle)) * np.exp(-(((at.height - 7.1) / 0.35) ** 4))  # ears
        + 0.30 * patches * np.exp(-((at.angle / 0.9) ** 4))
        + 0.12
    )
    blood *= (1 - 0.6 * look.melanin) * look.redness * traits.ruddiness
    # what light rarely reaches, and where the skin is thin or dry
    shadow = (
        at.spot(0.29, 7.155, 0.13, 0.035) * (0.10 + 0.22 * traits.circles)  # below the eyes
        + at.spot(0.16, 7.24, 0.05, 0.07) * (0.08 + 0.16 * traits.circles)  # beside the root of the nose
        + at.spot(0.29, 7.375, 0.16, 0.05) * 0.13
        + at.spot(0.13, 6.815, 0.05, 0.02) * 0.22
        + np.exp(-((at.x / 0.16) ** 2) - ((at.height - 6.43) / 0.035) ** 2) * 0.10  # above the chin
        + smoothstep(6.25, 6.0, at.height) * 0.14  # below the jaw
        + 0.07 * smoothstep(0.75, 1.05, np.abs(at.angle))
    )
    oily = at.spot(0.30, 6.95, 0.25, 0.25) + np.exp(-((at.x / 0.2) ** 2) - ((at.height - 7.2) / 0.7) ** 4)
    fields = np.stack([blood, shadow, oily, patches], axis=2).astype(np.float32)
    reddened, shaded, shiny, uneven = (cv2.resize(fields[..., i], (PAINTED, PAINTED)) for i in range(4))
    fine = noise(generator, PAINTED, (30, 0.014), (70, 0.014), (150, 0.016), (400, 0.020))
    grain = generator.standard_normal((PAINTED // 2, PAINTED), dtype=np.float32)
    pores = cv2.GaussianBlur(np.vstack([grain, grain[::-1]]), (0, 0), 1.1) * 2.6
    relief = fine + 0.020 * np.minimum(pores, 0.3) * (0.5 + shiny)
    folds = _folds(generator, look, traits)
    tone = skin_tone(look.melanin) * traits.undertone
    for channel, (red, shade, rough, fold) in enumerate(STRENGTHS):
        layer = skin[..., channel]
        layer[:] = tone[channel]
        layer *= 1 - reddened * red
        layer *= 1 - shaded * shade
        layer *= 1 + relief * rough
        layer *= 1 - folds * fold
    _marks(generator, look, traits, skin)
    canvas[..., 3] = np.clip(
        (0.75 + traits.sheen * 0.6 * np.minimum(shiny, 1)) * (1 + 0.35 * uneven - 0.30 * pores), 0.1, 2.5
    )
    _stubble(generator, look, canvas)


@lru_cache(maxsize=1)
def coarse() -> Unrolled:
    """The unrolled head on a lattice four times as coarse, enough for what changes slowly."""
    at, half = unrolled(), slice(2, None, 4)
    return Unrolled(at.angle[half, half], at.height[half, half], at.x[half, half])


@lru_cache(maxsize=1)
def _where_beards_grow() -> np.ndarray:
    """In the band `BEARD`, [0, 1]."""
    _, at = unrolled().band(*BEARD)
    return beard_grows(at.angle, at.x, at.height)


def paint_cloth(generator: np.random.Generator, traits: Traits, canvas: np.ndarray) -> None:
    """A round collar and the shirt below it."""
    rows, at = unrolled().band(5.6, COLLAR + 0.1)
    edge = COLLAR + 0.02 * np.cos(2 * at.angle) + 0.16 * smoothstep(0.1, 1.2, np.abs(at.angle)) - 0.1
    inside = smoothstep(edge + 0.004, edge - 0.004, at.height)
    weave = 1 + 0.10 * streaks(generator, at.angle.shape, across=1.5, along=1.5) * 4
    hem = 1 - 0.35 * np.exp(-(((at.height - edge + 0.045) / 0.006) ** 2))
    shade = 1 - 0.5 * np.exp(-(((at.height - edge - 0.012) / 0.02) ** 2)) * (1 - inside)
    canvas[rows, :, :3] *= shade[..., None].astype(np.float32)
    cover_with(canvas[rows, :, :3], traits.cloth * (weave * hem)[..., None], inside)
    cover_with(canvas[rows, :, 3:], np.full((*inside.shape, 1), 0.1), inside)


def _folds(generator: np.random.Generator, look: Appearance, traits: Traits) -> np.ndarray:
    """Lines of the forehead, of the corners of the eyes, beside nose and mouth: darkening in [0, 1)."""
    fine = np.zeros((PAINTED, PAINTED), np.float32)
    for _ in range(int(look.wrinkles * 7)):
        height, reach, middle = generator.uniform(7.66, 7.88), generator.uniform(0.12, 0.45), generator.normal(0, 0.1)
        across = np.linspace(middle - reach, middle + reach, 24)
        wave = height + generator.normal(0, 0.006, 24).cumsum() * 0.5 - 0.05 * across**2
        stroke(fine, across, wave, generator.uniform(0.2, 0.7))
    t = np.linspace(0, 1, 12)
    soft = np.zeros_like(fine)
    for side in (-1, 1):
        for _ in range(int(look.wrinkles * 6)):
            along = np.linspace(0, generator.uniform(0.05, 0.13), 6)
            slope = generator.uniform(-0.7, 0.7)
            stroke(fine, side * (0.50 + along), 7.27 + slope * (along + 0.03), generator.uniform(0.2, 0.7))
        for n in range(3):  # below the eye, from the inner corner downwards
            extent = generator.uniform(0.12, 0.2)
            stroke(fine, side * (0.17 + extent * t), 7.185 - 0.022 * n - 0.045 * np.sin(2.2 * t), 0.4 * traits.circles)
        shift = generator.normal(0, 0.004)
        for repeat in range(3):
            x = 0.155 + 0.125 * t + 0.004 * repeat
            stroke(soft, side * (x + shift), 6.90 - 0.30 * t**1.3, 0.9 * traits.folds)
        stroke(soft, side * (0.225 + 0.03 * t), 6.60 - 0.16 * t, 0.35 * traits.folds)
    return np.clip(
        cv2.GaussianBlur(fine, (0, 0), 1.4) * (0.25 + 0.5 * look.wrinkles)
        + cv2.GaussianBlur(soft, (0, 0), 5.0) * 1.0
        + cv2.GaussianBlur(soft, (0, 0), 2.0) * 0.25 * look.wrinkles,
        0,
        0.6,
    )


def _marks(generator: np.random.Generator, look: Appearance, traits: Traits, skin: np.ndarray) -> None:
    """Freckles, moles and blemishes."""
    freckles, strong = look.freckles if look.melanin < 0.5 else look.freckles // 4, generator.uniform(0.10, 0.30)
    for _ in range(freckles * 3):
        x, height = abs(generator.normal(0.2, 0.2)) * generator.choice([-1, 1]), generator.normal(7.03, 0.16)
        _spot(skin, x, height, generator.uniform(1.0, 2.2), strong * generator.random() * np.array([0.7, 1, 1.15]))
    for _ in range(traits.marks):
        x, height = generator.uniform(-0.6, 0.6), generator.uniform(6.3, 7.9)
        _spot(skin, x, height, generator.uniform(1.2, 2.6), generator.uniform(0.25, 0.7) * np.array([0.85, 1, 1.05]))
    for _ in range(traits.spots):
        x, height = generator.uniform(-0.6, 0.6), generator.uniform(6.25, 7.9)
        _spot(skin, x, height, generator.uniform(2, 4.5), generator.uniform(0.08, 0.25) * np.array([0.15, 1, 0.9]))


def _spot(skin: np.ndarray, x: float, height: float, size: float, darkening: np.ndarray) -> None:
    column, row = to_texel(np.arctan2(x, 0.95), height)
    reach = int(3 * size) + 1
    top, left = int(row) - reach, int(column) - reach
    if top < 0 or left < 0:
        return
    patch = skin[top : top + 2 * reach + 1, left : left + 2 * reach + 1]
    rows, columns = np.ogrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    spot = np.exp(-((((columns - column) ** 2 + (rows - row) ** 2) / (2 * size**2)) ** 1.5))
    patch *= np.maximum(1 - spot[..., None] * darkening, 0.1).astype(np.float32)


def _stubble(generator: np.random.Generator, look: Appearance, canvas: np.ndarray) -> None:
    """The shadow of a shaved beard, bluish on fair skin, and hairs of a day or more; or a beard."""
    rows, at = unrolled().band(*BEARD)
    where = _where_beards_grow()
    skin = canvas[rows, :, :3]
    shadow = 0.30 * look.stubble * where
    for channel, strength in enumerate(np.array([1.0, 0.85, 0.70], np.float32)):
        skin[..., channel] *= 1 - shadow * strength
    dots = generator.standard_normal(at.angle.shape, dtype=np.float32)
    hairs = np.clip(cv2.GaussianBlur(dots, (0, 0), 0.8) * 3.2 - 0.5, 0, 1)
    cover_with(skin, np.minimum(skin, look.hair_colour * 1.2), hairs * where * min(look.stubble, 1) * 0.55)
    if not look.beard:
        return
    strands = streaks(generator, at.angle.shape, across=0.8, along=5)
    strands /= strands.std()
    locks = streaks(generator, at.angle.shape, across=4, along=12)
    locks /= locks.std()
    edge = noise(generator, PAINTED, (40, 0.10), (110, 0.10))[rows]
    thick = np.clip(where * 1.25 + 0.14 * strands + edge - 0.15, 0, 1) ** 1.2
    colour = 0.9 * look.hair_colour.astype(np.float32) * (1 + 0.35 * strands + 0.15 * locks)[..., None]
    cover_with(skin, np.maximum(colour, 0.006), look.beard * 0.95 * thick)
    cover_with(canvas[rows, :, 3:], np.clip(0.5 + 0.3 * strands, 0, 1)[..., None], look.beard * thick)
