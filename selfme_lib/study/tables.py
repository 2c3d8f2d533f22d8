"""The paper's tables: which rows they have, how ours are shown, and what the paper prints beside them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from selfme_lib.baselines.rivals import Rival
from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.data import CLASS_NAMES
from selfme_lib.evaluation.intervals import draws_of_folds, percentile_interval
from selfme_lib.evaluation.metrics import accuracy, uar, uf1
from selfme_lib.runtime.errors import UsageError

from .profiles import Profile

METRICS = {"uf1": uf1, "uar": uar}
PAPER_TABLES = Path(__file__).parent / "paper_tables.csv"
TITLES = {
    "zero": "no motion",
    "tvl1": "TV-L1",
    "farneback": "Farneback",
    "dis": "DIS",
    "selfme": "SelfME-motion",
    "truth": "true motion",
    "tcae": "TCAE-motion",
    "features": "given motion",
}


@dataclass(frozen=True)
class Row:
    r"""One row of a results table: a motion and a classifier.

    Attributes:
        name: as the table shows it.
        motion: method of `study.extraction.extract`.
        bspline: expansion by B-spline and exponential (learned motion only).
        sc: with the symmetric contrastive loss, or the plain ViT.
        gamma: motion amplification $\gamma$; the same for every motion, because inputs have one fixed scale.
        mirror: the extension of the loss that mirrors the right half.
        omega, tau: of the loss; None takes the profile's.
        rival: another system instead of ViT or SCViT.
    """

    name: str
    motion: str = "selfme"
    bspline: bool = True
    sc: bool = True
    gamma: float = 2.0
    mirror: bool = False
    omega: float | None = None
    tau: float | None = None
    rival: Rival | None = None

    def classifier(self, config: ClassifierConfig) -> ClassifierConfig:
        """The profile's classifier with what this row changes."""
        omega = config.omega if self.omega is None else self.omega
        tau = config.tau if self.tau is None else self.tau
        return replace(config, omega=omega if self.sc else 0.0, tau=tau, mirror=self.mirror)


@dataclass(frozen=True)
class Result:
    """What came of a row.

    Attributes:
        records: of each seed, what `metrics.json` keeps (see `study.records.loso_row`).
        fold_seconds: of each seed, the time that each subject's fold took.
    """

    row: Row
    records: tuple[dict[str, Any], ...]
    fold_seconds: tuple[dict[str, float], ...]

    @property
    def confusion(self) -> np.ndarray:
        """Rows truth, columns prediction; summed over the seeds."""
        return np.sum([record["confusion"] for record in self.records], axis=0)

    @property
    def predictions(self) -> pd.DataFrame:
        """subject, clip, label, prediction, probabilities and the seed of each."""
        frames = [pd.DataFrame(record["predictions"]).assign(seed=record["seed"]) for record in self.records]
        return pd.concat(frames, ignore_index=True)

    def of_seed(self, record: int) -> "Result":
        """The same row with one of its seeds alone."""
        return replace(self, records=(self.records[record],), fold_seconds=(self.fold_seconds[record],))

    def folds(self, record: int) -> Int[np.ndarray, "s k k"]:
        """The confusion matrix of each subject, sorted by subject, of one seed."""
        return np.array([fold["confusion"] for fold in self.records[record]["folds"]])

    def draws(self, metric: str, *, n: int = 2000) -> Float[np.ndarray, "n"]:
        """`uf1` or `uar`, its mean over the seeds, in each of n draws of subjects (see `evaluation.intervals`)."""
        return np.mean([draws_of_folds(self.folds(i), METRICS[metric], n=n) for i in range(len(self.records))], axis=0)

    def score(self, metric: str) -> tuple[float, float, float]:
        """`uf1` or `uar`, pooled over the folds, its mean over the seeds, and the 95 % interval of that over subjects."""
        value = np.mean([record["pooled"][metric] for record in self.records])
        return (float(value), *percentile_interval(self.draws(metric)))

    def deviation(self, metric: str) -> float:
        """Standard deviation of the score over the seeds; not a number with one seed."""
        values = [record["pooled"][metric] for record in self.records]
        return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")


def ablation_rows(settings: Profile) -> list[Row]:
    """Table 1: every combination of B-spline, SC and motion amplification (MA), in the paper's order."""
    order = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1), (1, 1, 1)]
    return [
        Row(
            name=" + ".join(["SelfME", *(part for part, on in zip(("B-spline", "SC", "MA"), parts) if on)]),
            bspline=bool(parts[0]),
            sc=bool(parts[1]),
            gamma=settings.motion.gamma if parts[2] else 1.0,
        )
        for parts in order
    ]


def motion_rows(settings: Profile, methods: Sequence[str] | None = None) -> list[Row]:
    """Table 3: every motion of the profile, or each of `methods`, with the plain ViT and with SCViT.

    The true motion is the upper bound; only SynthME has it.
    """
    known = settings.data.dataset == "synthme"
    return [
        Row(
            name=f"{TITLES[method]}+{'SCViT' if sc else 'ViT'}",
            motion=method,
            bspline=method == "selfme" and settings.motion.bspline,
            sc=sc,
            gamma=settings.motion.gamma,
        )
        for method in methods or settings.motion.methods
        if method != "truth" or known
        for sc in (False, True)
    ]


