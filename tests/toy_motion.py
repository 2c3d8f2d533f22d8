"""A problem that a tiny classifier learns in seconds: blobs of skin that move, where and how depending on the class."""

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.evaluation.loso import Experiment, run_experiments

TINY = ClassifierConfig(
    image_size=64, depth=1, width=32, heads=2, epochs=15, batch_size=8, lr=3e-3, schedule="one-cycle", weight_decay=0.01
)
# per class: (x, y, dx, dy) of each blob, as fractions of the face and of the amplitude
BLOBS = (
    ((0.35, 0.35, 0.3, 1.0), (0.65, 0.35, -0.3, 1.0)),  # negative: brows down and together
    ((0.3, 0.75, -0.8, -0.6), (0.7, 0.75, 0.8, -0.6)),  # positive: mouth corners out and up
    ((0.35, 0.35, 0.0, -1.0), (0.65, 0.35, 0.0, -1.0)),  # surprise: brows up
)


def moving_blobs(
    subjects: int, clips: int, *, size: int = 64, seed: int = 0
) -> tuple[Float[Tensor, "n 2 h w"], Int[Tensor, " n"], list[str], list[str]]:
    """Motions, labels, subjects and clip names; each subject has places, strength and noise of his or her own."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.linspace(0, 1, size)
    motions, labels, people, names = [], [], [], []
    for person in range(subjects):
        place = 0.02 * torch.randn(2, generator=generator)
        for clip in range(clips):
            label = (person + clip) % 3
            strength = 0.7 + 0.6 * torch.rand(1, generator=generator)
            motion = 0.1 * torch.randn(2, size, size, generator=generator)
            for x, y, dx, dy in BLOBS[label]:
                distance = (axis - x - place[0]) ** 2 + (axis[:, None] - y - place[1]) ** 2
                motion += strength * torch.tensor([dx, dy])[:, None, None] * torch.exp(-distance / 0.02)
            motions.append(motion)
            labels.append(label)
            people.append(f"{person + 1:02d}")
            names.append(f"EP{clip + 1:02d}")
    return torch.stack(motions), torch.tensor(labels), people, names


def run_loso(config, motion, labels, subjects, clips, *, seed, store, fit_predict, executor=None) -> pd.DataFrame:
    """Predict every clip from the other subjects' clips."""
    experiment = Experiment(config, motion, labels, subjects, clips, seed, fit_predict)
    return run_experiments([experiment], store=store, executor=executor)[0]
