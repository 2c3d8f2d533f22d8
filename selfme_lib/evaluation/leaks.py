r"""What dishonest protocols report: NOT FOR RESULTS, but to show how large the lie is.

Three habits, each in the literature, of the same model on the same clips:

    epoch    each fold stops at the epoch that does best on the subject who is held out: the test labels choose
    faces    stage 1 (the motion learner) was fine-tuned on frames of all subjects, the held-out one too
    folds    UF1 is computed within each fold and averaged: not a leak, but another number (`metrics.score`)

The honest path cannot do any of this: `loso.run_fold` gives nobody the labels of the held-out subject. So a fold here
predicts after every epoch, still without them, and the labels come in afterwards, in `choose_epoch_on_test_subject`.
"""

from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from .loso import Experiment, predictions
from .metrics import confusion_matrix, uf1


def at_epoch(experiment: Experiment, folds: dict[str, dict[str, Any]], epoch: int) -> pd.DataFrame:
    """Predictions after one epoch, the same for all folds; -1 is the last one, which is honest.

    Args:
        folds: from `loso.run_folds` with `fit_predict_every_epoch`.
    """
    chosen = {name: {**fold, "probabilities": fold["probabilities"][epoch]} for name, fold in folds.items()}
    return predictions(experiment, chosen)


def choose_epoch_on_all_test_subjects(experiment: Experiment, folds: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """LEAKING: predictions after the one epoch at which the pooled UF1, the score to be reported, is highest."""
    epochs = len(next(iter(folds.values()))["probabilities"])
    tables = [at_epoch(experiment, folds, epoch) for epoch in range(epochs)]
    return max(tables, key=lambda table: float(uf1(_confusion(table, experiment.classes))))


def choose_epoch_on_test_subject(experiment: Experiment, folds: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """LEAKING: each subject's predictions after the epoch at which most of this very subject's clips are right."""
    subjects, labels = np.asarray(experiment.subjects), np.asarray(experiment.labels)
    chosen = {}
    for name, fold in folds.items():
        probabilities = np.asarray(fold["probabilities"])  # (e, m, k)
        right = (probabilities.argmax(-1) == labels[subjects == name]).sum(-1)  # (e,)
        chosen[name] = {**fold, "probabilities": probabilities[right.argmax()].tolist()}
    return predictions(experiment, chosen)


def _confusion(table: pd.DataFrame, classes: int) -> Int[np.ndarray, "k k"]:
    return confusion_matrix(table["label"].to_numpy(), table["prediction"].to_numpy(), classes=classes)
