"""The final tables: rows by both protocols side by side, and what of the paper they bear out.

Everything is computed from results, so that a sentence changes with its numbers. `Both` holds the rows; tables are made of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from selfme_lib.study.results import Protocol, Result
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study
from selfme_lib.study.tables import in_one_cell, paper_table
from selfme_lib.study.trends import LEVEL, SWITCHES, Trend, corrected, trend

from .laboratories import TITLES, Table, averages
from .recognition import ROW_SETS, foretold, verdicts

MAIN = ("linear", "units", "masked", "small")
MINE = "SelfME++SCViT by units"
PROTOCOLS: dict[Protocol, str] = {"loso": "one left out", "fresh": "fresh people", "lodo": "one data set left out"}
CONDITIONS = {None: "as it is", "grey": "grey", "yaw15": "turned by 15°", "yaw30": "turned by 30°"}
VERDICTS = {"confirmed": "holds", "contradicted": "does not hold", "undecided": "cannot be said", "found": "found"}


@dataclass(frozen=True)
class Both:
    """The same rows by two protocols."""

    loso: list[Result]
    fresh: list[Result]

    def __add__(self, other: "Both") -> "Both":
        return Both([*self.loso, *other.loso], [*self.fresh, *other.fresh])

    def __getitem__(self, rows: slice) -> "Both":
        return Both(self.loso[rows], self.fresh[rows])


def by_both(study: Study, *names: str) -> Both:
    """The rows of `recognition.ROW_SETS` that have these names, by both protocols."""
    rows = [row for name in names for row in ROW_SETS[name](study.settings)]
    return Both(study.evaluate(rows), study.evaluate(rows, protocol="fresh"))


def side_by_side(both: Both) -> pd.DataFrame:
    """A line a row: UF1 by both protocols, UAR on fresh people, with intervals, and ± the deviation over seeds."""
    return pd.DataFrame(
        {
            "method": fresh.row.name,
            "UF1, one left out [95 %]": in_one_cell(loso, "uf1"),
            "UF1, fresh people [95 %]": in_one_cell(fresh, "uf1"),
            "UAR, fresh people [95 %]": in_one_cell(fresh, "uar"),
        }
        for loso, fresh in zip(both.loso, both.fresh, strict=True)
    )


def fresh_scores(results: Sequence[Result]) -> pd.DataFrame:
    """A line a row: UF1 and UAR with intervals, of rows by one protocol."""
    return pd.DataFrame(
        {"method": one.row.name, "UF1 [95 %]": in_one_cell(one, "uf1"), "UAR [95 %]": in_one_cell(one, "uar")}
        for one in results
    )


def under_conditions(results: Sequence[Result]) -> pd.DataFrame:
    """Rows of `rows.conditions`: UF1 of each classifier on clips as they are, grey and turned."""
    lines: dict[str, dict[str, str]] = {}
    for one in results:
        name, _, _ = one.row.name.rpartition(", ") if one.row.tested_under else (one.row.name, "", "")
        line = lines.setdefault(name, {"method": name})
        line[f"UF1, {CONDITIONS[one.row.tested_under]} [95 %]"] = in_one_cell(one, "uf1")
    return pd.DataFrame(lines.values())


def by_laboratory(tables: Sequence[Table], *, average: bool = False) -> pd.DataFrame:
    """Rows on each of the data sets, by each protocol, and their averages as in the paper's Table 2: UF1 with its interval."""
    lines: dict[tuple[str, Protocol], dict[str, str]] = {}
    for table in tables:
        for one in table.results:
            name = one.row.name.removesuffix(f", {TITLES[table.data]}")
            line = lines.setdefault((name, one.protocol), {"method": name, "by": PROTOCOLS[one.protocol]})
            line[f"UF1, {TITLES[table.data]} [95 %]"] = in_one_cell(one, "uf1")
    for record in averages(tables) if average else []:
        low, high = record["uf1_interval"]
        line = lines[record["name"].removesuffix(", average"), record["protocol"]]
        line["average [95 %]"] = f"{record['uf1']:.3f} [{low:.3f}, {high:.3f}]"
    return pd.DataFrame(lines.values()).fillna("")


def compared(results: Sequence[Result], name: str = MINE) -> pd.DataFrame:
    """Is a row above each of the others? p is corrected for their number; true motion, which nobody has, is none of them."""
    lines = []
    for one in verdicts(results, name):
        low, high = one["difference_interval"]
        decided = "above" if one["difference"] > 0 else "below"
        lines.append(
            {
                f"{name} against": one["against"],
                "UF1 higher by [95 %]": _signed(one["difference"], low, high),
                "p, Holm": f"{one['p_holm']:.3f}",
                "verdict": decided if one["p_holm"] < LEVEL else "cannot be said",
            }
        )
    return pd.DataFrame(lines)


