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
        camera, surface: of the fine lattice; texel: (k, 2) of the k pixels that show something, in the atlas as it is painted.
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
