"""The paper's tables: how ours are shown, and what the paper prints beside them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selfme_lib.evaluation import calibration
from selfme_lib.runtime.errors import UsageError

from .cells import written
from .results import Result

PAPER_TABLES = Path(__file__).parent / "paper_tables.csv"


def readable_scores(results: Sequence[Result]) -> pd.DataFrame:
    """A row per result: in one cell the score, ± its deviation over the seeds if there are several, and its interval."""
    return pd.DataFrame(
        {
            "method": result.row.name,
            "B-spline": result.row.bspline,
            "SC": result.row.sc,
            "γ": result.row.gamma,
            "UF1 [95 %]": in_one_cell(result, "uf1"),
            "UAR [95 %]": in_one_cell(result, "uar"),
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
        results: of `rows.table_1`, `table_3` or `table_4`; others are left out.
        number: of the table. The paper's scores are for CASME II (Tables 1 and 3) or SMIC-HS (Table 4).
    """
    if number not in (1, 3, 4):
        raise UsageError(f"table {number}: ours stand beside tables 1, 3 and 4")
    if number == 1:
        results = [result for result in results if result.row.motion == "selfme" and not result.row.mirror]
    printed = paper_table(number)
    keys = (
        zip(*(printed[switch].astype(bool) for switch in ("bspline", "sc", "ma"))) if number == 1 else printed["method"]
    )
    paper = dict(zip(keys, printed[["uf1", "uar"]].to_dict("records")))
    lines = []
    for result in results:
        row = result.row
        key = (row.bspline, row.sc, row.gamma != 1) if number == 1 else row.name
        if key in paper:
            line: dict[str, Any] = {"method": row.name}
            for metric in ("uf1", "uar"):
                line[f"{metric.upper()} paper"] = paper[key][metric]
                line[f"{metric.upper()} ours [95 %]"] = in_one_cell(result, metric)
            lines.append(line)
    return pd.DataFrame(lines)


def in_one_cell(result: Result, metric: str) -> str:
    """A score with its interval, and with ± its deviation over the seeds if there are several."""
    return written(*result.score(metric), deviation=result.deviation(metric))


def per_class(results: Sequence[Result]) -> pd.DataFrame:
    """Recall, precision and F1 of each class, pooled over folds and seeds: what UAR and UF1 are means of."""
    tables = []
    for result in results:
        hits, true, said = np.diag(result.confusion), result.confusion.sum(1), result.confusion.sum(0)
        shares = {"recall": hits / np.maximum(true, 1), "precision": hits / np.maximum(said, 1)}
        shares["F1"] = 2 * hits / np.maximum(true + said, 1)
        clips = {"class": list(result.names), "clips": true // len(result.records)}
        tables.append(pd.DataFrame({"method": result.row.name, **clips, **shares}))
    return pd.concat(tables, ignore_index=True)


def certainty(results: Sequence[Result]) -> pd.DataFrame:
    """How far each row's probabilities can be believed, of its first seed.

    Returns:
        Share of wrong answers; ECE as it is and at the temperature that fits the other subjects, with 95 % intervals over
        subjects; that temperature, fitted on all; and AURC, the mean share of wrong answers over all coverages.
    """
    lines = []
    for result in results:
        table = result.clips()
        p, labels = calibration.probabilities(table), table["label"].to_numpy()
        both = [calibration.expected_calibration_error(one) for one in (table, calibration.calibrate(table))]
        raw, tempered = (f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in both)
        line: dict[str, Any] = {"method": result.row.name, "wrong": (table["label"] != table["prediction"]).mean()}
        line |= {"ECE [95 %]": raw, "temperature": calibration.fit_temperature(p, labels)}
        lines.append(line | {"ECE at it [95 %]": tempered, "AURC": calibration.area_under_risk(table)})
    return pd.DataFrame(lines)