def sweep_rows(settings: Profile) -> tuple[list[Row], list[Row]]:
    """Figure 4: SelfME at each of the profile's ω, and at each of its τ; the other one is the profile's."""
    evaluation = settings.evaluation
    return (
        [Row(name=f"ω = {omega:g}", gamma=settings.motion.gamma, omega=omega) for omega in evaluation.omegas],
        [Row(name=f"τ = {tau:g}", gamma=settings.motion.gamma, tau=tau) for tau in evaluation.taus],
    )


def gamma_rows() -> list[Row]:
    """Table 4: motion amplification."""
    return [Row(name=f"SelfME gamma={gamma:g}", gamma=gamma) for gamma in (1.0, 2.0, 3.0)]


def table(results: Sequence[Result]) -> pd.DataFrame:
    """A row per result, numbers as numbers: what the row is, UF1 and UAR with their intervals, number of seeds."""
    lines = []
    for result in results:
        row = asdict(result.row)
        line = {key: row[key] for key in ("name", "motion", "bspline", "sc", "gamma", "mirror")}
        for metric in ("uf1", "uar"):
            line[metric], line[f"{metric}_low"], line[f"{metric}_high"] = result.score(metric)
            line[f"{metric}_sd"] = result.deviation(metric)
        lines.append({**line, "seeds": len(result.records)})
    return pd.DataFrame(lines)


def readable(results: Sequence[Result]) -> pd.DataFrame:
    """`table` for people: in one cell the score, ± its deviation over the seeds if there are several, and its interval."""
    return pd.DataFrame(
        {
            "method": result.row.name,
            "B-spline": result.row.bspline,
            "SC": result.row.sc,
            "γ": result.row.gamma,
            "UF1 [95 %]": _with_interval(result, "uf1"),
            "UAR [95 %]": _with_interval(result, "uar"),
        }
        for result in results
    )


def paper_table(number: int) -> pd.DataFrame:
    """Results as the paper prints them in Table 1, 2, 3 or 4.

    Raises:
        UsageError: the paper has no such table.
    """
    tables = pd.read_csv(PAPER_TABLES)
    chosen = tables[tables["table"] == number]
    if chosen.empty:
        raise UsageError(f"table {number}: the paper prints results in tables 1, 2, 3 and 4")
    return chosen.drop(columns="table").dropna(axis="columns", how="all").reset_index(drop=True)


def beside_paper(results: Sequence[Result], number: int) -> pd.DataFrame:
    """The rows of Table 1, 3 or 4 that we have computed, the paper's scores beside ours.

    Args:
        results: of `ablation_rows`, `motion_rows` or `gamma_rows`; others are left out.
        number: of the table. The paper's scores are for CASME II (Tables 1 and 3) or SMIC-HS (Table 4).
    """
    if number not in (1, 3, 4):
        raise UsageError(f"table {number}: ours stand beside tables 1, 3 and 4")
    if number == 1:
        results = [result for result in results if result.row.motion == "selfme" and not result.row.mirror]
    printed = {
        (bool(line.bspline), bool(line.sc), bool(line.ma)) if number == 1 else line.method: line
        for line in paper_table(number).itertuples()
    }

    def of_ours(row: Row) -> Any:
        return (row.bspline, row.sc, row.gamma != 1) if number == 1 else row.name

    return pd.DataFrame(
        {
            "method": result.row.name,
            "UF1 paper": printed[of_ours(result.row)].uf1,
            "UF1 ours [95 %]": _with_interval(result, "uf1"),
            "UAR paper": printed[of_ours(result.row)].uar,
            "UAR ours [95 %]": _with_interval(result, "uar"),
        }
        for result in results
        if of_ours(result.row) in printed
    )


def _with_interval(result: Result, metric: str) -> str:
    value, low, high = result.score(metric)
    deviation = result.deviation(metric)
    spread = f" ± {deviation:.3f}" if deviation == deviation else ""
    return f"{value:.3f}{spread} [{low:.3f}, {high:.3f}]"


def per_class(results: Sequence[Result]) -> pd.DataFrame:
    """Recall, precision and F1 of each class, pooled over folds and seeds: what UAR and UF1 are means of."""
    lines = []
    for result in results:
        hits, true, said = np.diag(result.confusion), result.confusion.sum(1), result.confusion.sum(0)
        for number, name in enumerate(CLASS_NAMES[len(true)]):
            recall, precision = hits[number] / max(true[number], 1), hits[number] / max(said[number], 1)
            f1 = 2 * hits[number] / max(true[number] + said[number], 1)
            line = {"method": result.row.name, "class": name, "clips": true[number] // len(result.records)}
            lines.append({**line, "recall": recall, "precision": precision, "F1": f1})
    return pd.DataFrame(lines)


def per_subject(results: Sequence[Result]) -> pd.DataFrame:
    """Share of each subject's clips that are right, mean over the seeds: a row a subject, a column a method."""
    confusions = [np.mean([result.folds(seed) for seed in range(len(result.records))], axis=0) for result in results]
    subjects = [fold["subject"] for fold in results[0].records[0]["folds"]]
    clips = confusions[0].sum((1, 2)).round().astype(int)
    columns = {result.row.name: accuracy(confusion) for result, confusion in zip(results, confusions)}
    return pd.DataFrame({"subject": subjects, "clips": clips, **columns})
