"""A run for other programs: predictions as in the Micro-Expression Grand Challenge; tables as CSV, JSON, Markdown, LaTeX.

    runs/NAME/exports/
        predictions/METHOD-seed0.csv    dataset, subject, clip, label, prediction; `selfme score` reads it
        05_scores.csv .json .md .tex    every table of the report; value, low and high of a score in columns of their own

The label list of MEGC 2019 has one line per clip: data set, subject, clip and class (0 negative, 1 positive, 2 surprise). The
prediction stands beside it, so anybody's script can score it. Everything else is in `metrics.json`.
"""

import html
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.runtime.sheets import disarm

from .cells import DIGITS, SCORE, number_of, read_estimate
from .records import Predictions
from .run_folder import RunFolder

LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"}
    | {
        "±": r"$\pm$",
        "−": "$-$",
        "×": r"$\times$",
        "°": r"$^\circ$",
        "γ": r"$\gamma$",
        "ω": r"$\omega$",
        "τ": r"$\tau$",
    }
)
"""How LaTeX writes characters that it would misread or does not have. pandas escapes neither Greek letters nor captions."""
MISSING = "–"
METHODS = ("method", "classifier", "motion", "system", "name")  # first column of a table that compares methods
BOUNDS = re.compile(r"true motion|majority class|no motion|LEAKING")  # rows that are no method
ERROR = re.compile(r"\bEPE\b|\berror\b", re.IGNORECASE)


def export(run: RunFolder) -> list[Path]:
    """Write everything that a run holds into `exports/`; returns the files."""
    folder, written = run.path / "exports", []
    if run.metrics.exists():
        metrics = read_shaped(run.metrics, Predictions, remedy=run.remedy)
        dataset = metrics["dataset"]["name"]
        for name, row in zip(prediction_files(metrics["rows"]), metrics["rows"]):
            with atomic_path(folder / "predictions" / name) as temporary:
                temporary.write_text(csv_text(predicted(row, dataset)), encoding="utf-8")
            written.append(folder / "predictions" / name)
    for record in run.items():
        if record["kind"] == "table":
            table = pd.DataFrame(record["rows"], columns=record["columns"], dtype=object)
            written += write_table(folder / record["name"], table, title=record["title"], caption=record["caption"])
    return written


