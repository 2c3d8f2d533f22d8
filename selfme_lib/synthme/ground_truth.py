r"""Exact motion between two renderings of one head.

A pixel `here` shows a point of the surface with known barycentric coordinates. The projection of the same point of the mesh
`there` is where it went, so the flow is exact, not estimated. It has two parts:

$$\underbrace{\pi_t(X_t) - \pi_h(X_h)}_{\text{total}} =
  \underbrace{\pi_t(X_t) - \pi_t(X_h)}_{\text{action units}} + \underbrace{\pi_t(X_h) - \pi_h(X_h)}_{\text{head}},$$

with $X$ the point on the unposed head and $\pi$ the projection by pose and camera, $h$ here and $t$ there. The first part
is everything the face does (distractors, blinks and gaze included), the second what a rigid mask would do.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.kept import seal

from .action_units import code
from .camera import Pose
from .render import Expression, Renderer
from .timeline import UNITS, Script
from .truth import FRAME_NUMBERS, MASKS

DEPTH_TOLERANCE = 0.02  # decimetres


@dataclass(frozen=True)
class ExactFlow:
    """Motion on the lattice of one picture, and masks of the same size.

    Attributes:
        action_unit, head: (2, size, size) float32 in pixels, x first; zero where the wall is seen. Their sum is the whole motion.
        surface: where the head is seen; visible: where that point is seen in the other picture, too.
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


def flow_arrays(flow: ExactFlow, direction: str) -> dict[str, np.ndarray]:
    """The parts of a flow as they are stored; `direction` is "backward" or "forward"."""
    parts = {"au": flow.action_unit, "head": flow.head}
    return {f"{part}_flow_{direction}": motion.astype(np.float16) for part, motion in parts.items()}


def truth_arrays(renderer: Renderer, script: Script) -> dict[str, np.ndarray]:
    """The truth of a clip as `truth` reads it."""
    onset, apex = script.state(script.onset), script.state(script.apex)
    backward, forward = exact_flow(renderer, apex, onset), exact_flow(renderer, onset, apex)
    masks = (backward.surface, backward.visible, forward.surface, forward.visible)
    return {
        **flow_arrays(backward, "backward"),
        **flow_arrays(forward, "forward"),
        **dict(zip(MASKS, masks)),
        "au_names": np.array([code({unit: 1}, side) for unit in UNITS for side in "LR"]),
        "au_intensity": script.intensity.reshape(len(script), -1).astype(np.float32),
        "pose": np.array(script.poses, np.float32),
        **dict(
            zip(FRAME_NUMBERS, map(np.array, (*script.frame_numbers, *script.true_frame_numbers, script.first_frame)))
        ),
    }


def save_arrays(path: Path, arrays: dict[str, Any], *, sealed: bool = False) -> None:
    """Write an `.npz` file, atomically; `sealed`: with a checksum behind it (see `runtime.kept`)."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)
        if sealed:
            seal(temporary, path.name)
