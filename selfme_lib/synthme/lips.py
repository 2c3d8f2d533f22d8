"""Lips: a border and a colour that differ from person to person, fine lines across, and water that shines."""

import numpy as np

from .head import smoothstep
from .texture import PAINTED, cover_with, noise, streaks, unrolled
from .traits import Traits

LOW, HIGH = 6.42, 6.78
LINE = 6.609  # where the lips meet


def lip_shape(traits: Traits, angle: np.ndarray, height: np.ndarray) -> np.ndarray:
    """How red the lip is, on the unrolled head: [0, 1]."""
    across = np.clip(np.abs(angle) / (0.178 + traits.lip_reach), 0, 1)  # 0 in the middle, 1 at the corners
    bow = 0.014 * np.exp(-((across / 0.16) ** 2)) - 0.010 * np.exp(-(((across - 0.30) / 0.18) ** 2))
    upper = 6.612 + (0.088 + traits.lip_upper) * (1 - across**2.2) ** 0.85 - traits.lip_bow * bow
    lower = 6.606 - (0.122 + traits.lip_lower) * (1 - across**2.4) ** 0.75
    soft = traits.lip_soft * (1 - 0.7 * across)
    red = smoothstep(upper + soft, upper - soft - 2e-3, height) * smoothstep(
        lower - 1.4 * soft, lower + 1.4 * soft + 2e-3, height
    )
    return (across < 1) * red


def paint_lips(generator: np.random.Generator, traits: Traits, melanin: float, canvas: np.ndarray) -> None:
    """Paint them on the unrolled head (PAINTED, PAINTED, 4), whose fourth channel is gloss."""
    rows, at = unrolled().band(LOW, HIGH)
    skin = canvas[rows]
    red = lip_shape(traits, at.angle, at.height)
    across = np.clip(np.abs(at.angle) / 0.178, 0, 1)
    lines = streaks(generator, at.angle.shape, across=1.0, along=6)
    lines /= lines.std()
    patches = noise(generator, PAINTED, (50, 0.05), (110, 0.04))[rows]
    below = smoothstep(LINE + 0.004, LINE - 0.02, at.height)  # the lower lip is pinker, the more so in darker skin
    inner = np.exp(-(((at.height - LINE) / 0.045) ** 2))
    shade = (1 + 0.035 * lines + patches) * (0.93 + 0.07 * below)
    colour = skin[..., :3] * traits.lip_red.astype(np.float32) * shade[..., None]
    pink = np.array([1.10, 0.95, 0.98]) + melanin * np.array([0.30, 0.10, 0.12])
    colour = colour * (1 + (pink - 1) * (0.75 * inner * below)[..., None])
    # the border catches light above the upper lip, and lies in shadow below the lower one and at the corners
    rim = np.exp(-(((at.height - 6.708 - traits.lip_upper) / 0.012) ** 2)) * np.exp(-((across / 0.6) ** 4))
    under = np.exp(-(((at.height - 6.455 + traits.lip_lower) / 0.022) ** 2)) * np.exp(-((across / 0.7) ** 4))
    corner = np.exp(-(((np.abs(at.angle) - 0.172) / 0.020) ** 2) - ((at.height - LINE) / 0.016) ** 2)
    philtrum = np.exp(-((at.angle / 0.016) ** 2)) - 0.7 * np.exp(-(((np.abs(at.angle) - 0.035) / 0.012) ** 2))
    philtrum *= np.exp(-(((at.height - 6.775) / 0.045) ** 4))
    skin[..., :3] *= (1 + 0.05 * rim - 0.12 * under - 0.30 * corner - 0.05 * philtrum)[..., None]
    cover_with(skin[..., :3], colour, red * 0.92)
    seam = np.exp(-(((at.height - LINE) / 0.007) ** 2)) * (across < 0.97)
    skin[..., :3] *= (1 - 0.55 * seam[..., None] * np.array([0.85, 1, 1])).astype(np.float32)
    wet = 0.4 + traits.lip_wet * (0.35 + 0.8 * inner * below) * np.clip(1 + 0.35 * lines, 0.2, 2)
    cover_with(skin[..., 3:], wet[..., None], red)
