"""Does a trend that the paper reports appear in our results? An answer that is computed, not typed in.

A trend is a difference between two groups of rows: "with SC minus without". The paper prints one number for it. Ours comes
with a 95 % interval from resampling subjects, both groups on the same draws, so that what one hard subject does to all rows
drops out, and with the p-value of a permutation test over subjects, after Holm's correction for all comparisons that are
made together (`evaluation.paired`). The verdict follows from that p-value and from the paper's sign, and from nothing else:

    confirmed       same direction as in the paper, corrected p below .05
    undecided       corrected p of .05 or more: with these subjects there may be an effect of either sign, or none
    contradicted    the opposite direction, corrected p below .05
    found           corrected p below .05, and the paper does not ask

An interval says how large an effect may be; it knows nothing of how many comparisons stand beside it, so it may exclude zero
next to *undecided*. One seed is still one draw: rows that differ in their seed alone differ too (appendix A2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from selfme_lib.evaluation.intervals import interval
from selfme_lib.evaluation.paired import holm, permutation_p

from .cells import DIGITS, written
from .results import METRICS, Result
from .rows import SWITCHES
from .tables import paper_table

LEVEL = 0.05
"""Chance that a table without any effect has a verdict other than "undecided"."""


@dataclass(frozen=True)
class Trend:
    """One difference between rows.

    Attributes:
        name: what is compared with what, as in "SC: on - off".
        metric: `uf1` or `uar`.
        paper: the difference in the paper; None where the paper has none.
        ours, low, high: the difference here and its 95 % interval over subjects.
        p: of the permutation test over subjects.
        p_corrected: p after Holm's correction; p itself for a comparison that is made alone.
        compared: the names of the rows, as in "TV-L1+SCViT − TV-L1+ViT", or how many they are.
    """

    name: str
    metric: str
    paper: float | None
    ours: float
    low: float
    high: float
    p: float
    p_corrected: float
    compared: str = ""

    @property
    def verdict(self) -> str:
        """`confirmed`, `undecided`, `contradicted` or `found`: see the module's docstring."""
        if not self.p_corrected < LEVEL:
            return "undecided"
        if self.paper is None:
            return "found"
        return "confirmed" if self.ours * self.paper > 0 else "contradicted"

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        numbers = f"{self.metric.upper()} {written(self.ours, self.low, self.high, signed=True)}"
        paper = "" if self.paper is None else f", paper {self.paper:+.{DIGITS}f}"
        meaning = {
            "undecided": "no effect is shown" + (", the paper's neither" if paper else ""),
            "found": "more than chance in the choice of subjects",
            "confirmed": "the paper's trend appears",
            "contradicted": "the opposite of the paper's trend appears",
        }
        return f"{self.name}: {numbers}{paper}, corrected p {self.p_corrected:.3f}: {meaning[self.verdict]}"


def trend(
    name: str, more: Sequence[Result], less: Sequence[Result], *, paper: float | None = None, metric: str = "uf1"
) -> Trend:
    """The mean score of some rows minus that of others, as if nothing else were compared; see `corrected`.

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
    mean, others = (np.mean([row.resampled(metric) for row in rows], axis=0) for rows in (more, less))
    difference = mean - others
    low, high = interval(difference, len(more[0].folds(0)))
    p = permutation_p([pair for rows in zip(more, less) for pair in _pairs(*rows)], METRICS[metric])
    found = {"ours": float(difference[0]), "low": low, "high": high, "p": p, "p_corrected": p}
    compared = " − ".join(rows[0].row.name if len(rows) == 1 else f"mean of {len(rows)} rows" for rows in (more, less))
    return Trend(name=name, metric=metric, paper=paper, compared=compared, **found)


def corrected(trends: Sequence[Trend]) -> list[Trend]:
    """The same trends with p-values corrected for their number: what is asked together is corrected together."""
    return [replace(item, p_corrected=p) for item, p in zip(trends, holm([item.p for item in trends]))]


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
    return corrected([*found, trend("all three", [results[7]], [results[0]], paper=gain, metric=metric)])


def readable_trends(trends: Sequence[Trend]) -> pd.DataFrame:
    """Trends for people, the paper's beside ours; the p-values are corrected for the number of rows of this table."""
    return pd.DataFrame(
        {
            "difference": item.name,
            "compared": item.compared,
            "in": item.metric.upper(),
            "paper": None if item.paper is None else f"{item.paper:+.{DIGITS}f}",
            "ours [95 %]": written(item.ours, item.low, item.high, signed=True),
            "p": f"{item.p:.3f}",
            "p, Holm": f"{item.p_corrected:.3f}",
            "verdict": item.verdict,
        }
        for item in corrected(trends)
    )


def after_correction(trends: Sequence[Trend]) -> str:
    """How many of these comparisons one may believe in, in a sentence."""
    alone = sum(item.p < LEVEL for item in trends)
    left = sum(item.p_corrected < LEVEL for item in corrected(trends))
    return (
        f"Of {len(trends)} comparisons {alone} have p < {LEVEL:g}; {len(trends) * LEVEL:.2g} would by chance alone. "
        f"After Holm's correction for their number, {left} do."
    )


def _pairs(more: Result, less: Result) -> list[tuple[np.ndarray, np.ndarray]]:
    """Confusions by subject of the two rows, a pair a seed; a row that has one seed alone, such as a bound, meets all.

    Of rows with other numbers of seeds, each seed is met as often as any other.
    """
    seeds = math.lcm(len(more.records), len(less.records))
    return [(more.folds(seed % len(more.records)), less.folds(seed % len(less.records))) for seed in range(seeds)]
