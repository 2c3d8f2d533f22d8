"""The truth beside the data set: one file per clip, `ROOT/truth/sub01/EP02_01f.npz`, that `ground_truth` computes.

Flows are stored as their two parts in half precision, an error of at most .002 px for motions below 4 px. This module reads
files only, so what reads them does not depend on the renderer.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_arrays

MASKS = ("surface", "visible", "surface_onset", "visible_onset")
FRAME_NUMBERS = ("onset", "apex", "offset", "true_onset", "true_apex", "true_offset", "first_frame")


@dataclass(frozen=True)
class Truth:
    """What is known about a clip because it was rendered. Flows are in pixels of the frames' own lattice, x first.

    Attributes:
        flow_backward: on the lattice of the apex, apex(u) = onset(u + flow(u)); zero where the wall is seen.
        flow_forward: on the lattice of the onset, where its pixels are at the apex.
        au_flow_backward, head_flow_backward, au_flow_forward, head_flow_forward: their parts, see `ground_truth`.
        surface: apex pixels that show the head; visible: those whose point can also be seen in the onset.
        surface_onset, visible_onset: the same for the onset's pixels and the apex.
        au_intensity: of each unit in `au_names` in each frame; names are L or R and the unit's number.
        pose: pitch, yaw, roll (radians) and shift x, y (pixels of a 256-pixel frame) in each frame.
        onset, apex, offset: frame numbers, as in the label file; the flows are between these frames.
        true_onset, true_apex, true_offset: of the movement itself, which coders may miss; first_frame: number of the first frame.
    """

    flow_backward: Float[Tensor, "2 h w"]
    flow_forward: Float[Tensor, "2 h w"]
    au_flow_backward: Float[Tensor, "2 h w"]
    head_flow_backward: Float[Tensor, "2 h w"]
    au_flow_forward: Float[Tensor, "2 h w"]
    head_flow_forward: Float[Tensor, "2 h w"]
    surface: Bool[Tensor, "h w"]
    visible: Bool[Tensor, "h w"]
    surface_onset: Bool[Tensor, "h w"]
    visible_onset: Bool[Tensor, "h w"]
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
    names = [f"{part}_flow_{direction}" for part in ("au", "head") for direction in ("backward", "forward")]
    flows: dict[str, Any] = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in names}
    as_stored: dict[str, Any] = {name: torch.from_numpy(arrays[name]) for name in (*MASKS, "au_intensity", "pose")}
    numbers: dict[str, Any] = {name: int(arrays[name]) for name in FRAME_NUMBERS}
    shape = (2, *arrays["surface"].shape)
    for name, flow in flows.items():
        if flow.shape != shape:
            raise ValueError(f"{name} has the shape {tuple(flow.shape)}, expected {shape}")
        if not flow.isfinite().all():
            raise ValueError(f"{name} is not finite everywhere")
    return Truth(
        flow_backward=flows["au_flow_backward"] + flows["head_flow_backward"],
        flow_forward=flows["au_flow_forward"] + flows["head_flow_forward"],
        au_names=tuple(arrays["au_names"].tolist()),
        **(flows | as_stored | numbers),
    )
