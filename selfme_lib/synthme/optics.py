"""Reflections that stay with the lamps and the camera, pixel by pixel: on the wet eye, and on the panes of glasses.

They are real optics, so they do not move with the surface that reflects: to an optical flow they are a nuisance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .camera import Camera, Pose
from .raster import Surface
from .shading import Light


@dataclass(frozen=True)
class View:
    """What a reflection depends on, on the fine lattice.

    Attributes:
        camera, surface: of the fine lattice; texel: (2, k) of the k pixels that show something, in the atlas as it is painted.
        vertices: (n, 3) of head and what it wears, not yet posed; points: (n, 2) their pixels.
        pose: of the head; gaze: radians, to the picture's right and up; lamps: as they are turned in this frame.
    """

    camera: Camera
    surface: Surface
    texel: np.ndarray
    vertices: np.ndarray
    points: np.ndarray
    pose: Pose
    gaze: tuple[float, float]
    lamps: Light


Reflection = Callable[[np.ndarray, View], None]  # changes the linear picture (side, side, 3) in place


def axes_of_lamp(way: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors to the right and up, (3,) each, at right angles to the unit vector `way` towards a lamp."""
    x, y, z = way.tolist()
    right = np.array([z, 0.0, -x]) / np.hypot(x, z)
    return right, np.array([y * right[2], z * right[0] - x * right[2], -y * right[0]])  # quicker than `np.cross`


def strand_gloss(strands: np.ndarray, lamps: Light, lit: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Highlights on hair, (n,), from unit vectors along it (n, 3) in camera axes; the camera is on the z axis.

    Kajiya and Kay's: as strong as the half vector is at right angles to the strand.
    """
    total = np.zeros(len(strands))
    for direction, colour, seen in zip(lamps.directions, lamps.colours, lit):
        half = direction + np.array([0.0, 0.0, 1.0])
        across = 1 - (strands @ (half / np.linalg.norm(half))) ** 2
        total += colour.mean() * seen * (0.35 * across**10 + 0.65 * across**40)
    return total * strength