def prediction_files(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The name of each row's file of predictions: method, protocol unless it is the usual one, seed."""
    names = {row["name"]: re.sub(r"\W+", "-", row["name"]).strip("-") for row in rows}
    if len(set(names.values())) < len(names):  # two methods must not share a file
        names = safe_names(names)
    protocols = [row.get("settings", {}).get("protocol", "loso") for row in rows]
    parts = [[] if protocol == "loso" else [re.sub(r"\W+", "-", protocol)] for protocol in protocols]
    return ["-".join([names[row["name"]], *part, f"seed{row['seed']}.csv"]) for row, part in zip(rows, parts)]


def predicted(row: Mapping[str, Any], dataset: str) -> pd.DataFrame:
    """The predictions of a row as `selfme score` reads them: dataset, subject, clip, label, prediction."""
    frame = pd.DataFrame(row["predictions"]).assign(dataset=dataset)
    return frame[["dataset", "subject", "clip", "label", "prediction"]]


def write_table(stem: Path, table: pd.DataFrame, *, title: str = "", caption: str = "") -> list[Path]:
    """Write `stem`.csv, .json, .md and .tex (booktabs).

    A score, its deviation and the ends of its interval have columns of their own, except in Markdown, which people read. Numbers
    are complete in CSV and JSON; elsewhere they have three decimals, scores four.
    """
    numbers = apart(table)
    words = in_columns(table)
    record = {"title": title, "caption": caption, "columns": list(numbers), "rows": numbers.to_numpy(object).tolist()}
    texts = {
        ".csv": csv_text(numbers),
        ".json": json.dumps(_plain(record), indent=1, ensure_ascii=False, allow_nan=False) + "\n",
        ".md": "\n".join([*markdown(list(words), words.to_numpy().tolist()), ""]),
        ".tex": latex(table, " ".join(f"{part.rstrip('.')}." for part in (title, caption) if part), f"tab:{stem.name}"),
    }
    files = {stem.with_name(stem.name + suffix): text for suffix, text in texts.items()}
    for path, text in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(files)


def apart(table: pd.DataFrame, convert: Callable[[str], Any] = float) -> pd.DataFrame:
    """The table with a column for the value, the deviation and each end of the interval of every score.

    Args:
        convert: what is made of each number, which is text.
    """
    columns: list[tuple[str, list[Any]]] = []
    for place, name in enumerate(table.columns):
        cells = table.iloc[:, place].tolist()
        found = [read_estimate(cell) for cell in cells]
        if not any(found) or not all(one or in_words(cell) == MISSING for one, cell in zip(found, cells)):
            columns.append((name, cells))
            continue
        plain = re.sub(r"(?:, | )?\[?95 %\]?$", "", name)
        for part, suffix in (("value", ""), ("deviation", " sd"), ("low", " low"), ("high", " high")):
            texts = [getattr(one, part) if one else "" for one in found]
            if any(texts):
                columns.append((plain + suffix, [convert(text) if text else None for text in texts]))
    split = pd.DataFrame({place: pd.Series(cells, dtype=object) for place, (_, cells) in enumerate(columns)})
    return split.set_axis([name for name, _ in columns], axis=1)


def _plain(value: Any) -> Any:
    """As JSON knows it: not-a-number is null."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV in which a spreadsheet finds nothing to run (see `runtime.sheets`)."""
    return table.rename(columns=disarm).map(disarm).to_csv(index=False, lineterminator="\n")


def markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown. Not by `DataFrame.to_markdown`, whose tabulate leaves `|` inside a cell as it is."""
    lines = [list(map(literal, names)), ["---"] * len(names), *(list(map(literal, row)) for row in rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def literal(text: str) -> str:
    """Text from data within a line of Markdown: neither HTML nor another cell begins in it."""
    text = re.sub(r"<(?=[a-z!/?])|&(?=#?\w+;)", lambda sign: html.escape(sign[0]), text, flags=re.IGNORECASE)
    return " ".join(text.splitlines()).replace("|", "\\|")


def latex(table: pd.DataFrame, caption: str, label: str) -> str:
    """A table in LaTeX, with booktabs' rules and the best score of each column in bold; what LaTeX would misread is escaped."""
    split = apart(table, str)
    words = in_columns(split).rename(columns=lambda name: name.translate(LATEX)).map(lambda cell: cell.translate(LATEX))
    for place, rows in best_of(split).items():
        words.iloc[rows, place] = [f"\\textbf{{{cell}}}" for cell in words.iloc[rows, place]]
    numeric = [any(number_of(cell) is not None for cell in split.iloc[:, place]) for place in range(split.shape[1])]
    return words.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="".join("r" if number else "l" for number in numeric),
        position_float="centering",
        caption=caption.translate(LATEX),
        label=re.sub(r"[^\w:.+-]", "-", label),
    )


def best_of(table: pd.DataFrame) -> dict[int, list[int]]:
    """Rows with the best value of each column of scores (highest) or errors (lowest), in a table of methods.

    What is no method, such as the true motion, is not compared; a table of people, differences or protocols has no best.
    """
    methods = table.iloc[:, 0].tolist() if table.shape[1] else []
    if not methods or table.columns[0] not in METHODS or len(set(methods)) < len(methods):
        return {}
    compared = [row for row, name in enumerate(methods) if not BOUNDS.match(str(name))]
    best = {}
    for place, name in enumerate(table.columns):
        error, score = ERROR.search(name), SCORE.search(name)
        if not (error or score) or re.search(r" (?:sd|low|high)$", name):
            continue
        numbers = {row: value for row in compared if (value := number_of(table.iat[row, place])) is not None}
        if len(numbers) > 1:
            top = min(numbers.values()) if error else max(numbers.values())
            best[place] = [row for row, value in numbers.items() if value == top]
    return best


def in_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Every cell for people: scores with four decimals, other numbers with three."""
    words = [
        [in_words(cell, DIGITS if SCORE.search(name) else 3) for cell in table.iloc[:, place]]
        for place, name in enumerate(table.columns)
    ]
    return pd.DataFrame(dict(enumerate(words)), dtype=object).set_axis(list(table.columns), axis=1)


def in_words(value: Any, decimals: int = 3) -> str:
    """A cell for people; a dash if there is no value."""
    if value is None or value != value:  # not a number
        return MISSING
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)
