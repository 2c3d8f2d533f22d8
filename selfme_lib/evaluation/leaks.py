r"""What dishonest protocols report: NOT FOR RESULTS, but to show how much they inflate a score.

Three habits from the literature, applied to the same model and clips:

    epoch    each fold stops at the epoch that does best on the held-out subject: the test labels choose
    faces    stage 1 (the motion learner) was fine-tuned on frames of all subjects, the held-out one included
    folds    UF1 is computed within each fold and averaged: not a leak, but a different number (`metrics.score`)

The honest path cannot do any of this: `loso.run_fold` never passes on the labels of the held-out subject. So a fold here predicts
after every epoch, still without them, and `choose_epoch_on_test_subject` brings in the labels afterwards.
"""

import numpy as np
import pandas as pd

from .loso import Experiment, Fold, predictions


def choose_epoch_on_test_subject(experiment: Experiment, folds: dict[str, Fold]) -> pd.DataFrame:
    """LEAKING: each subject's predictions after the epoch that gets most of that subject's own clips right.

    Args:
        folds: from `loso.run_folds`, where `fit_predict` gives probabilities `e m k`, after each of e epochs.
    """
    subjects, labels = np.asarray(experiment.subjects), np.asarray(experiment.labels)
    chosen = {}
    for name, fold in folds.items():
        probabilities = np.asarray(fold["probabilities"])  # (e, m, k)
        right = (probabilities.argmax(-1) == labels[subjects == name]).sum(-1)  # (e,)
        chosen[name] = {**fold, "probabilities": probabilities[right.argmax()].tolist()}
    return predictions(experiment, chosen)
