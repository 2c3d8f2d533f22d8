r"""The linear yardstick: logistic regression on a motion averaged in 8 x 8 cells. Whatever claims to recognise has to beat it.

A network of a million weights that does not beat 128 averages has learned nothing that they do not show. The mirror image of
each training clip is a training clip, too. All features share one scale, so that a cell where little moves counts little, and
that of all motions together, such as $\gamma$, changes nothing.
"""

import dataclasses
from typing import Annotated

import numpy as np
import torch.nn.functional as F
from jaxtyping import Float, Int
from pydantic import Field
from pydantic.dataclasses import dataclass
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
    return fit_features(config, views, labels, classes=classes).predict(test)


@dataclasses.dataclass(frozen=True)
class LinearHead:
    """Fitted logistic regression: logits are `weights` @ (features - centre) / scale + `bias`, -inf for classes nobody showed."""

    weights: Float[Tensor, "k d"]
    bias: Float[Tensor, "k"]
    centre: Float[Tensor, "d"]
    scale: float

    def predict(self, features: Float[Tensor, "m d"]) -> Float[Tensor, "m k"]:
        """Class probabilities."""
        return (((features.double() - self.centre) / self.scale) @ self.weights.T + self.bias).softmax(-1).float()


def fit_features(
    config: LinearConfig, views: tuple[Float[Tensor, "n d"], ...], labels: Int[Tensor, "n"], *, classes: int = 3
) -> LinearHead:
    """Arguments as in `fit_predict_features`."""
    from sklearn.linear_model import LogisticRegression  # slow to import

    features, wanted = np.concatenate([view.double().numpy() for view in views]), np.tile(labels.numpy(), len(views))
    centre = features.mean(0)
    scale = float((features - centre).std()) + 1e-9
    weights, bias = np.zeros((classes, features.shape[1])), np.full(classes, -np.inf)
    present = np.unique(wanted)
    bias[present] = 0.0
    if len(present) > 1:  # of one class alone there is nothing to tell apart
        fitted = LogisticRegression(C=config.c, max_iter=5000).fit((features - centre) / scale, wanted)
        pair = len(present) == 2  # for which there is one row: of the second class against the first
        weights[present] = np.stack([0 * fitted.coef_[0], fitted.coef_[0]]) if pair else fitted.coef_
        bias[present] = np.array([0.0, fitted.intercept_[0]]) if pair else fitted.intercept_
    return LinearHead(from_numpy(weights), from_numpy(bias), from_numpy(centre), scale)
