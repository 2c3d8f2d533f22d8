"""How far a score would move with other subjects: a bootstrap over subjects.

Clips of one person resemble each other, so subjects are drawn with replacement, each with all of their clips, and the statistic
is computed from the pooled sums of each draw. The interval says how much the score depends on who was recorded. It also includes
training noise that is independent between folds, but not what the folds of one training share; appendix A2 separates the two.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Num
from torch import Tensor

from .metrics import fold_confusions

Statistic = Callable[[np.ndarray], Any]
"""From `n *k` to n numbers, such as `metrics.uf1` of many confusion matrices at once."""


def bootstrap_over_subjects(
    predictions: pd.DataFrame,
    metric: Statistic,
    *,
    classes: int = 3,
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
    folds = np.stack(list(fold_confusions(predictions, classes=classes).values()))
    return percentile_interval(draws_of_folds(folds, metric, n=n, seed=seed), level=level)


def draws_of_folds(
    folds: Num[np.ndarray, "s *k"], statistic: Statistic, *, n: int = 2000, seed: int = 0
) -> Float[np.ndarray, "n"]:
    """A statistic of each draw of subjects.

    The same subjects get the same draws, so the difference between two methods may be taken draw by draw: what a hard subject
    does to both cancels, and the interval of the difference is narrower.

    Args:
        folds: of each subject the confusion matrix, or other sums over that subject's clips.
        statistic: from the summed `folds` of each draw, `n *k`, to n numbers, such as `metrics.uf1`.
    """
    return statistic(np.einsum("ns,s...->n...", resampled(len(folds), n=n, seed=seed), folds))


def draws_of_seeds(
    folds: Int[np.ndarray, "r s k k"], metric: Statistic, *, n: int = 2000, seed: int = 0
) -> Float[np.ndarray, "n"]:
    """The metric when each subject's fold comes from one of r trainings, drawn independently for each subject.

    If training noise were independent between folds, these draws would spread like the scores of whole trainings, once
    multiplied by sqrt(r / (r - 1)), because only r trainings stand for all possible ones. If the scores of whole trainings
    spread more, the folds of one training share noise, for instance that of the same initial weights.

    Args:
        folds: of each training, the confusion matrix of each subject.
    """
    trainings, subjects = folds.shape[:2]
    drawn = np.random.default_rng(seed).integers(trainings, size=(n, subjects))
    return metric(folds[drawn, np.arange(subjects)].sum(1))


def resampled(subjects: int, *, n: int, seed: int = 0) -> Int[np.ndarray, "n s"]:
    """How often each subject occurs in each of n draws with replacement."""
    return np.random.default_rng(seed).multinomial(subjects, np.full(subjects, 1 / subjects), size=n)


def percentile_interval(draws: Float[np.ndarray, "n"], *, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of the draws."""
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_over_subjects(
    values: Float[Tensor, "n"], subjects: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """Mean over clips, with its 95 % interval.

    Args:
        values: one for each clip, such as a symmetric attention index or a difference of two; NaNs are left out.
        subjects: of each clip.
        draws: of subjects, with replacement.
        seed: the same seed gives the same draws.

    Returns:
        Mean and both ends; all NaN if every value is.
    """
    clips = pd.Series(values.double().numpy()).groupby(np.asarray(subjects))
    folds = clips.agg(["sum", "count"]).to_numpy(float)  # (s, 2); pandas leaves NaNs out
    with np.errstate(invalid="ignore"):  # 0/0 for draws of subjects without a number
        means = draws_of_folds(folds, lambda sums: sums[:, 0] / sums[:, 1], n=draws, seed=seed)
        total, count = folds.sum(0)
        mean = float(total / count)
    known = means[~np.isnan(means)]
    return (mean, *percentile_interval(known)) if len(known) else (mean, mean, mean)
