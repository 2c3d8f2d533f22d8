"""What commands print: JSON for other programs, tables for people."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO


def print_json(value: Any) -> None:
    """JSON on standard output; not-a-number is an error, because JSON has no word for it."""
    print(json.dumps(value, indent=2, allow_nan=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, file: TextIO | None = None) -> None:
    """A table that fits the terminal; without one, plain aligned columns that are never broken.

    Floats get three decimals. Columns of numbers are aligned at the right.
    """
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from selfme_lib.study.exports import in_words

    file = file or sys.stdout
    terminal = file.isatty()
    console = Console(file=file) if terminal else Console(file=file, width=10_000, color_system=None)
    table = Table(box=SIMPLE if terminal else None, pad_edge=False)
    rows = list(rows)
    for name, values in zip(columns, list(zip(*rows)) or [()] * len(columns)):
        numbers = all(isinstance(value, int | float | None) for value in values)
        table.add_column(Text(name), justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(in_words(value)) for value in row))
    console.print(table)
