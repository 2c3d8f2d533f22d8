"""Every score of a run for its report: a row for each method, the chapters that show it, and the predictions behind it.

Predictions are packed: the clips once, and for each training the class that it gave each of them. The page's script turns that
into a table and the CSV file of `exports/predictions`; 24 people, 60 methods and 5 seeds take some hundred kilobytes.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfme_lib.runtime.sheets import disarm
from selfme_lib.study.cells import SCORE, written
from selfme_lib.study.exports import predicted, prediction_files
from selfme_lib.study.results import Result

from .page import table


def score_table(results: Sequence[Result], chapters: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A row per method and protocol, all its seeds together.

    Args:
        chapters: name of a method → numbers of the notebooks that show it.

    Returns:
        As `page.table`; of each row its `chapters` and its `seeds`, each with its place among all trainings; the column after
        which these are shown.
    """
    protocols = len({result.protocol for result in results}) > 1
    lines = []
    for result in results:
        matrix = " | ".join(" ".join(map(str, counts)) for counts in result.confusion)
        line: dict[str, Any] = {"method": result.row.name} | ({"protocol": result.protocol} if protocols else {})
        line |= {
            f"{metric.upper()} [95 %]": written(*result.score(metric), deviation=result.deviation(metric))
            for metric in ("uf1", "uar")
        }
        line["accuracy"] = float(np.mean([record["pooled"]["accuracy"] for record in result.records]))
        line["UF1, mean of folds"] = float(np.mean([record["fold_mean"]["uf1"] for record in result.records]))
        lines.append(line | {"confusion (rows: truth)": matrix})
    shown = table(list(lines[0]), [list(line.values()) for line in lines])
    number, seeds = 0, []
    for result in results:
        seeds.append([(number + place, record["seed"]) for place, record in enumerate(result.records)])
        number += len(result.records)
    links = {"chapters": [list(chapters.get(result.row.name, ())) for result in results], "seeds": seeds}
    return shown | links | {"links_after": list(lines[0]).index("UAR [95 %]")}


def pack(results: Sequence[Result], dataset: str, classes: Sequence[str]) -> dict[str, Any]:
    """The predictions for the page's script, in the order in which `score_table` counts them.

    Returns:
        `classes`: names; `sets`: lists of clips, each `[subject, clip, label, the line of a CSV file so far]`; `rows`: of each
        training its name, seed, the name of its CSV file, the number of its list of clips, and the classes it gave them.
    """
    records = [record for result in results for record in result.records]
    sets: dict[tuple, int] = {}
    rows = []
    for record, file in zip(records, prediction_files(records)):
        frame = predicted(record, dataset)
        clips = tuple(frame[["dataset", "subject", "clip", "label"]].itertuples(index=False, name=None))
        rows.append(
            {
                "name": record["name"],
                "seed": record["seed"],
                "file": file,
                "set": sets.setdefault(clips, len(sets)),
                "predicted": frame["prediction"].tolist(),
            }
        )
    listed = [[[*clip[1:], _csv_line(clip)] for clip in clips] for clips in sets]
    return {"classes": list(classes), "sets": listed, "rows": rows}


def _csv_line(cells: Sequence[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(list(map(disarm, cells)))
    return line.getvalue()


def chapters_of(
    names: Sequence[str], items: Sequence[Mapping[str, Any]], scored: Sequence[str]
) -> dict[str, list[str]]:
    """Name of each method → numbers of the notebooks whose tables show it, or else of all that have added scores (`scored`)."""
    found: dict[str, set[str]] = {name: set() for name in names}
    for item in items:
        if item["kind"] == "table" and any(map(SCORE.search, item["columns"])):
            for cell in found.keys() & {str(row[0]) for row in item["rows"]}:
                found[cell].add(item["name"][:2])
    return {name: sorted(numbers or scored) for name, numbers in found.items()}
