"""How far a score would move with other subjects: a bootstrap over subjects.

Clips of one person resemble each other, so clips are not drawn one by one: subjects are, with replacement, each with
all of his or her clips, and the metric is computed from the pooled confusion matrix of each draw. The interval says how
much the score depends on who was recorded; it does not hold the variation between training seeds.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from .metrics import fold_confusions


def bootstrap_over_subjects(
    predictions: pd.DataFrame,
    metric: Callable[[np.ndarray], np.ndarray],
    *,
    n: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of a pooled metric.

    Args:
        predictions: a row per clip (see `metrics.score`).
        metric: from confusion matrices `n k k` to n numbers, such as `metrics.uf1`.
        n: number of draws.
        seed: the same seed gives the same draws, so rows of a table are compared on the same subjects.
        level: share of the draws inside the interval.
    """
    folds = np.stack(list(fold_confusions(predictions).values()))  # (s, k, k)
    subjects = len(folds)
    drawn = np.random.default_rng(seed).multinomial(subjects, np.full(subjects, 1 / subjects), size=n)  # (n, s)
    values = metric(np.einsum("ns,sjk->njk", drawn, folds))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
