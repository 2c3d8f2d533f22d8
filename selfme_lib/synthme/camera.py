r"""A pinhole camera in front of a head, and the head's pose.

A vertex $V$ is turned about the neck joint $p$ by $R = R_z R_y R_x$ and projected,

$$Q = R(V - p) + p - c, \qquad
  (x, y) = \tfrac{S - 1}{2} + \frac{s\,d}{d - Q_z}\,(Q_x, -Q_y) + (t_x, t_y),$$

with $c$ the centre of the view, $d$ the camera's distance and $s$ the pixels per unit in the plane of $c$.
Pixel centres have integer coordinates, as everywhere in the project.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np


class Pose(NamedTuple):
    """Rigid motion of the head: pitch, yaw and roll in radians; shift in pixels of a 256-pixel frame."""

    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def changed_by(self, change: np.ndarray) -> "Pose":
        """This pose plus a change of its five numbers."""
        return Pose(*(np.array(self) + change).tolist())

    def rotation(self) -> np.ndarray:
        """The 3x3 matrix $R_z R_y R_x$, which cannot be written to."""
        return _rotation(self.pitch, self.yaw, self.roll)


FRONTAL = Pose()


@lru_cache(maxsize=16)  # asked for several times a frame
def _rotation(pitch: float, yaw: float, roll: float) -> np.ndarray:
    (cx, cy, cz), (sx, sy, sz) = (f([pitch, yaw, roll]) for f in (np.cos, np.sin))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    turn = about_z @ about_y @ about_x
    turn.setflags(write=False)
    return turn


@dataclass(frozen=True)
class Camera:
    """A camera `distance` units away from `centre` (3,), the middle of its view.

    The head turns about `pivot` (3,). The frame has `size` x `size` pixels, `scale` of them per unit in the plane of `centre`.
    """

    centre: np.ndarray
    pivot: np.ndarray
    scale: float
    distance: float
    size: int

    def supersampled(self, factor: int) -> "Camera":
        """The same view on a lattice `factor` times as fine."""
        return replace(self, scale=self.scale * factor, size=self.size * factor)

    def project(self, vertices: np.ndarray, pose: Pose) -> tuple[np.ndarray, np.ndarray]:
        """World (n, 3) -> pixel coordinates (n, 2) and depth, the distance along the optical axis (n,)."""
        about_pivot = np.empty(vertices.shape)
        for axis in range(3):  # quicker than along a last axis of three
            np.subtract(vertices[:, axis], self.pivot[axis], out=about_pivot[:, axis])
        turned = about_pivot @ pose.rotation().T
        x, y, z = (turned[:, axis] + shift for axis, shift in enumerate(self.pivot - self.centre))
        depth = self.distance - z
        magnification = self.scale * self.distance / depth
        middle, pixel = (self.size - 1) / 2, self.size / 256
        x = middle + magnification * x + pose.shift_x * pixel
        y = middle - magnification * y + pose.shift_y * pixel
        return np.stack([x, y], axis=1), depth
