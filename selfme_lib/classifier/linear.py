r"""The linear yardstick: logistic regression on a motion averaged in 8 x 8 cells. Whatever claims to recognise has to beat it.

A network of a million weights that does not beat 128 averages has learned nothing that they do not show. The mirror image of
each training clip is a training clip, too. All features share one scale, so that a cell where little moves counts little, and
that of all motions together, such as $\gamma$, changes nothing.
"""

from typing import Annotated

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
from sklearn.linear_model import LogisticRegression
from torch import Tensor, from_numpy

from selfme_lib.runtime.settings import STRICT

from .symmetry import flip_motion


@dataclass(frozen=True, config=STRICT)
class LinearConfig:
    """Of the yardstick, and of the head on a frozen trunk.

    Attributes:
        cells: along each side, in which a motion is averaged.
        c: inverse strength of the penalty; chosen on choice people.
    """

    cells: Annotated[int, Field(ge=1, le=256, description="along each side of the motion")] = 8
    c: Annotated[float, Field(gt=0, le=1e6, description="an inverse strength of the penalty")] = 1.0


def cell_means(motion: Float[Tensor, "n 2 h w"], cells: int = 8) -> Float[Tensor, "n d"]:
    """The motion's mean in each cell, d = 2 cells²."""
    return F.adaptive_avg_pool2d(motion.float(), cells).flatten(1)


def fit_predict(
    config: LinearConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    test_motion: Float[Tensor, "m 2 h w"],
    *,
    classes: int = 3,
    seed: int = 0,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train on some clips and return the class probabilities of others: one fold of `evaluation.loso`.

    Args:
        seed, device: not used: the problem has one solution, and is solved on the CPU.
    """
    seen = (cell_means(motion, config.cells), cell_means(flip_motion(motion), config.cells))
    return fit_predict_features(config, seen, labels, cell_means(test_motion, config.cells), classes=classes)


def fit_predict_features(
    config: LinearConfig,
    views: tuple[Float[Tensor, "n d"], ...],
    labels: Int[Tensor, "n"],
    test: Float[Tensor, "m d"],
    *,
    classes: int = 3,
) -> Float[Tensor, "m k"]:
    """Logistic regression on features of any kind.

    Args:
        views: of the training clips, each clip once in each: as it is, and mirrored.
    """
    features = np.concatenate([view.double().numpy() for view in views])
    centre, scale = features.mean(0), features.std() + 1e-9
    wanted = np.tile(labels.numpy(), len(views))
    probabilities = np.zeros((len(test), classes))
    if len(present := np.unique(wanted)) == 1:  # of one class alone: there is nothing to tell apart
        probabilities[:, present] = 1
    else:
        fitted = LogisticRegression(C=config.c, max_iter=5000).fit((features - centre) / scale, wanted)
        probabilities[:, fitted.classes_] = fitted.predict_proba((test.double().numpy() - centre) / scale)
    return from_numpy(probabilities).float()
