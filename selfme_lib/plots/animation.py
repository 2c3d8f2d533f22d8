r"""The front page's animation: micro-expressions as recorded, and amplified.

Each frame is the onset moved by $\exp(\gamma s v)$, where s goes from 0 to 1 and back: what a camera would have seen had
the skin moved $\gamma$ times as far.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from selfme_lib.grids import warp
from selfme_lib.motion.checkpoint import Estimator
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.runtime.files import atomic_path

from .montage import below, beside, to_bytes

GAMMAS = (1.0, 2.0, 4.0, 8.0)
FRAMES, MILLISECONDS = 20, 70  # of one cycle, onset to apex and back; duration of a frame


@torch.inference_mode()
def amplification_frames(
    estimator: Estimator,
    people: Mapping[str, tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]],
    *,
    gammas: Sequence[float] = GAMMAS,
    frames: int = FRAMES,
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Pictures with a row for each person and a column for each γ, over one cycle from onset to apex and back.

    Args:
        estimator: in `eval` mode.
        people: name → onset and apex.
        gammas: amplifications.
        frames: number of pictures.
    """
    titles = ["as it is" if gamma == 1 else f"γ = {gamma:g}" for gamma in gammas]
    dense = {name: estimator.dense_motion(onset[None], apex[None]) for name, (onset, apex) in people.items()}
    pictures = []
    for frame in range(frames):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * frame / frames)  # from 0 to 1 and back
        rows = []
        for name, (onset, _) in people.items():
            height, width = onset.shape[-2:]
            moved = [
                warp(onset[None], diffeomorphic_motion(dense[name], (height, width), gamma=gamma * share))[0]
                for gamma in gammas
            ]
            rows.append(beside([to_bytes(image) for image in moved], titles))
        pictures.append(below(rows))
    return pictures


def save_animation(path: Path, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]]) -> None:
    """Write an animated WebP that loops for ever."""
    first, *others = map(Image.fromarray, pictures)
    with atomic_path(path) as temporary:
        options = {"append_images": others, "duration": MILLISECONDS, "loop": 0, "quality": 70}
        first.save(temporary, format="WEBP", save_all=True, **options)
