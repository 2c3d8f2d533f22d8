r"""The moving picture of the front page: a micro-expression as it is, and amplified.

Each frame is the onset, moved by $\exp(\gamma s v)$, where s goes from 0 to 1 and back: what a camera would have seen if the
skin had moved $\gamma$ times as far.
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
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.runtime.files import atomic_path
from selfme_lib.widgets.canvas import below, beside, pixels

GAMMAS = (1.0, 2.0, 4.0, 8.0)
FRAMES, MILLISECONDS = 20, 70  # of one breath, there and back


@torch.inference_mode()
def amplification_frames(
    learner: MotionLearner,
    people: Mapping[str, tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]],
    *,
    gammas: Sequence[float] = GAMMAS,
    frames: int = FRAMES,
) -> list[UInt8[np.ndarray, "_ _ 3"]]:
    """Pictures with a row for each person and a column for each γ.

    Args:
        learner: in `eval` mode.
        people: name → onset and apex.
        gammas: amplifications.
        frames: of one breath: from the onset to the apex and back.
    """
    dense = {name: learner.dense_motion(onset[None], apex[None]) for name, (onset, apex) in people.items()}
    pictures = []
    for frame in range(frames):
        share = 0.5 - 0.5 * math.cos(2 * math.pi * frame / frames)  # smoothly from 0 to 1 and back
        rows = []
        for name, (onset, _) in people.items():
            moved = [
                warp(onset[None], diffeomorphic_motion(dense[name], tuple(onset.shape[-2:]), gamma=gamma * share))[0]
                for gamma in gammas
            ]
            titles = ["as it is" if gamma == 1 else f"γ = {gamma:g}" for gamma in gammas]
            rows.append(beside([pixels(image, 1) for image in moved], titles))
        pictures.append(below(rows))
    return pictures


def save_animation(path: Path, pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], *, quality: int = 70) -> None:
    """Write an animated WebP that runs for ever."""
    first, *others = map(Image.fromarray, pictures)
    with atomic_path(path) as temporary:
        first.save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=others,
            duration=MILLISECONDS,
            loop=0,
            quality=quality,
        )
