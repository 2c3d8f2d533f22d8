"""From errors of single clips to means, intervals over identities, and comparisons with the classical methods.

Clips of one person resemble each other, so persons are drawn with replacement, each with all clips. Every method meets the
same draws: a ratio of two methods is taken draw by draw, and what a hard person does to both of them drops out.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float

from selfme_lib.evaluation.intervals import resampled

REFERENCES = ("tvl1", "farneback")  # the usual input of classifiers, and the best of the classical ones here
# Powers of two in pixels of the frames that are compared: fixed, so that tables of two data sets or sizes can be laid side
# by side. Below half a pixel motion drowns in noise; above two it is a blink or no micro-expression.
PEAK_EDGES = (0.0, 0.5, 1.0, 2.0, float("inf"))


def summarise(table: pd.DataFrame, measures: list[str], *, draws: int = 2000) -> dict[str, dict]:
    """For each method the mean of each measure over clips, and a 95 % interval by bootstrap over identities.

    Args:
        table: a row per clip and method: `method`, `subject` and the measures.
        measures: columns; those that begin with `epe` (and are no differences) are also set in ratio to `REFERENCES`.
        draws: of identities.

    Returns:
        method -> `M` and `M_interval` of each measure M, `M_over_R` and `M_over_R_interval` of each ratio; a ratio is None
        where the reference makes no error.
    """
    methods, subjects = table["method"].unique(), table["subject"].unique()
    grouped = table.groupby(["method", "subject"], sort=False)
    sums = grouped[measures].sum()
    counts = grouped.size().loc[methods[0]].reindex(subjects).to_numpy()  # clips of each subject
    drawn = resampled(len(subjects), n=draws)
    drawn = np.vstack([np.ones(len(subjects), int), drawn])  # (1 + n, s): the first is what was measured
    means = {
        method: drawn @ sums.loc[method].reindex(subjects).to_numpy() / (drawn @ counts)[:, None] for method in methods
    }
    summary: dict[str, dict] = {method: {} for method in methods}
    for method, found in summary.items():
        for index, measure in enumerate(measures):
            found |= _with_interval(measure, means[method][:, index])
            if measure.startswith("epe") and not measure.endswith("degradation"):
                for reference in filter(summary.__contains__, REFERENCES):
                    of_reference = means[reference][:, index]
                    name = f"{measure}_over_{reference}"
                    if (of_reference > 0).all():
                        found |= _with_interval(name, means[method][:, index] / of_reference)
                    else:
                        found |= {name: None, f"{name}_interval": None}
    return summary


def _with_interval(name: str, draws: Float[np.ndarray, "n"]) -> dict:
    return {name: float(draws[0]), f"{name}_interval": np.quantile(draws[1:], [0.025, 0.975]).tolist()}


def by_peak(table: pd.DataFrame) -> list[dict]:
    """Errors of each method on clips whose true motion has its peak between two of `PEAK_EDGES`; empty bins are left out."""
    bins = []
    for low, high in pairwise(PEAK_EDGES):
        inside = table[(table["peak"] >= low) & (table["peak"] < high)]
        if inside.empty:
            continue
        means = inside.groupby("method", sort=False)[["epe", "epe_moving"]].mean()
        upper = None if np.isinf(high) else high
        pairs = int(inside["clip"].nunique())
        bins.append({"from": low, "to": upper, "n_pairs": pairs, "methods": means.to_dict("index")})
    return bins


def against_clean(condition: pd.DataFrame, clean: pd.DataFrame) -> dict[str, dict]:
    """`summarise` for one condition, with the increase of the errors over the same clips when they are clean."""
    measures = ["epe", "epe_moving", "epe_action"]
    disturbed, calm = (table.set_index(["method", "clip"]) for table in (condition, clean))
    degradation = (disturbed[measures] - calm[measures].loc[disturbed.index]).add_suffix("_degradation")
    return summarise(disturbed.join(degradation).reset_index(), [*measures, *degradation.columns])
