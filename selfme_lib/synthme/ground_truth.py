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
from .raster import Surface
from .render import Expression, Renderer
from .timeline import UNITS, Script, Timeline
from .truth import FRAME_NUMBERS, MASKS

DEPTH_TOLERANCE = 0.02  # decimetres
FINER = 3  # whether a point is visible is looked up on a lattice so many times as fine; odd, so that pixel centres are on it


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


@dataclass(frozen=True)
class _State:
    """A state of face and head: vertices before the pose, the pose, and what is seen on a lattice `FINER` times as fine."""

    vertices: np.ndarray
    pose: Pose
    fine: Surface


def _state(renderer: Renderer, expression: Expression, pose: Pose) -> _State:
    vertices = renderer.vertices(expression)
    return _State(vertices, pose, renderer.surface(vertices, pose, supersampling=FINER))


def exact_flow(renderer: Renderer, here: tuple[Expression, Pose], there: tuple[Expression, Pose]) -> ExactFlow:
    """Where each pixel of the picture `here` is found in the picture `there`.

    With `here` the apex and `there` the onset this is the backward flow: apex(u) = onset(u + flow(u)).
    """
    return _flow(renderer, _state(renderer, *here), _state(renderer, *there))


def _flow(renderer: Renderer, here: _State, there: _State) -> ExactFlow:
    seen = here.fine.coarser(FINER, *renderer.project(here.vertices, here.pose))
    point_here, point_there = seen.weights @ here.vertices, seen.weights @ there.vertices
    start = np.stack([seen.pixel % seen.size, seen.pixel // seen.size], axis=1)
    rigid, _ = renderer.camera.project(point_here, there.pose)
    end, depth = renderer.camera.project(point_there, there.pose)
    visible = depth <= there.fine.depth_at((end + 0.5) * FINER - 0.5, background=0) + DEPTH_TOLERANCE
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


def motion_arrays(
    renderer: Renderer, onset: tuple[Expression, Pose], apex: tuple[Expression, Pose]
) -> dict[str, np.ndarray]:
    """The motion between two states both ways, and its masks, as `truth` names them."""
    here, there = _state(renderer, *apex), _state(renderer, *onset)
    backward, forward = _flow(renderer, here, there), _flow(renderer, there, here)
    masks = (backward.surface, backward.visible, forward.surface, forward.visible)
    return {**flow_arrays(backward, "backward"), **flow_arrays(forward, "forward"), **dict(zip(MASKS, masks))}


def timeline_arrays(timeline: Timeline) -> dict[str, np.ndarray]:
    """What face and head do in each frame, as `truth` names it."""
    return {
        "au_names": np.array([code({unit: 1}, side) for unit in UNITS for side in "LR"]),
        "au_intensity": timeline.intensity.reshape(len(timeline), -1).astype(np.float32),
        "pose": np.array(timeline.poses, np.float32),
    }


def truth_arrays(renderer: Renderer, script: Script) -> dict[str, np.ndarray]:
    """The truth of a clip as `truth` reads it."""
    return {
        **motion_arrays(renderer, script.state(script.onset), script.state(script.apex)),
        **timeline_arrays(script),
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
