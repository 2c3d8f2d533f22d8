"""Does a trend that the paper reports appear in our results? An answer that is computed, not typed in.

A trend is a difference between two groups of rows: "with SC minus without". The paper prints one number for it. Ours comes
with a 95 % interval from drawing subjects, both groups on the same draws, so that what one hard subject does to all rows
drops out. The verdict follows from the interval and from the paper's sign, and from nothing else:

    confirmed       same direction as in the paper, and the interval does not hold zero
    undecided       the interval holds zero: with these subjects there may be an effect of either sign, or none
    contradicted    the opposite direction, and the interval does not hold zero
    found           the interval does not hold zero, and the paper does not ask

The interval includes training noise that is independent between folds (appendix A2). One seed is still one draw: rows that
differ in their seed alone differ too. The p-value beside it is that of a permutation test over subjects, also with Holm's
correction for the comparisons in the table (`evaluation.paired`); the verdict does not use it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selfme_lib.evaluation.intervals import percentile_interval
from selfme_lib.evaluation.paired import holm, permutation_p

from .results import METRICS, Result
from .rows import SWITCHES
from .tables import paper_table

VERDICTS = ("confirmed", "undecided", "contradicted", "found")


@dataclass(frozen=True)
class Trend:
    """One difference between rows.

    Attributes:
        name: what is compared with what, as in "SC: on - off".
        metric: `uf1` or `uar`.
        paper: the difference in the paper; None where the paper has none.
        ours, low, high: the difference here and its 95 % interval over subjects.
        p: of the permutation test over subjects.
    """

    name: str
    metric: str
    paper: float | None
    ours: float
    low: float
    high: float
    p: float = float("nan")

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
    name: str, more: Sequence[Result], less: Sequence[Result], *, paper: float | None = None, metric: str = "uf1"
) -> Trend:
    """The mean score of some rows minus that of others.

    Args:
        name: see `Trend`.
        more, less: the rows, as many of each; all have predictions for the same subjects. The first of `more` differs
            from the first of `less` in nothing but what is asked, and so on.
        paper: the same difference between the paper's numbers, if it has them.
        metric: `uf1` or `uar`.

    Raises:
        ValueError: the rows are of different clips.
    """
    clips = (row.predictions[["subject", "clip"]].itertuples(index=False, name=None) for row in (*more, *less))
    if len(set(map(frozenset, clips))) != 1:
        raise ValueError(f"{name}: expected rows with predictions for the same clips")
    if len(more) != len(less):
        raise ValueError(f"{name}: expected as many rows with as without, got {len(more)} and {len(less)}")
    draws = [np.mean([row.draws(metric) for row in rows], axis=0) for rows in (more, less)]
    ours, others = (np.mean([row.score(metric)[0] for row in rows]) for rows in (more, less))
    low, high = percentile_interval(draws[0] - draws[1])
    p = permutation_p([pair for rows in zip(more, less) for pair in _pairs(*rows)], METRICS[metric])
    return Trend(name=name, metric=metric, paper=paper, ours=float(ours - others), low=low, high=high, p=p)


def ablation_trends(results: Sequence[Result], *, metric: str = "uf1") -> list[Trend]:
    """What Table 1 says of each component: over all eight rows, alone, and added to the other two.

    Eight rows are a full factorial design: "over all" is the mean of the four differences that a switch makes. It uses
    every row, and is the sharpest of the three questions.

    Args:
        results: of `rows.table_1`, in the paper's order.
    """
    printed = paper_table(1)
    on = printed[["bspline", "sc", "ma"]].to_numpy(dtype=bool)  # (8, 3)
    score = printed[metric].to_numpy()
    found = []
    for number, switch in enumerate(SWITCHES):
        rest = np.delete(on, number, axis=1)  # (8, 2)
        others, order = rest.sum(1), np.argsort(rest @ [1, 2], kind="stable")  # how many are on; pairs in one order
        groups = {"over all": np.full(8, True), "alone": others == 0, "added to the others": others == 2}
        for name, group in groups.items():
            more, less = ([i for i in order.tolist() if group[i] and on[i, number] == value] for value in (True, False))
            gain = float(score[more].mean() - score[less].mean())
            compared = [results[i] for i in more], [results[i] for i in less]
            found.append(trend(f"{switch} {name}", *compared, paper=gain, metric=metric))
    gain = float(score[7] - score[0])
    return [*found, trend("all three", [results[7]], [results[0]], paper=gain, metric=metric)]


def readable_trends(trends: Sequence[Trend]) -> pd.DataFrame:
    """Trends for people, the paper's beside ours; the p-values are corrected for the number of rows of this table."""
    corrected = holm([item.p for item in trends])
    return pd.DataFrame(
        {
            "difference": item.name,
            "in": item.metric.upper(),
            "paper": None if item.paper is None else f"{item.paper:+.3f}",
            "ours [95 %]": f"{item.ours:+.3f} [{item.low:+.3f}, {item.high:+.3f}]",
            "p": f"{item.p:.3f}",
            "p, Holm": f"{p:.3f}",
            "verdict": item.verdict,
        }
        for item, p in zip(trends, corrected)
    )


def after_correction(trends: Sequence[Trend], *, level: float = 0.05) -> str:
    """How many of these comparisons one may believe in, in a sentence."""
    alone = sum(item.p < level for item in trends)
    left = sum(p < level for p in holm([item.p for item in trends]))
    return (
        f"Of {len(trends)} comparisons {alone} have p < {level:g}; {len(trends) * level:.2g} would by chance alone. "
        f"After Holm's correction for their number, {left} do."
    )


def _pairs(more: Result, less: Result) -> list[tuple[np.ndarray, np.ndarray]]:
    """Confusions by subject of the two rows, a pair a seed; a row that has one seed alone, such as a bound, meets all."""
    seeds = max(len(more.records), len(less.records))
    return [(more.folds(seed % len(more.records)), less.folds(seed % len(less.records))) for seed in range(seeds)]
