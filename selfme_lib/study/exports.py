"""A run for other programs: predictions as the Micro-Expression Grand Challenge lists clips, tables as CSV, Markdown, LaTeX.

    runs/NAME/exports/
        predictions/METHOD-seed0.csv    dataset, subject, clip, label, prediction; `selfme score` reads it
        05_scores.csv .md .tex          every table of the report

The label list of MEGC 2019 has a line a clip with data set, subject, clip and class (0 negative, 1 positive, 2 surprise);
the prediction stands beside it, so that anybody's script can score it. Everything else is in `metrics.json`.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from selfme_lib.runtime.files import atomic_path, read_json

from .run_folder import RunFolder

LATEX = {"\\": r"\textbackslash{}", **{sign: f"\\{sign}" for sign in "&%$#_{}"}, "~": r"\textasciitilde{}"}
LATEX |= {"^": r"\textasciicircum{}", "±": r"$\pm$", "γ": r"$\gamma$", "ω": r"$\omega$", "τ": r"$\tau$", "–": "--"}


def export(run: RunFolder) -> list[Path]:
    """Write everything that a run has under `exports/`; returns the files."""
    written = []
    if run.metrics.exists():
        metrics = read_json(run.metrics)
        for row in metrics["rows"]:
            name = re.sub(r"\W+", "-", row["name"]).strip("-")
            path = run.path / "exports" / "predictions" / f"{name}-seed{row['seed']}.csv"
            frame = pd.DataFrame(row["predictions"]).assign(dataset=metrics["dataset"]["name"])
            with atomic_path(path) as temporary:
                frame[["dataset", "subject", "clip", "label", "prediction"]].to_csv(temporary, index=False)
            written.append(path)
    for record in run.items():
        if record["kind"] == "table":
            table = pd.DataFrame(record["rows"], columns=record["columns"], dtype=object)
            written += write_table(run.path / "exports" / record["name"], table, caption=record["title"])
    return written


def write_table(stem: Path, table: pd.DataFrame, *, caption: str = "") -> list[Path]:
    """Write `stem`.csv, .md and .tex (booktabs); numbers in full in CSV, with three decimals in the others."""
    names, rows = [*map(str, table.columns)], [[*map(in_words, row)] for row in table.itertuples(index=False)]
    text = "\n".join([*markdown(names, rows), ""])
    texts = {".csv": table.to_csv(index=False), ".md": text, ".tex": latex(names, rows, caption)}
    files = {stem.with_name(stem.name + suffix): text for suffix, text in texts.items()}
    for path, text in files.items():
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return list(files)


def markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table in Markdown."""
    lines = [names, ["---"] * len(names), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


def latex(names: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """A table in LaTeX with booktabs' rules."""
    head, *body = ["  " + " & ".join(map(_escape, line)) + r" \\" for line in (names, *rows)]
    lines = [r"\begin{table}", r"\centering", rf"\caption{{{_escape(caption)}}}"]
    lines += [rf"\begin{{tabular}}{{{'l' * len(names)}}}", r"\toprule", head, r"\midrule", *body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def in_words(value: Any) -> str:
    """A cell for people: a dash for nothing, three decimals."""
    if value is None or value != value:  # not a number
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _escape(text: str) -> str:
    return "".join(LATEX.get(sign, sign) for sign in text)
