"""How far a score would move with other subjects: a bootstrap over subjects.

Clips of one person resemble each other, so clips are not drawn one by one: subjects are, with replacement, each with
all of his or her clips, and the metric is computed from the pooled confusion matrix of each draw. The interval says how
much the score depends on who was recorded. Of the luck of a training it holds what is each fold's own, for folds are
drawn, but not what the folds of one training share; appendix A2 tells the two apart.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .metrics import CLASSES, fold_confusions


def bootstrap_over_subjects(
    predictions: pd.DataFrame,
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    classes: int = CLASSES,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a pooled metric.

    Args:
        predictions: a row per clip (see `metrics.score`).
        metric: from confusion matrices `n k k` to n numbers, such as `metrics.uf1`.
        classes: number of classes.
        n: number of draws.
        seed: the same seed gives the same draws, so rows of a table are compared on the same subjects.
        level: share of the draws inside the interval.
    """
    return percentile_interval(draws_over_subjects(predictions, metric, classes=classes, n=n, seed=seed), level=level)


def draws_over_subjects(
    predictions: pd.DataFrame,
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    classes: int = CLASSES,
    n: int = 2000,
    seed: int = 0,
) -> Float[np.ndarray, "n"]:
    """The metric of each draw of subjects. Arguments as in `bootstrap_over_subjects`.

    Predictions for the same subjects meet the same draws, so the difference between two methods may be taken draw by
    draw: what a hard subject does to both of them drops out, and the interval of the difference is the narrower.
    """
    folds = np.stack(list(fold_confusions(predictions, classes=classes).values()))
    return draws_of_folds(folds, metric, n=n, seed=seed)


def draws_of_folds(
    folds: Int[np.ndarray, "s k k"], metric: Callable[[np.ndarray], np.ndarray], *, n: int = 2000, seed: int = 0
) -> Float[np.ndarray, "n"]:
    """`draws_over_subjects`, from the confusion matrix of each subject."""
    return metric(np.einsum("ns,sjk->njk", resampled(len(folds), n=n, seed=seed), folds))


def draws_of_seeds(
    folds: Int[np.ndarray, "r s k k"], metric: Callable[[np.ndarray], np.ndarray], *, n: int = 2000, seed: int = 0
) -> Float[np.ndarray, "n"]:
    """The metric when each subject's fold is taken from one of r trainings, drawn for each subject apart.

    Were the luck of a training each fold's own, these draws would spread as the scores of whole trainings do, once
    multiplied by sqrt(r / (r - 1)): they are drawn from r trainings and not from all that there might be. If the scores
    of whole trainings spread more, the folds of one training share luck, for instance that of the same first weights.

    Args:
        folds: of each training, the confusion matrix of each subject.
    """
    trainings, subjects = folds.shape[:2]
    drawn = np.random.default_rng(seed).integers(trainings, size=(n, subjects))
    return metric(folds[drawn, np.arange(subjects)].sum(1))


def resampled(subjects: int, *, n: int, seed: int = 0) -> Int[np.ndarray, "n s"]:
    """How often each of so many subjects comes in each of n draws with replacement."""
    return np.random.default_rng(seed).multinomial(subjects, np.full(subjects, 1 / subjects), size=n)


def percentile_interval(draws: Float[np.ndarray, "n"], *, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_over_subjects(
    values: Float[Tensor, "n"], subjects: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean over clips, and its 95 % interval from resampling subjects, each with all of his or her clips.

    Clips of one held-out subject share a network, so the subject is the unit. Values that are not numbers are left out.

    Args:
        values: one for each clip, such as a symmetric attention index or a difference of two.
        subjects: of each clip.
        draws: of subjects, with replacement.
        seed: the same seed gives the same draws.

    Returns:
        Mean and both ends; not a number if no value is one.
    """
    names = sorted(set(subjects))
    own = torch.tensor([[subject == name for subject in subjects] for name in names], dtype=torch.float64)  # (s, n)
    known = torch.isfinite(values)
    sums, counts = own @ values.double().nan_to_num(), own @ known.double()  # (s,) each
    times = torch.from_numpy(resampled(len(names), n=draws, seed=seed)).double()  # (draws, s)
    means = (times @ sums) / (times @ counts)
    low, high = np.nanquantile(means.numpy(), [0.025, 0.975]) if known.any() else (math.nan, math.nan)
    return float(sums.sum() / counts.sum()), float(low), float(high)
