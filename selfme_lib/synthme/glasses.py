"""Spectacles: two rims, a bridge and arms, as a mesh that goes wherever the head goes and never with the skin.

They hide some skin and throw a thin shadow on it. What their panes mirror is in `panes`.
"""

import numpy as np

from .head import load_head
from .identity import Identity
from .shading import vertex_normals
from .texture import PLAIN
from .worn import Worn

AROUND = 36  # points of a rim
THICKNESS = 0.028  # decimetres


def fit_glasses(identity: Identity) -> Worn:
    """Glasses that fit a face; their shape and colour are the person's."""
    generator, head = np.random.default_rng((*identity.key, 6)), load_head()
    left, right = (identity.vertices[ball].mean(0) for ball, _ in head.eyes)
    apart = left[0] - right[0]
    width, height = apart * generator.uniform(0.36, 0.42), apart * generator.uniform(0.24, 0.36)
    squareness = generator.uniform(2, 4)  # 2 is an ellipse
    skin = identity.vertices[(head.vertex_part == 0) & (head.openness > 0.3)]
    near = (np.abs(skin[:, 1] - left[1]) < height) & (np.abs(skin[:, 0]) < apart / 2 + width)
    front = np.percentile(skin[near, 2], 96) + 0.02  # on the bridge of the nose, before the brows
    drop = -0.15 * height
    angle = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)
    across = width * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / squareness)
    up = height * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / squareness)
    tubes = []
    for eye in (left, right):
        middle = np.array([eye[0], eye[1] + drop])
        bent = front - 0.35 * np.maximum(np.abs(middle[0] + across) - apart / 2, 0) ** 2  # follows the face a little
        tubes.append(_tube(np.stack([middle[0] + across, middle[1] + up, bent], axis=1), closed=True))
    inner = apart / 2 - width
    t = np.linspace(-1, 1, 8)
    arch = left[1] + drop + 0.25 * height + 0.12 * height * (1 - t**2)
    tubes.append(_tube(np.stack([inner * t, arch, np.full(8, front)], axis=1)))
    for sign in (1, -1):
        back = np.linspace(0, 1, 10)
        x = sign * (apart / 2 + width + 0.10 * back)
        z = front - 0.35 * width**2 - back * 1.1
        tubes.append(_tube(np.stack([x, np.full(10, left[1] + drop + 0.45 * height), z], axis=1)))
    counts = np.cumsum([0, *(len(vertices) for vertices, _ in tubes[:-1])])
    colour = np.array([[0.02, 0.02, 0.022], [0.10, 0.05, 0.03], [0.28, 0.27, 0.26]])[generator.integers(3)]
    vertices = np.concatenate([vertices for vertices, _ in tubes])
    triangles = np.concatenate([triangles + start for start, (_, triangles) in zip(counts, tubes)])
    return Worn(
        vertices=vertices,
        triangles=triangles,
        normals=vertex_normals(vertices, triangles),
        texel=np.tile(PLAIN, (len(vertices), 1)),
        tint=np.tile(colour, (len(vertices), 1)),
        gloss=np.full(len(vertices), 0.35),
        openness=np.ones(len(vertices)),
    )


def _tube(path: np.ndarray, *, closed: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """A square tube about a path (n, 3): 4n vertices and its triangles, seen from outside counter-clockwise."""
    n = len(path)
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.cross(along, [0.0, 0.0, 1.0])
    flat = np.linalg.norm(aside, axis=1, keepdims=True) < 0.3  # an arm runs backwards
    aside = np.where(flat, np.cross(along, [0.0, 1.0, 0.0]), aside)
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    outwards = np.cross(aside, along)
    corners = [path + THICKNESS / 2 * (a * aside + b * outwards) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))]
    vertices = np.stack(corners, axis=1).reshape(-1, 3)
    here = np.arange(n if closed else n - 1)
    there = (here + 1) % n
    triangles = []
    for corner in range(4):
        other = (corner + 1) % 4
        a, b, c, d = 4 * here + corner, 4 * here + other, 4 * there + other, 4 * there + corner
        triangles += [np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)]
    faces = np.concatenate(triangles)
    a, b, c = vertices[faces[0]]
    inwards = np.cross(b - a, c - a) @ (a + b + c - 3 * path[0]) < 0
    return vertices, faces[:, ::-1] if inwards else faces
