"""The room of world "home": a lamp or a window to one side, little light elsewhere, and a wall out of focus behind the head."""

import cv2
import numpy as np

from .head import smoothstep
from .shading import Light

WALLS = np.array([[0.46, 0.43, 0.38], [0.33, 0.36, 0.38], [0.20, 0.24, 0.30], [0.30, 0.32, 0.26], [0.12, 0.12, 0.13]])


def light_room(generator: np.random.Generator) -> Light:
    """A key lamp in front, above and to one side; a weak one, of another colour, from the other side."""
    side = generator.uniform(-1.1, 1.1)
    key = np.array([side, generator.uniform(0.35, 0.95), 1.0])
    fill = np.array([-np.sign(side) * generator.uniform(0.7, 1.4), generator.uniform(-0.1, 0.3), 0.8])
    directions = np.stack([key, fill])
    warmth = generator.normal(0.01, 0.035)
    key_colour = generator.uniform(0.72, 0.95) * np.array([1 + warmth, 0.98, 0.95 - warmth])
    fill_colour = generator.uniform(0.10, 0.30) * np.array([0.96 - warmth, 0.99, 1.04 + warmth])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Light(
        ambient=generator.uniform(0.15, 0.28), directions=directions, colours=np.stack([key_colour, fill_colour])
    )


def paint_wall(generator: np.random.Generator, side: int, light: Light) -> np.ndarray:
    """A wall with a few things in front of it, blurred, and the soft shadow of the head: (side, side, 3) linear RGB."""
    small = 64
    y, x = np.mgrid[0:small, 0:small] / (small - 1) - 0.5
    paint = WALLS[generator.integers(len(WALLS))] * np.exp(generator.normal(0, 0.12) + generator.normal(0, 0.03, 3))
    turn = generator.uniform(0, 2 * np.pi)
    wall = paint * (1 + generator.uniform(0.1, 0.5) * (np.cos(turn) * x + np.sin(turn) * y))[..., None]
    for _ in range(generator.integers(0, 4)):  # a door, a picture, a shelf
        left, top = generator.uniform(-0.7, 0.5, 2)
        wide, high = generator.uniform(0.12, 0.6, 2)
        thing = smoothstep(
            0.02, 0, np.maximum(np.abs(x - left - wide / 2) - wide / 2, np.abs(y - top - high / 2) - high / 2)
        )
        colour = paint * np.exp(generator.normal(-0.1, 0.35) + generator.normal(0, 0.08, 3))
        wall = wall + thing[..., None] * (colour - wall)
    wall = cv2.GaussianBlur(wall, (0, 0), generator.uniform(2.0, 5.0))
    way = light.directions[0]
    shadow_x, shadow_y = -0.25 * way[0], 0.18 * way[1]
    near = np.exp(-((((x - shadow_x) / 0.40) ** 2 + ((y - shadow_y) / 0.55) ** 2) ** 2))
    wall = wall * (1 - generator.uniform(0.1, 0.55) * near[..., None])
    wall = cv2.resize(wall, (side, side), interpolation=cv2.INTER_CUBIC)
    rough = cv2.resize(generator.standard_normal((192, 192)), (side, side), interpolation=cv2.INTER_AREA)
    return np.clip(wall * (1 + 0.008 * rough[..., None]), 0.004, 1)
