"""A linear support vector machine on descriptors: the classifier of LBP-TOP and Bi-WOOF."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def train_svm(
    descriptors: Float[Tensor, "n d 1 1"], labels: Int[Tensor, "n"], *, c: float, classes: int = 3
) -> Callable[[Float[Tensor, "m d 1 1"]], Float[Tensor, "m k"]]:
    """Fit on some clips; the result gives class probabilities of others.

    A linear kernel, one machine for each pair of classes, on descriptors standardised by the training clips' statistics. A
    machine knows no probabilities: these are the softmax of its decision values, and 0 for classes without a training clip.

    Args:
        c: cost of a training clip on the wrong side.
        classes: number of columns.
    """
    from sklearn.pipeline import make_pipeline  # slow to import
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    known = labels.unique().tolist()
    machine = make_pipeline(StandardScaler(), SVC(kernel="linear", C=c))
    if len(known) > 1:
        machine.fit(descriptors.flatten(1).numpy(), labels.numpy())

    def predict(others: Float[Tensor, "m d 1 1"]) -> Float[Tensor, "m k"]:
        decisions = np.full((len(others), classes), -np.inf)
        if len(known) == 1:
            decisions[:, known] = 0
        else:
            values = machine.decision_function(others.flatten(1).numpy())
            decisions[:, known] = np.stack([-values, values], axis=1) if len(known) == 2 else values
        return torch.from_numpy(decisions).softmax(-1).float()

    return predict
