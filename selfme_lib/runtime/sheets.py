"""Tables that other programs open or have written: which sign separates the columns of a CSV file, and cells that would run.

A spreadsheet runs what begins like a formula, even in a CSV file: `=HYPERLINK(…)`, `=cmd|…`, `@SUM(…)`. Such text is written with
an apostrophe before it, which spreadsheets take for "this is text", and loses it when it is read again.
"""

import csv
import io
import re
from collections.abc import Collection
from typing import Any

_RUNS = re.compile(r"\s*(?:[=@\t\r\n＝＠＋－]|[+-](?![\d\s.,:;%±()\[\]+–-]*$))")
"""Begins like a formula; `-0.03 [-0.06, +0.01]` is a number to people and harmless to a spreadsheet."""


def disarm(cell: Any) -> Any:
    """A cell as it may be written: text that a spreadsheet would run gets an apostrophe, everything else stays as it is."""
    return f"'{cell}" if isinstance(cell, str) and _RUNS.match(cell.lstrip("'")) else cell


def restore(cell: str) -> str:
    """What `disarm` was given."""
    return cell[1:] if cell.startswith("'") and _RUNS.match(cell.lstrip("'")) else cell


def separator(text: str, titles: Collection[str], *, within: int = 40) -> str:
    """Comma, semicolon or tab: the one that splits one of the first lines into most of these titles.

    Args:
        text: the first lines of a CSV file, or all of it.
        titles: of the columns that are looked for, in lower case and without blanks.
        within: lines that may precede and hold the titles.
    """
    lines = text.splitlines()[:within]

    def found(sign: str) -> tuple[int, int]:
        rows = csv.reader(io.StringIO("\n".join(lines)), delimiter=sign)
        try:
            headers = [{re.sub(r"\s", "", cell).lower() for cell in row} & set(titles) for row in rows]
        except csv.Error:
            headers = []
        return max(map(len, headers), default=0), sum(line.count(sign) for line in lines)

    return max(",;\t", key=found)
