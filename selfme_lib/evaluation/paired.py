r"""Is one method better than another, or were the subjects kind to it? A permutation test over subjects.

If two methods are equally good, it does not matter which of the two predicted a subject. So the predictions of whole subjects are
exchanged between the methods, in every possible way ($2^S$ of them) or in many random ones, and the difference is computed again
each time. The p-value is the share of exchanges whose difference is at least as large as the one found:

$$p = \frac{\#\{\text{exchanges}: |d| \ge |d_{\text{found}}|\}}{\#\text{exchanges}}.$$

No distribution is assumed. Clips of one subject stay together because they resemble each other.

A table holds many comparisons, and of twenty tests with no effect one falls below .05 by chance. Holm's correction multiplies the
smallest p-value by the number of tests, the next by one less, and so on. Calling everything below .05 an effect then errs at all
with probability at most .05, however the tests depend on each other.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from .intervals import Statistic

EXACT = 12  # subjects: up to here all exchanges are tried


def permutation_p(
    pairs: Sequence[tuple[Int[np.ndarray, "s k k"], Int[np.ndarray, "s k k"]]],
    metric: Statistic,
    *,
    n: int = 4000,
    seed: int = 0,
) -> float:
    """Two-sided p-value of the mean difference in a pooled metric between the first and the second of each pair.

    Args:
        pairs: the two methods' confusion matrices by subject; a pair per seed, or per setting. A subject is exchanged in all of
            them at once.
        metric: such as `metrics.uf1`.
        n: random exchanges where there are too many to try all.
        seed: of those.
    """
    exchanged = _exchanges(len(pairs[0][0]), n, seed)  # (n, s); the first one exchanges nobody
    differences = np.mean([_differences(first, second, exchanged, metric) for first, second in pairs], axis=0)
    return float(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: p-values that may all be compared with the same level."""
    order = np.argsort(p_values)
    factors = len(order) - np.arange(len(order))
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(np.asarray(p_values)[order] * factors), 1)
    return corrected.tolist()


def _exchanges(subjects: int, n: int, seed: int) -> Bool[np.ndarray, "n s"]:
    if subjects <= EXACT:
        return (np.arange(2**subjects)[:, None] >> np.arange(subjects)) % 2 == 1
    drawn = np.random.default_rng(seed).random((n, subjects)) < 0.5
    drawn[0] = False
    return drawn


def _differences(
    first: Int[np.ndarray, "s k k"],
    second: Int[np.ndarray, "s k k"],
    exchanged: Bool[np.ndarray, "n s"],
    metric: Statistic,
) -> Float[np.ndarray, "n"]:
    moved = np.einsum("ns,sjk->njk", exchanged.astype(float), second - first)
    return metric(first.sum(0) + moved) - metric(second.sum(0) - moved)
