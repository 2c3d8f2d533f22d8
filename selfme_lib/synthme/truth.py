"""The truth beside the data set: one file per clip, `ROOT/truth/sub01/EP02_01f.npz`, that `ground_truth` computes.

Flows are stored as their two parts in half precision, an error of at most .002 px for motions below 4 px. This module reads
files only, so what reads them does not depend on the renderer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_arrays

FLOWS = tuple(f"{part}_flow_{direction}" for part in ("au", "head") for direction in ("backward", "forward"))
MASKS = ("surface", "visible", "surface_onset", "visible_onset")
FRAME_NUMBERS = ("onset", "apex", "offset", "true_onset", "true_apex", "true_offset", "first_frame")


@dataclass(frozen=True)
class TrueMotion:
    """The motion between two frames, onset and apex, both ways. Flows are in pixels of the frames' own lattice, x first.

    Attributes:
        au_flow_backward, head_flow_backward, au_flow_forward, head_flow_forward: the parts of the motion, see `ground_truth`.
        surface: apex pixels that show the head; visible: those whose point can also be seen in the onset.
        surface_onset, visible_onset: the same for the onset's pixels and the apex.
    """

    au_flow_backward: Float[Tensor, "2 h w"]
    head_flow_backward: Float[Tensor, "2 h w"]
    au_flow_forward: Float[Tensor, "2 h w"]
    head_flow_forward: Float[Tensor, "2 h w"]
    surface: Bool[Tensor, "h w"]
    visible: Bool[Tensor, "h w"]
    surface_onset: Bool[Tensor, "h w"]
    visible_onset: Bool[Tensor, "h w"]

    @cached_property
    def flow_backward(self) -> Float[Tensor, "2 h w"]:
        """On the lattice of the apex, apex(u) = onset(u + flow(u)); zero where the wall is seen."""
        return self.au_flow_backward + self.head_flow_backward


@dataclass(frozen=True)
class Truth(TrueMotion):
    """What is known about a clip because it was rendered.

    Attributes:
        au_intensity: of each unit in `au_names` in each frame; names are L or R and the unit's number.
        pose: pitch, yaw, roll (radians) and shift x, y (pixels of a 256-pixel frame) in each frame.
        onset, apex, offset: frame numbers, as in the label file; the flows are between these frames.
        true_onset, true_apex, true_offset: of the movement itself, which coders may miss; first_frame: number of the first frame.
    """

    au_names: tuple[str, ...]
    au_intensity: Float[Tensor, "t a"]
    pose: Float[Tensor, "t 5"]
    onset: int
    apex: int
    offset: int
    true_onset: int
    true_apex: int
    true_offset: int
    first_frame: int


def truth_path(root: Path, subject: str, clip: str) -> Path:
    """The file of a clip's truth. The subject may be written 1, 01, s1, s01 or sub01."""
    number = "".join(filter(str.isdigit, subject))
    if not number:
        raise DataError(f"{root}: no subject number in {subject!r}; give one such as 01")
    return Path(root) / "truth" / f"sub{int(number):02d}" / f"{clip}.npz"


def load_truth(root: Path | str, subject: str, clip: str) -> Truth:
    """Read the truth of a clip of a SynthME folder.

    Raises:
        DataError: there is none, or it cannot be read.
    """
    path = truth_path(Path(root), subject, clip)
    if not path.is_file():
        raise DataError(f"{path}: no such truth; is {root} a SynthME folder, and the clip one of its clips?")
    try:
        return _from_arrays(read_arrays(path))
    except KeyError as error:
        problem = f"no array {error}"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        problem = str(error)
    raise DataError(f"{path}: unreadable truth ({problem}); delete it and run `selfme synth` again")


def _from_arrays(arrays: dict[str, np.ndarray]) -> Truth:
    """Raises KeyError, TypeError or ValueError if something is missing or wrong."""
    as_stored: dict[str, Any] = {name: torch.from_numpy(arrays[name]) for name in ("au_intensity", "pose")}
    numbers: dict[str, Any] = {name: int(arrays[name]) for name in FRAME_NUMBERS}
    return Truth(**motion_of(arrays), au_names=tuple(arrays["au_names"].tolist()), **as_stored, **numbers)


def motion_of(arrays: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, Any]:
    """The fields of `TrueMotion` from arrays of these names behind a prefix.

    Raises KeyError, TypeError or ValueError if something is missing or wrong.
    """
    flows = {name: torch.from_numpy(arrays[prefix + name].astype(np.float32)) for name in FLOWS}
    masks = {name: torch.from_numpy(arrays[prefix + name]) for name in MASKS}
    shape = (2, *masks["surface"].shape)
    for name, flow in flows.items():
        if flow.shape != shape:
            raise ValueError(f"{prefix}{name} has the shape {tuple(flow.shape)}, expected {shape}")
        if not flow.isfinite().all():
            raise ValueError(f"{prefix}{name} is not finite everywhere")
    return flows | masks
