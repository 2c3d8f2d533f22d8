"""A run for other programs: predictions in the form of the Micro-Expression Grand Challenge, and tables as CSV, Markdown, LaTeX.

    runs/NAME/exports/
        predictions/METHOD-seed0.csv    dataset, subject, clip, label, prediction; `selfme score` reads it
        05_scores.csv .md .tex          every table of the report

The label list of MEGC 2019 has one line per clip: data set, subject, clip and class (0 negative, 1 positive, 2 surprise). The
prediction stands beside it, so anybody's script can score it. Everything else is in `metrics.json`.
"""

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.runtime.sheets import disarm

from .records import Predictions
from .run_folder import RunFolder

LATEX = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "–": "--"}
    | {"±": r"$\pm$", "γ": r"$\gamma$", "ω": r"$\omega$", "τ": r"$\tau$"}
)
"""How LaTeX writes characters that it would misread or does not have. pandas escapes neither Greek letters nor captions."""


def export(run: RunFolder) -> list[Path]:
    """Write everything that a run holds into `exports/`; returns the files."""
    folder, written = run.path / "exports", []
    if run.metrics.exists():
        metrics = read_shaped(run.metrics, Predictions, remedy=run.remedy)
        names = {row["name"]: re.sub(r"\W+", "-", row["name"]).strip("-") for row in metrics["rows"]}
        if len(set(names.values())) < len(names):  # two methods must not share a file
            names = safe_names(names)
        for row in metrics["rows"]:
            path = folder / "predictions" / f"{names[row['name']]}-seed{row['seed']}.csv"
            frame = pd.DataFrame(row["predictions"]).assign(dataset=metrics["dataset"]["name"])
            with atomic_path(path) as temporary:
                columns = ["dataset", "subject", "clip", "label", "prediction"]
                temporary.write_text(csv_text(frame[columns]), encoding="utf-8")
            written.append(path)
    for record in run.items():
        if record["kind"] == "table":
            table = pd.DataFrame(record["rows"], columns=record["columns"], dtype=object)
            written += write_table(folder / record["name"], table, caption=record["title"])
    return written


def write_table(stem: Path, table: pd.DataFrame, *, caption: str = "") -> list[Path]:
    """Write `stem`.csv, .md and .tex (booktabs). Numbers are complete in the CSV file, with three decimals in the others."""
    words = table.map(in_words)
    texts = {
        ".csv": csv_text(table),
        ".md": "\n".join([*markdown(list(words), words.to_numpy().tolist()), ""]),
        ".tex": latex(words, caption),
    }
    files = {stem.with_name(stem.name + suffix): text for suffix, text in texts.items()}
    for path, text in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(files)


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


def latex(words: pd.DataFrame, caption: str) -> str:
    """A table of text in LaTeX, with booktabs' rules; whatever LaTeX would misread is escaped."""
    table = words.rename(columns=lambda name: name.translate(LATEX)).map(lambda cell: cell.translate(LATEX))
    return table.style.hide(axis="index").to_latex(
        hrules=True,
        column_format="l" * len(table.columns),
        position_float="centering",
        caption=caption.translate(LATEX),
    )


def in_words(value: Any) -> str:
    """A cell for people: three decimals; a dash if there is no value."""
    if value is None or value != value:  # not a number
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
