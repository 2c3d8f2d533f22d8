r"""Exact motion between two renderings of one head.

A pixel `here` shows a point of the surface with known barycentric coordinates. The projection of the same point of the mesh
`there` is where it went, so the flow is exact, not estimated. It has two parts:

$$\underbrace{\pi_t(X_t) - \pi_h(X_h)}_{\text{total}} =
  \underbrace{\pi_t(X_t) - \pi_t(X_h)}_{\text{action units}} + \underbrace{\pi_t(X_h) - \pi_h(X_h)}_{\text{head}},$$

with $X$ the point on the unposed head and $\pi$ the projection by pose and camera, $h$ here and $t$ there. The first part
is everything the face does (distractors, blinks and gaze included), the second what a rigid mask would do.
"""

from dataclasses import dataclass

import numpy as np

from .camera import Pose
from .render import Expression, Renderer

DEPTH_TOLERANCE = 0.02  # decimetres


@dataclass(frozen=True)
class ExactFlow:
    """Motion on the lattice of one picture, in pixels; zero where the wall is seen.

    Attributes:
        action_unit, head: (2, size, size) float32, x first; their sum is the whole motion.
        surface: (size, size) bool, where the head is seen.
        visible: (size, size) bool, where the point is seen in the other picture, too.
    """

    action_unit: np.ndarray
    head: np.ndarray
    surface: np.ndarray
    visible: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.action_unit + self.head


def exact_flow(renderer: Renderer, here: tuple[Expression, Pose], there: tuple[Expression, Pose]) -> ExactFlow:
    """Where each pixel of the picture `here` is found in the picture `there`.

    With `here` the apex and `there` the onset this is the backward flow: apex(u) = onset(u + flow(u)).
    """
    vertices_here, vertices_there = renderer.vertices(here[0]), renderer.vertices(there[0])
    seen = renderer.surface(vertices_here, here[1])
    point_here, point_there = seen.weights @ vertices_here, seen.weights @ vertices_there
    start = np.stack([seen.pixel % seen.size, seen.pixel // seen.size], axis=1)
    rigid, _ = renderer.camera.project(point_here, there[1])
    end, depth = renderer.camera.project(point_there, there[1])

    fine = 3  # whether it is visible there is looked up on a lattice three times as fine
    other = renderer.surface(vertices_there, there[1], supersampling=fine)
    visible = depth <= other.depth_at((end + 0.5) * fine - 0.5, background=0) + DEPTH_TOLERANCE
    return ExactFlow(
        action_unit=seen.image((end - rigid).astype(np.float32)),
        head=seen.image((rigid - start).astype(np.float32)),
        surface=seen.image(np.ones(len(start), bool)),
        visible=seen.image(visible),
    )
