"""Onset, apex and true motion of clips, rendered without the frames between: what a benchmark looks at.

The frames are those of the folder that `write_dataset` would write, pixel by pixel.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from tqdm import tqdm

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.processes import in_parallel

from .dataset import PlannedClip, SynthConfig, plan_by_number, renderer_of
from .ground_truth import exact_flow
from .sensor import expose


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
    """Render excerpts of some clips of a configuration; those that are in the folder already are not rendered again.

    Args:
        folder: where they are kept, one `.npz` a clip; it serves one configuration only, so name it by its fingerprint.
        config: of the whole data set.
        clips: subject and name of each clip.
        workers: processes; by default one a core.

    Returns:
        The file of each clip, for `load_excerpt`.

    Raises:
        UsageError: the configuration has no such clip.
    """
    paths = {clip: Path(folder) / f"sub{clip[0]}" / f"{clip[1]}.npz" for clip in clips}
    missing = {clip for clip, path in paths.items() if not path.is_file()}
    if not missing:
        return paths
    numbers = {(clip.files.subject, clip.files.name): key for key, clip in plan_by_number(config).items()}
    for clip in missing - set(numbers):
        raise UsageError(f"the configuration has no clip {'/'.join(clip)}")
    wanted = sorted((*numbers[clip], paths[clip]) for clip in missing)  # subject, number, path
    jobs = [(config, list(some)) for _, some in groupby(wanted, key=lambda item: item[0])]  # a person is painted once
    with tqdm(total=len(missing), desc=f"rendering at yaw {config.yaw:g}°", unit="clip", disable=None) as bar:
        for done in in_parallel(_render_some, jobs, workers):
            bar.update(done)
    return paths


def load_excerpt(path: Path) -> Excerpt:
    """Read what `render_excerpts` wrote."""
    with np.load(path) as stored:
        action, head = (torch.from_numpy(stored[f"{part}_flow_backward"].astype(np.float32)) for part in ("au", "head"))
        return Excerpt(onset=stored["onset"], apex=stored["apex"], flow_backward=action + head, au_flow_backward=action)


def _render_some(config: SynthConfig, clips: list[tuple[str, int, Path]]) -> int:
    cv2.setNumThreads(1)
    for subject, number, path in clips:
        arrays = _render(config, plan_by_number(config)[subject, number])
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **arrays)
    return len(clips)


def _render(config: SynthConfig, clip: PlannedClip) -> dict[str, np.ndarray]:
    renderer, script = renderer_of(clip.identity, config.size), clip.script
    generator = np.random.default_rng(script.seed)
    frames = {}
    for frame in range(script.apex + 1):
        if frame not in (script.onset, script.apex):
            generator.standard_normal((config.size, config.size, 3), dtype=np.float32)  # the noise of a frame not taken
            continue
        picture = renderer.render(script.expression(frame), script.poses[frame], gain=script.gain[frame])
        encoded = clip.files.encode(expose(picture, generator, noise=script.noise), script.jpeg_quality)
        frames[frame] = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    onset, apex = ((script.expression(index), script.poses[index]) for index in (script.onset, script.apex))
    motion = exact_flow(renderer, apex, onset)
    return {
        "onset": frames[script.onset],
        "apex": frames[script.apex],
        "au_flow_backward": motion.action_unit.astype(np.float16),
        "head_flow_backward": motion.head.astype(np.float16),
    }
