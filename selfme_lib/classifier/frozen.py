r"""A pre-trained network that is not trained any further: what it says of a motion is computed once and read by a linear model.

With a few hundred clips, fine-tuning a million weights forgets more than it learns. `describe` gives the numbers behind the last
layer for a motion and for its mirror image; `fit_predict` is a fold of `evaluation.loso` on them, logistic regression with the
penalty of `linear.LinearConfig`.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import UsageError

from .checkpoint import SHIPPED, load_pretrained
from .linear import LinearConfig, fit_predict_features
from .network import ClassifierConfig, SCViT
from .symmetry import flip_motion

PENALTY = LinearConfig(c=0.1)
"""Chosen on choice people."""


def weights_of(config: ClassifierConfig) -> Path:
    """The file that `config.init` names.

    Raises:
        UsageError: there is none for a network that is not to be trained.
    """
    if config.init not in SHIPPED:
        raise UsageError(f"classifier.trained: head needs a pre-trained network; set init to {' or '.join(SHIPPED)}")
    return SHIPPED[config.init]


def trunk(config: ClassifierConfig, *, device: str = "cpu") -> SCViT:
    """The pre-trained network of these settings, in `eval` mode."""
    return load_pretrained(config, path=weights_of(config)).to(device).eval()


@one_thread()
@torch.inference_mode()
def describe(
    read: Callable[[Float[Tensor, "b 2 h w"]], Float[Tensor, "b d"]],
    motion: Float[Tensor, "n 2 h w"],
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 64,
) -> Float[Tensor, "n 2 1 d"]:
    """What a network's last layers read (`SCViT.describe`) of each motion, and of its mirror image; on the CPU."""
    parts = [part.to(device) for part in motion.split(batch_size)]
    return torch.cat([torch.stack([read(part), read(flip_motion(part))], dim=1)[:, :, None].cpu() for part in parts])


def fit_predict(
    config: LinearConfig,
    described: Float[Tensor, "n 2 1 d"],
    labels: Int[Tensor, "n"],
    test: Float[Tensor, "m 2 1 d"],
    *,
    classes: int = 3,
    seed: int = 0,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train on some clips, each seen twice, and return the class probabilities of others. `seed` and `device` change nothing."""
    views = (described[:, 0, 0], described[:, 1, 0])
    return fit_predict_features(config, views, labels, test[:, 0, 0], classes=classes)
