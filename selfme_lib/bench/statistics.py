"""From errors of single clips to means, intervals over identities, and comparisons with the classical methods.

Clips of one person resemble each other, so people are drawn with replacement, each with all their clips. Every method meets
the same draws, and ratios are taken draw by draw, so what a hard person does to both methods cancels out.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float

from selfme_lib.evaluation.intervals import interval, resampled

# the usual input of classifiers, the other classical methods at their best, and what costs no learning
REFERENCES = ("tvl1", "farneback", "tvl1_tuned", "farneback_tuned", "dis_tuned", "lucas_kanade")
# In pixels of the frames that are compared, and fixed, so that tables of different data sets or sizes can be set side by
# side. Below half a pixel motion drowns in noise; above two it is a blink or no micro-expression.
PEAK_EDGES = (0.0, 0.5, 1.0, 2.0, float("inf"))


def summarise(errors: pd.DataFrame, measures: list[str], *, draws: int = 2000) -> dict[str, dict]:
    """For each method the mean of each measure over clips, and a 95 % interval by bootstrap over identities.

    Args:
        errors: a row per clip and method: `method`, `subject` and the measures.
        measures: columns; end-point errors (but not their increase) are also divided by those of `REFERENCES`.
        draws: of identities.

    Returns:
        method -> `M` and `M_interval` of each measure M, `M_over_R` and `M_over_R_interval` of each ratio; a ratio is None
        where the reference makes no error.
    """
    methods, subjects = errors["method"].unique(), errors["subject"].unique()
    grouped = errors.groupby(["method", "subject"], sort=False)
    sums = grouped[measures].sum()
    counts = grouped.size().loc[methods[0]].reindex(subjects).to_numpy()  # clips of each subject
    drawn = resampled(len(subjects), n=draws)  # (m, s)
    clips = drawn @ counts
    clips = np.where(clips > 0, clips, np.nan)[:, None]  # none without the only subject
    means = {method: drawn @ sums.loc[method].reindex(subjects).to_numpy() / clips for method in methods}
    summary: dict[str, dict] = {method: {} for method in methods}
    for method, found in summary.items():
        for index, measure in enumerate(measures):
            found |= _with_interval(measure, means[method][:, index], len(subjects))
            if measure.startswith("epe") and not measure.endswith("degradation"):
                for reference in filter(summary.__contains__, REFERENCES):
                    name, divisor = f"{measure}_over_{reference}", means[reference][:, index]
                    if (divisor[~np.isnan(divisor)] > 0).all():
                        found |= _with_interval(name, means[method][:, index] / divisor, len(subjects))
                    else:
                        found |= {name: None, f"{name}_interval": None}
    return summary


def _with_interval(name: str, values: Float[np.ndarray, "m"], subjects: int) -> dict:
    return {name: float(values[0]), f"{name}_interval": list(interval(values, subjects))}


def by_peak(errors: pd.DataFrame) -> list[dict]:
    """Mean errors of each method in bins of the true motion's peak, between `PEAK_EDGES`; empty bins are left out."""
    bins = []
    for low, high in pairwise(PEAK_EDGES):
        inside = errors[errors["peak"].between(low, high, inclusive="left")]
        if inside.empty:
            continue
        means = inside.groupby("method", sort=False)[["epe", "epe_moving"]].mean()
        limits = {"from": low, "to": None if np.isinf(high) else high}
        bins.append({**limits, "n_pairs": inside["clip"].nunique(), "methods": means.to_dict("index")})
    return bins


def against_clean(disturbed: pd.DataFrame, clean: pd.DataFrame) -> dict[str, dict]:
    """`summarise` for one condition, with the increase of the errors over the same clips undisturbed."""
    measures = ["epe", "epe_moving", "epe_action"]
    disturbed, clean = (errors.set_index(["method", "clip"]) for errors in (disturbed, clean))
    degradation = (disturbed[measures] - clean[measures].loc[disturbed.index]).add_suffix("_degradation")
    return summarise(disturbed.join(degradation).reset_index(), [*measures, *degradation.columns])
