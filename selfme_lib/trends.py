"""Does a trend that the paper reports appear in our results? An answer that is computed, not typed in.

A trend is a difference between two groups of rows: "with SC minus without". The paper prints one number for it. Ours comes
with a 95 % interval from drawing subjects, both groups on the same draws, so that what one hard subject does to all rows
drops out. The verdict follows from the interval and from the paper's sign, and from nothing else:

    confirmed       same direction as in the paper, and the interval does not hold zero
    undecided       the interval holds zero: with these subjects there may be an effect of either sign, or none
    contradicted    the opposite direction, and the interval does not hold zero
    found           the interval does not hold zero, and the paper does not ask

The interval knows nothing of the luck of a training: rows that differ in their seed alone differ too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float

from .evaluation import metrics
from .evaluation.intervals import draws_over_subjects, percentile_interval
from .tables import Result, paper_table

METRICS = {"uf1": metrics.uf1, "uar": metrics.uar}
SWITCHES = ("B-spline", "SC", "MA")  # of Table 1, in the paper's order
VERDICTS = ("confirmed", "undecided", "contradicted", "found")


@dataclass(frozen=True)
class Trend:
    """One difference between rows.

    Attributes:
        name: what is compared with what, as in "SC: on - off".
        metric: `uf1` or `uar`.
        paper: the difference in the paper; None where the paper has none.
        ours, low, high: the difference here and its 95 % interval over subjects.
    """

    name: str
    metric: str
    paper: float | None
    ours: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`: see the module's docstring."""
        if self.low <= 0 <= self.high:
            return "undecided"
        if self.paper is None:
            return "found"
        return "confirmed" if self.ours * self.paper > 0 else "contradicted"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        numbers = f"{self.metric.upper()} {self.ours:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        if self.paper is None:
            meaning = {"undecided": "the interval holds zero", "found": "more than chance in the choice of subjects"}
        else:
            numbers += f", paper {self.paper:+.3f}"
            meaning = {
                "confirmed": "the paper's trend appears",
                "undecided": "the interval holds zero, so the paper's trend neither appears nor is it refuted",
                "contradicted": "the opposite of the paper's trend appears",
            }
        return f"{self.name}: {numbers}: {meaning[self.verdict]}"


def trend(
    name: str,
    more: Sequence[Result],
    less: Sequence[Result],
    *,
    paper: float | None = None,
    metric: str = "uf1",
    draws: int = 2000,
) -> Trend:
    """The mean score of some rows minus that of others.

    Args:
        name: see `Trend`.
        more, less: the rows; all have predictions for the same subjects.
        paper: the same difference between the paper's numbers, if it has them.
        metric: `uf1` or `uar`.
        draws: of subjects, for the interval.

    Raises:
        ValueError: the rows are of different clips.
    """
    if len({_clips(result) for result in (*more, *less)}) != 1:
        raise ValueError(f"{name}: expected rows with predictions for the same clips")
    low, high = percentile_interval(_draws(more, metric, draws) - _draws(less, metric, draws))
    ours = np.mean([row.score(metric)[0] for row in more]) - np.mean([row.score(metric)[0] for row in less])
    return Trend(name=name, metric=metric, paper=paper, ours=float(ours), low=low, high=high)


def ablation_trends(results: Sequence[Result], *, metric: str = "uf1", draws: int = 2000) -> list[Trend]:
    """What Table 1 says of each component: over all eight rows, alone, and added to the other two.

    Eight rows are a full factorial design: "over all" is the mean of the four differences that a switch makes. It uses
    every row, and is the sharpest of the three questions.

    Args:
        results: of `tables.ablation_rows`, in the paper's order.
    """
    printed = paper_table(1)
    on = printed[["bspline", "sc", "ma"]].to_numpy(dtype=bool)  # (8, 3)
    score = printed[metric].to_numpy()
    found = []
    for number, switch in enumerate(SWITCHES):
        others = np.delete(on, number, axis=1).sum(1)
        groups = {"over all": np.full(8, True), "alone": others == 0, "added to the others": others == 2}
        for name, group in groups.items():
            more, less = (np.flatnonzero(group & (on[:, number] == value)) for value in (True, False))
            found.append(
                trend(
                    f"{switch} {name}",
                    [results[index] for index in more],
                    [results[index] for index in less],
                    paper=float(score[more].mean() - score[less].mean()),
                    metric=metric,
                    draws=draws,
                )
            )
    gain = float(score[7] - score[0])
    return [*found, trend("all three", [results[7]], [results[0]], paper=gain, metric=metric, draws=draws)]


def table(trends: Sequence[Trend]) -> pd.DataFrame:
    """Trends for people, the paper's beside ours."""
    return pd.DataFrame(
        {
            "difference": item.name,
            "in": item.metric.upper(),
            "paper": None if item.paper is None else f"{item.paper:+.3f}",
            "ours [95 %]": f"{item.ours:+.3f} [{item.low:+.3f}, {item.high:+.3f}]",
            "verdict": item.verdict,
        }
        for item in trends
    )


def _draws(results: Sequence[Result], metric: str, draws: int) -> Float[np.ndarray, "n"]:
    """The mean score of these rows, over rows and seeds, in each draw of subjects."""
    frames = [pd.DataFrame(record["predictions"]) for result in results for record in result.records]
    return np.mean([draws_over_subjects(frame, METRICS[metric], n=draws) for frame in frames], axis=0)


def _clips(result: Result) -> frozenset[tuple[str, str]]:
    predictions = result.predictions
    return frozenset(zip(predictions["subject"], predictions["clip"]))
