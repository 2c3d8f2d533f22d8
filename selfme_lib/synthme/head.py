"""The head: vertices, triangles and shape targets of the MakeHuman base mesh, cut at the neck.

Source: MakeHuman/MPFB base mesh hm08, targets and ARKit-style face units (CC0, Data Collection AB, Joel Palmius,
Jonas Hauquier and the MakeHuman community), extracted by `tools/build_head_asset.py` into `head.npz`.

Axes: x to the subject's left (the right of the picture), y up, z towards the camera; the unit is the decimetre.
A *target* is a sparse field of displacements; a face is the base mesh plus a weighted sum of targets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

HEAD = Path(__file__).with_name("head.npz")

PARTS = ("skin", "eye", "teeth", "tongue", "hair")
AXIS_Z = -0.15  # the head is unrolled on a cylinder about the axis x = 0, z = AXIS_Z


@dataclass(frozen=True)
class Head:
    """The base mesh and its targets.

    Attributes:
        vertices: (n, 3) positions of the base mesh.
        triangles: (t, 3) vertex numbers, counter-clockwise seen from outside.
        part: (t,) index into `PARTS`.
        vertex_part: (n,) the same for vertices.
        openness: (n,) the share of the sky that a vertex of the base mesh sees (ambient occlusion), in [0, 1].
        targets: name -> (vertex numbers (k,), displacements (k, 3)). Names are `folder/target`, e.g. `nose/nose-hump-incr`,
            `unit/mouthSmileLeft`.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    part: np.ndarray
    vertex_part: np.ndarray
    openness: np.ndarray
    targets: Mapping[str, tuple[np.ndarray, np.ndarray]]

    def displacement(self, weights: Mapping[str, float]) -> np.ndarray:
        """The sum of targets under `weights` (name -> weight): (n, 3)."""
        total = np.zeros_like(self.vertices)
        for name, weight in weights.items():
            index, delta = self.targets[name]
            total[index] += weight * delta
        return total

    def reach(self, *names: str) -> np.ndarray:
        """The furthest that any of the named targets moves each vertex: (n,). Serves as a soft mask of a region."""
        furthest = np.zeros(len(self.vertices))
        for name in names:
            index, delta = self.targets[name]
            furthest[index] = np.maximum(furthest[index], np.linalg.norm(delta, axis=1))
        return furthest

    def angle(self) -> np.ndarray:
        """Angle of each vertex about the vertical axis, 0 in front, positive to the subject's left: (n,)."""
        return np.arctan2(self.vertices[:, 0], self.vertices[:, 2] - AXIS_Z)

    def names(self, folder: str) -> list[str]:
        """All targets of a folder, sorted."""
        return sorted(name for name in self.targets if name.startswith(folder + "/"))

    def of_part(self, part: str) -> np.ndarray:
        """Vertex numbers of a part."""
        return np.flatnonzero(self.vertex_part == PARTS.index(part))

    @cached_property
    def eyes(self) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """Vertex numbers and centre (3,) of the subject's left and right eyeball."""
        both = self.of_part("eye")
        halves = both[self.vertices[both, 0] > 0], both[self.vertices[both, 0] < 0]
        return tuple((ball, (self.vertices[ball].max(0) + self.vertices[ball].min(0)) / 2) for ball in halves)


def smoothstep(low: np.ndarray | float, high: np.ndarray | float, x: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, smooth between; reversed if `low > high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@lru_cache(maxsize=1)
def load_head() -> Head:
    """The head that ships with the package, read once per process."""
    with np.load(HEAD, allow_pickle=False) as asset:
        quads, quad_part, index = (asset[name].astype(np.int64) for name in ("quads", "part", "index"))
        vertices, openness, delta = (asset[name].astype(np.float64) for name in ("vertices", "openness", "delta"))
        start = asset["start"]
        targets = {
            str(name): (index[a:b], delta[a:b] * scale)
            for name, a, b, scale in zip(asset["names"], start[:-1], start[1:], asset["scale"])
        }
    vertex_part = np.zeros(len(vertices), np.int64)
    vertex_part[quads.ravel()] = np.repeat(quad_part, 4)
    return Head(
        vertices=vertices,
        triangles=np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]),
        part=np.tile(quad_part, 2),
        vertex_part=vertex_part,
        openness=openness,
        targets=targets,
    )