def foretelling(both: Both) -> dict[str, float]:
    """How well leaving one subject out foretells fresh people: `recognition.foretold` in words."""
    found = foretold(both.loso, both.fresh)
    half = [np.mean([np.ptp(one.score("uf1")[1:]) / 2 for one in some]) for some in (both.loso, both.fresh)]
    return {
        "rows": len(both.loso),
        "bias: leave one out less fresh, UF1": found["bias"],
        "spread of these differences": found["spread"],
        "largest difference": found["largest"],
        "order (rank correlation)": found["order"],
        "intervals that hold the fresh score": found["covered"],
        "half-width with one left out, mean": float(half[0]),
        "half-width on fresh people, mean": float(half[1]),
    }


def as_table(values: Mapping[str, Any]) -> pd.DataFrame:
    """Named values as a table for people."""
    shown = [f"{value:.3f}" if isinstance(value, float) else str(value) for value in values.values()]
    return pd.DataFrame({"measured": list(values), "value": shown})


def effects(trends: Sequence[Trend]) -> pd.DataFrame:
    """Differences for people: the paper's beside ours, how wide the interval is, and the verdict after correction for all."""
    return pd.DataFrame(
        {
            "difference in UF1": one.name,
            "paper": "–" if one.paper is None else f"{one.paper:+.3f}",
            "here [95 %]": _signed(one.ours, one.low, one.high),
            "half-width": f"{half_width(one):.3f}",
            "p, Holm": f"{one.p_corrected:.3f}",
            "verdict": VERDICTS[one.verdict],
            "the paper's size": _size(one),
        }
        for one in corrected(trends)
    )


def half_width(one: Trend) -> float:
    """Half of a difference's 95 % interval."""
    return (one.high - one.low) / 2


def _size(one: Trend) -> str:
    """Whether the paper's number, of other people and another data set, is among those that are possible here."""
    if one.paper is None:
        return "–"
    return "possible" if one.low <= one.paper <= one.high else "excluded"


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]"


def factorial_effects(results: Sequence[Result]) -> list[Trend]:
    """Main effects of mirrored clips, SC and the readings of γ, and SC with and without mirrored clips; corrected for all.

    Args:
        results: of `rows.factorial`.
    """

    def group(**wanted: Any) -> list[Result]:
        return [one for one in results if all(value == _levels(one.row)[name] for name, value in wanted.items())]

    asked: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "mirrored clips: on - off": ({"flip": True}, {"flip": False}),
        "SC: on - off": ({"sc": True}, {"sc": False}),
        "SC where clips are mirrored": ({"sc": True, "flip": True}, {"sc": False, "flip": True}),
        "SC where they are not": ({"sc": True, "flip": False}, {"sc": False, "flip": False}),
        "γ in training and test - none": ({"γ": "both"}, {"γ": "none"}),
        "γ at the test alone - none": ({"γ": "test"}, {"γ": "none"}),
    }
    return corrected([trend(name, group(**more), group(**less)) for name, (more, less) in asked.items()])


def _levels(row: Row) -> dict[str, Any]:
    reading = "none" if row.gamma == 1 else "both" if row.gamma_train is None else "test"
    return {"flip": row.flip, "sc": row.sc, "γ": reading}


def claims(
    ablation: Sequence[Trend], motions: Sequence[Result], gammas: Sequence[Result], rivals: Sequence[Result]
) -> list[Trend]:
    """What the paper says, each as one difference, corrected for all of them.

    Args:
        ablation: from `trends.ablation_trends`.
        motions: of `rows.table_3`, SelfME+, SelfME as printed and TV-L1 among them.
        gammas: of `rows.table_4`.
        rivals: Table 2's, and last among them SelfME with everything.
    """
    by_name = {one.row.name: one for one in motions}
    third, fourth, second = (paper_table(number).groupby("method")["uf1"].first() for number in (3, 4, 2))
    found = [one for one in ablation if one.name.endswith("over all")]
    assert [one.name.split()[0] for one in found] == list(SWITCHES)
    for form in ("SelfME+", "SelfME as printed"):
        for network in ("ViT", "SCViT"):
            pair = by_name[f"{form}+{network}"], by_name[f"TV-L1+{network}"]
            gain = third[f"SelfME-motion+{network}"] - third[f"TV-L1+{network}"]
            found.append(_one(f"{form}'s motion above TV-L1's, {network}", *pair, gain))
    for to, since in ((1, 0), (2, 1)):
        gain = fourth[gammas[to].row.name] - fourth[gammas[since].row.name]
        title = f"γ = {gammas[to].row.gamma:g} instead of {gammas[since].row.gamma:g}"
        found.append(_one(title, gammas[to], gammas[since], gain))
    *others, mine = rivals
    if others:
        best = max(others, key=lambda one: one.score("uf1")[0])
        gain = second["SelfME"] - second[[one.row.name for one in others]].max()
        found.append(_one(f"SelfME above the best rival here, {best.row.name}", mine, best, gain))
    return corrected(found)


def _one(name: str, more: Result, less: Result, paper: float) -> Trend:
    return trend(name, [more], [less], paper=float(paper))


def told(found: Sequence[Trend]) -> dict[str, list[str]]:
    """Claims by verdict: those that hold, those that do not, and those of which nothing can be said."""
    words: Mapping[str, list[str]] = {word: [] for word in ("holds", "does not hold", "cannot be said")}
    for one in found:
        words[VERDICTS[one.verdict]].append(one.name)
    return dict(words)
