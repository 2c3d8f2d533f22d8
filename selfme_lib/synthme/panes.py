"""The panes of spectacles: they swallow a little light and mirror the lamps and the room.

A pane is part of a sphere, so a lamp's image in it is small and wanders twice as fast as the head turns. It lies on the pane,
not on the skin behind it: motion that no flow of the skin explains.
"""

import cv2
import numpy as np

from .camera import Pose
from .glasses import AROUND
from .head import smoothstep
from .identity import Identity
from .optics import View, axes_of_lamp
from .shading import Light

CURVED = 0.16  # radians by which the normal turns from the middle of a pane to its rim
SWALLOWED = 0.06


class Panes:
    """Reflections of a person's panes; called once per frame, it changes the linear picture in place.

    Args:
        identity: whose panes; how they are tilted and coated is the person's.
        worn: number of vertices of the spectacles, which are the last of the head's.
    """

    def __init__(self, identity: Identity, worn: int):
        generator = np.random.default_rng((*identity.key, 11))
        self.worn = worn
        self.tilt = float(generator.normal(0.02, 0.09))  # of the frame, about the horizontal axis
        self.wrap = float(generator.uniform(0.03, 0.10))  # each pane looks a little to its side
        self.size = generator.uniform(0.12, 0.30, 2)  # of the lamps' images, radians
        self.coat = np.array([0.75, 1.0, 0.85] if generator.random() < 0.5 else [1.0, 1.0, 1.0])
        self.bright = float(generator.uniform(0.5, 1.0))

    def __call__(self, picture: np.ndarray, view: View) -> None:
        rims = view.points[-self.worn :][: 8 * AROUND].reshape(2, AROUND, 4, 2).mean(2)
        for rim, side in zip(rims, (1, -1)):  # the subject's left, the picture's right
            middle = rim.mean(0)
            rim = middle + 0.94 * (rim - middle)
            low = np.maximum(np.floor(rim.min(0)).astype(int), 0)
            high = np.minimum(np.ceil(rim.max(0)).astype(int) + 1, len(picture))
            if (high <= low).any():
                continue
            cover = np.zeros((high - low)[::-1], np.float32)
            cv2.fillPoly(cover, [np.round((rim - low) * 16).astype(np.int32)], 1.0, cv2.LINE_8, 4)
            half = np.maximum(rim.max(0) - rim.min(0), 1) / 2
            x, y = (
                (np.arange(n) - centre) / extent for n, centre, extent in zip(cover.shape[::-1], middle - low, half)
            )
            shine = self.mirrored(x, -y[:, None], view.pose, view.lamps, side)
            part = picture[low[1] : high[1], low[0] : high[0]]
            part += cover[..., None] * (shine - SWALLOWED * part)

    def mirrored(self, x: np.ndarray, y: np.ndarray, pose: Pose, lamps: Light, side: int) -> np.ndarray:
        """What the pane on a side mirrors, (h, w, 3), at x (w,) and y (h, 1), which are 1 at its right and upper rim."""
        normal = (
            np.stack(np.broadcast_arrays(side * self.wrap + CURVED * x, self.tilt + CURVED * y, 1.0), axis=-1)
            @ pose.rotation().T
        )
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        ray = 2 * normal[..., 2:] * normal - np.array([0.0, 0.0, 1.0])
        total = 0.07 * lamps.ambient * smoothstep(-0.5, 0.8, ray[..., 1])[..., None] * np.ones(3)
        for way, colour in zip(lamps.directions, lamps.colours):
            across, up = (ray @ axis for axis in axes_of_lamp(way))
            lamp = smoothstep(self.size[0] + 0.05, self.size[0] - 0.04, np.abs(across))
            lamp = lamp * smoothstep(self.size[1] + 0.05, self.size[1] - 0.04, np.abs(up))
            haze = np.exp(-(across**2 + up**2) / 0.25**2)
            total = total + (0.75 * lamp + 0.22 * haze)[..., None] * colour
        return (self.bright * self.coat * total).astype(np.float32)
