"""What commands print: JSON for other programs, tables for people."""

import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


class Stopwatch:
    """Starts when it is made; in text it says what has passed since: `3.2 s`, `1:15 min`, `1:01:40 h`."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __str__(self) -> str:
        return clock(time.monotonic() - self.started)


def clock(seconds: float | int) -> str:
    """`3.2` -> `3.2 s`, `75.2` -> `1:15 min`, `3700` -> `1:01:40 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h" if minutes >= 60 else f"{minutes}:{rest:02} min"


def roughly(seconds: float) -> str:
    """Of a time that is foretold: `25 s`, `12 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def counted(number: int, one: str) -> str:
    """`1 subject`, `2 subjects`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def in_four_digits(scores: Mapping[str, Any], name: str) -> str:
    """`0.8382 [0.7613, 0.8921]` from a score and, under `NAME_interval`, its 95 % interval."""
    low, high = scores[f"{name}_interval"]
    return f"{scores[name]:.4f} [{low:.4f}, {high:.4f}]"


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
