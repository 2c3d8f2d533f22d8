"""What commands print: JSON for other programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """JSON on standard output; not-a-number is an error, because JSON has no word for it."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, on_stderr: bool = False) -> None:
    """A table that fits the terminal; without a terminal, plain aligned columns on lines that are never broken.

    Floats get three decimals, columns of numbers are right-aligned, None is an empty cell.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from selfme_lib.study.exports import in_words

    file = sys.stderr if on_stderr else sys.stdout
    console = Console(file=file) if file.isatty() else Console(file=file, width=10_000, color_system=None)
    table = Table(box=SIMPLE if console.is_terminal else None, pad_edge=False)
    rows = list(rows)
    for index, name in enumerate(columns):
        numbers = all(isinstance(row[index], int | float | None) for row in rows)
        table.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else in_words(value)) for value in row))
    console.print(table)
