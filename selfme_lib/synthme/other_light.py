"""Light and rooms of the other world: one window at the side instead of soft lamps in front, and a room instead of a wall.

A third of the people sit in lamplight: yellow, from above. The dark side of a face is lit by what bounces off a coloured wall,
and by little else: the sky of `shading.draw_light` is three times as bright. Rooms are out of focus behind the head, and
what is in them has edges and colours that no wall of the home world has.
"""

import cv2
import numpy as np

from .shading import Light

WALLS = np.array([[0.62, 0.58, 0.50], [0.34, 0.42, 0.36], [0.30, 0.36, 0.48], [0.52, 0.33, 0.24], [0.72, 0.72, 0.70]])
DEFOCUS = 0.016  # radius of the circle that a point of the room becomes, as a share of the frame


def draw_light(generator: np.random.Generator) -> Light:
    """A window or a lamp at one side, and what the wall opposite throws back."""
    side = generator.choice([-1.0, 1.0])
    lamplight = generator.random() < 1 / 3
    height = generator.uniform(0.7, 1.1) if lamplight else generator.uniform(0.05, 0.45)
    key = np.array([side * generator.uniform(0.7, 1.8), height, 0.8])
    bounce = np.array([-side * generator.uniform(0.9, 1.6), generator.uniform(-0.7, 0.0), 0.5])
    tint = np.array([1.12, 0.95, 0.70]) if lamplight else np.array([0.93, 0.98, 1.06])
    wall = WALLS[generator.integers(len(WALLS))]
    colours = np.stack([generator.uniform(0.9, 1.2) * tint, generator.uniform(0.15, 0.4) * wall / wall.mean() * tint])
    directions = np.stack([key, bounce])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Light(ambient=float(generator.uniform(0.08, 0.15)), directions=directions, colours=colours)


def draw_room(generator: np.random.Generator, side: int) -> np.ndarray:
    """A cluttered room out of focus: linear RGB (side, side, 3) float32."""
    wall = WALLS[generator.integers(len(WALLS))] * generator.uniform(0.3, 0.8)
    fall = np.linspace(generator.uniform(0.6, 1.4), generator.uniform(0.6, 1.4), side)
    room = (wall * fall[None, :, None] * np.ones((side, 1, 1))).astype(np.float32)
    {0: _shelves, 1: _blinds, 2: _pictures}[int(generator.integers(3))](generator, room)
    for _ in range(int(generator.integers(2, 6))):  # bottles, plants, lamps
        centre, axes = generator.integers(0, side, 2), generator.integers(side // 40, side // 7, 2)
        colour = 3 * generator.uniform(0.02, 0.5) * generator.dirichlet([12.0] * 3)
        cv2.ellipse(room, centre.tolist(), axes.tolist(), 0, 0, 360, colour.tolist(), -1)
    radius = max(1, round(DEFOCUS * side * generator.uniform(0.6, 1.6)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)).astype(np.float32)
    return np.clip(cv2.filter2D(room, -1, disc / disc.sum(), borderType=cv2.BORDER_REFLECT), 0.004, 1)


def _shelves(generator: np.random.Generator, room: np.ndarray) -> None:
    """Books of all colours, in rows."""
    side, top = len(room), int(generator.integers(-60, 0) * len(room) / 256)
    while top < side:
        height, left = int(side * generator.uniform(0.16, 0.26)), 0
        while left < side:
            width = int(side * generator.uniform(0.015, 0.06)) + 1
            tall = int(height * generator.uniform(0.65, 0.92))
            colour = generator.uniform(0.02, 0.45) * generator.dirichlet([9.0] * 3) * 3
            _rectangle(room, left, top + height - tall, left + width - 1, top + height, colour)
            left += width + int(generator.random() < 0.15) * width
        _rectangle(room, 0, top + height, side, top + height + side // 50, np.array([0.20, 0.12, 0.07]))
        top += height + side // 50


def _blinds(generator: np.random.Generator, room: np.ndarray) -> None:
    """A bright window on one side, with slats before it."""
    side = len(room)
    left = int(side * generator.choice([-0.1, 0.55]))
    right, bottom = left + int(0.55 * side), int(side * generator.uniform(0.5, 0.9))
    _rectangle(room, left, 0, right, bottom, np.array([0.80, 0.88, 0.95]) * generator.uniform(0.6, 1))
    pitch = int(side * generator.uniform(0.05, 0.08))
    for row in range(0, bottom, pitch):
        _rectangle(room, left, row, right, row + pitch // 3, np.array([0.42, 0.40, 0.36]))


def _pictures(generator: np.random.Generator, room: np.ndarray) -> None:
    """Frames and notes on the wall."""
    side = len(room)
    for _ in range(int(generator.integers(4, 9))):
        x, y = generator.integers(-side // 8, side, 2).tolist()
        width, height = (side * generator.uniform(0.08, 0.30, 2)).astype(int).tolist()
        _rectangle(room, x, y, x + width, y + height, generator.uniform(0.02, 0.6) * generator.uniform(0.7, 1.0, 3))
        inset = max(1, side // 64)
        _rectangle(
            room,
            x + inset,
            y + inset,
            x + width - inset,
            y + height - inset,
            generator.uniform(0.05, 0.7) * generator.uniform(0.7, 1.0, 3),
        )


def _rectangle(room: np.ndarray, left: int, top: int, right: int, bottom: int, colour: np.ndarray) -> None:
    room[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = colour
