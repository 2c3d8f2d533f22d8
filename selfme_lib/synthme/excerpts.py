"""Onset, apex and true motion of clips, rendered without the frames between, for benchmarks.

The frames equal those of the folder that `write_dataset` would write, pixel by pixel.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.runtime.errors import UsageError

from .ground_truth import exact_flow
from .plan import PlannedClip, SynthConfig, plan_clips
from .render import Renderer
from .sensor import decode
from .studio import film, film_clips
from .truth import flow_arrays, save_arrays


@dataclass(frozen=True)
class Excerpt:
    """Two frames of a clip, RGB, and the motion between them as in `truth.Truth`."""

    onset: UInt8[np.ndarray, "h w 3"]
    apex: UInt8[np.ndarray, "h w 3"]
    flow_backward: Float[Tensor, "2 h w"]
    au_flow_backward: Float[Tensor, "2 h w"]


def render_excerpts(
    folder: Path | str, config: SynthConfig, clips: Collection[tuple[str, str]], *, workers: int | None = None
) -> dict[tuple[str, str], Path]:
    """Render excerpts of some clips of a configuration, except those that are in the folder already.

    Args:
        folder: where they are kept, one `.npz` per clip; it serves one configuration only, so name it by its fingerprint.
        config: of the whole data set.
        clips: subject and name of each clip.
        workers: processes; by default one per core.

    Returns:
        The file of each clip, for `load_excerpt`.

    Raises:
        UsageError: the configuration has no such clip.
    """
    paths = {clip: _path(folder, *clip) for clip in clips}
    missing = {clip for clip, path in paths.items() if not path.is_file()}
    if not missing:
        return paths
    planned = {(clip.files.subject, clip.files.name): clip for clip in plan_clips(config)}
    for unknown in missing - set(planned):
        raise UsageError(f"the configuration has no clip {'/'.join(unknown)}")
    chosen = [clip for key, clip in planned.items() if key in missing]
    title = f"rendering at yaw {config.yaw:g}°"
    film_clips(partial(_render_excerpt, folder), chosen, config.size, workers, title=title, total=len(chosen))
    return paths


def load_excerpt(path: Path) -> Excerpt:
    """Read what `render_excerpts` wrote."""
    with np.load(path) as stored:
        action, head = (torch.from_numpy(stored[f"{part}_flow_backward"].astype(np.float32)) for part in ("au", "head"))
        return Excerpt(onset=stored["onset"], apex=stored["apex"], flow_backward=action + head, au_flow_backward=action)


def _path(folder: Path | str, subject: str, name: str) -> Path:
    return Path(folder) / f"sub{subject}" / f"{name}.npz"


def _render_excerpt(folder: Path | str, renderer: Renderer, clip: PlannedClip) -> None:
    script, files = clip.script, clip.files
    frames = film(renderer, script, wanted=(script.onset, script.apex))
    onset, apex = (decode(files.encode(picture, script.jpeg_quality)) for _, picture in frames)
    flow = exact_flow(renderer, script.state(script.apex), script.state(script.onset))
    save_arrays(
        _path(folder, files.subject, files.name), {"onset": onset, "apex": apex, **flow_arrays(flow, "backward")}
    )
