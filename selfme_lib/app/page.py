"""What pages about a run are made of: shared style and script, values as people read them, tables that can be sorted.

A page is one file that works offline and by mail. Its content security policy lets nothing in it ask for anything, and nothing
but its own script run. Text from files is escaped wherever it is shown.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Any

import jinja2

from selfme_lib.study.cells import DIGITS, SCORE, number_of

from .commands.output import clock

DATASET_NAMES = {
    "synthme": "SynthME (rendered faces)",
    "casme2": "CASME II",
    "smic": "SMIC-HS",
    "samm": "SAMM",
    "casme3": "CAS(ME)³, part A",
    "mmew": "MMEW",
    "4dme": "4DME",
    "folder": "a folder of one's own",
    "composite": "CASME II, SMIC-HS and SAMM together",
    "features": "motion computed elsewhere",
}


def render_page(template: str, **values: Any) -> str:
    """A template of this package as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("selfme_lib.app"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"show": show, "clock": clock}
    script, style = (environment.get_template(f"report.{kind}").render() for kind in ("js", "css"))
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(script=script, style=style, script_hash=allowed, **values)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """A table ready to be shown: numbers of a column with the same decimals, and what each cell is sorted by."""
    values = [list(column) for column in zip(*rows)] or [[] for _ in columns]
    decimals = [DIGITS if SCORE.search(name) else decimals_of(column) for name, column in zip(columns, values)]
    return {
        "columns": list(columns),
        "numeric": [
            any(number_of(cell) is not None and cell not in (True, False) for cell in column) for column in values
        ],
        "rows": [
            [{"text": _cell(value, places), "by": number_of(value)} for value, places in zip(row, decimals)]
            for row in rows
        ],
    }


def _cell(value: Any, decimals: int) -> str:
    """A cell; a score and its interval stay on one line."""
    text = show(value, decimals)
    return text if number_of(value) is None else text.replace(" ", "\N{NO-BREAK SPACE}")


def show(value: Any, decimals: int = 3) -> str:
    """A value as people read it; ✓ for yes, – for no and for a missing one."""
    if value is None or value is False:
        return "–"
    if value is True:
        return "✓"
    if isinstance(value, float):
        return f"{value:.{decimals}f}"
    if isinstance(value, list):
        return ", ".join(show(item, decimals) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {show(item, decimals)}" for name, item in value.items())
    return str(value)


def decimals_of(values: list[Any]) -> int:
    """Decimals of a column of numbers: none if all are whole, otherwise about four digits for the largest."""
    numbers = [value for value in values if isinstance(value, float)]
    if all(value.is_integer() for value in numbers):
        return 0
    largest = max(map(abs, numbers))
    return 3 if largest < 10 else 2 if largest < 100 else 1
