r"""Light on the head, computed at vertices and interpolated to pixels.

Diffuse light wraps a little around the edge of the shadow, red more than blue, like light scattered in skin,

$$L_v = \sum_l I_l\, V_{l,v}\, \Big(\frac{n_v \cdot d_l + w}{1 + w}\Big)_+ + I_a\,A_v,\qquad w = (.45, .32, .28),$$

with $V$ the visibility of the light and $A$ the openness of the vertex to the sky (ambient occlusion); gloss is Blinn's.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_matrix

from .camera import FRONTAL, Camera
from .raster import rasterise

WRAP = np.array([0.45, 0.32, 0.28])


@dataclass(frozen=True)
class Light:
    """A sky of strength `ambient`, and two lamps: unit vectors towards them and their linear RGB intensities, each (2, 3)."""

    ambient: float
    directions: np.ndarray
    colours: np.ndarray

    def swayed(self, right: float, up: float) -> "Light":
        """The same lamps, turned about the head by small angles in radians."""
        x, y, z = self.directions.T
        turned = np.stack([x + right * z, y + up * z, z - right * x - up * y], axis=1)
        return replace(self, directions=turned / np.linalg.norm(turned, axis=1, keepdims=True))


def draw_light(generator: np.random.Generator) -> Light:
    """Light of a room: a lamp in front, off to one side, and a weaker one on the other."""
    side = generator.uniform(-0.9, 0.9)
    key = np.array([side, generator.uniform(0.25, 0.8), 1.0])
    fill = np.array([-np.sign(side) * generator.uniform(0.6, 1.2), 0.15, 0.75])
    directions = np.stack([key, fill])
    warmth = generator.normal(0, 0.03)
    ambient = generator.uniform(0.24, 0.40)
    key_colour = generator.uniform(0.60, 0.80) * np.array([1 + warmth, 0.98, 0.95 - warmth])
    fill_colour = generator.uniform(0.18, 0.36) * np.array([0.95, 0.98, 1.03])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Light(ambient=ambient, directions=directions, colours=np.stack([key_colour, fill_colour]))


def adjoining(triangles: np.ndarray, vertices: int) -> csr_matrix:
    """Which triangles (t, 3) meet at each of so many vertices: (vertices, t), of ones."""
    t = len(triangles)
    at = (np.ones(3 * t), (triangles.ravel(), np.repeat(np.arange(t), 3)))
    return csr_matrix(at, shape=(vertices, t))


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray, meeting: csr_matrix | None = None) -> np.ndarray:
    """Unit normals: the area-weighted mean over adjoining triangles, (n, 3). `meeting` is `adjoining` if it is known."""
    if meeting is None:
        meeting = adjoining(triangles, len(vertices))
    a, b, c = (np.ascontiguousarray(vertices.T).take(corner, axis=1) for corner in triangles.T)
    (x1, y1, z1), (x2, y2, z2) = b - a, c - a
    normals = meeting @ np.stack([y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2], axis=1)
    x, y, z = normals.T
    return normals / np.maximum(np.sqrt(x * x + y * y + z * z), 1e-12)[:, None]


def visibility(
    vertices: np.ndarray, triangles: np.ndarray, direction: np.ndarray, *, size: int = 160, bias: float = 0.03
) -> np.ndarray:
    """Which vertices a distant lamp in `direction` reaches: (n,) bool, from a depth map seen from the lamp."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross([0.0, 1.0, 0.0] if abs(forward[1]) < 0.9 else [1.0, 0.0, 0.0], forward)
    right /= np.linalg.norm(right)
    turned = vertices @ np.stack([right, np.cross(forward, right), forward]).T
    low, high = turned.min(0), turned.max(0)
    scale = (size - 3) / max(high[0] - low[0], high[1] - low[1])
    far = Camera(centre=(low + high) / 2, pivot=np.zeros(3), scale=scale, distance=1e4, size=size)
    points, depth = far.project(turned, FRONTAL)
    return depth <= rasterise(points, depth, triangles, size).depth_at(points, background=np.inf) + bias


def soft_visibility(vertices: np.ndarray, triangles: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """The part of a lamp, .12 wide and tried at six points of its rim, that each vertex sees: (n,) in [0, 1]."""
    right = np.cross([0.0, 1.0, 0.0], direction)
    up = np.cross(direction, right)
    turns = np.arange(6) / 6 * 2 * np.pi
    hits = [visibility(vertices, triangles, direction + 0.12 * (np.cos(t) * right + np.sin(t) * up)) for t in turns]
    return np.mean(hits, axis=0)


def irradiance(normals: np.ndarray, light: Light, openness: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Light falling on vertices, linear RGB (n, 3), from normals (n, 3) in camera axes, openness (n,) to the sky in [0, 1], and
    visibility of the lamps (2, n)."""
    wrap = WRAP[:, None]  # arrays are (3, n) in here, since NumPy is slow along a last axis of three
    total = light.ambient * openness * (0.8 + 0.2 * normals[:, 1])
    for direction, colour, seen in zip(light.directions, light.colours, lit):
        facing = normals @ direction
        total = total + colour[:, None] * (np.clip((facing + wrap) / (1 + wrap), 0, 1) ** 1.1) * seen
    return total.T


def gloss(normals: np.ndarray, light: Light, lit: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Blinn's highlights for a camera on the z axis: (n,). A broad lobe for skin, and a narrow one for wet surfaces."""
    total = np.zeros(len(normals))
    for direction, colour, seen in zip(light.directions, light.colours, lit):
        half = direction + np.array([0.0, 0.0, 1.0])
        aligned = np.clip(normals @ (half / np.linalg.norm(half)), 0, 1)
        total += colour.mean() * seen * (0.5 * aligned**12 + 0.8 * aligned**40)
    return total * strength
