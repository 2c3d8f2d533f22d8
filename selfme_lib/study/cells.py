"""A score in one cell of a table, `0.5760 ± 0.0120 [0.5040, 0.6510]`: written for people, read again by programs."""

import math
import re
from typing import Any, NamedTuple

DIGITS = 4  # of a score, as in the paper's tables
SCORE = re.compile(r"\b(?:UF1|UAR|F1|accuracy|recall|precision)\b", re.IGNORECASE)
"""Columns of scores: the higher, the better."""
_NUMBER = r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|nan)"
_ESTIMATE = re.compile(rf"({_NUMBER})(?: ± ({_NUMBER}))? \[({_NUMBER}), ({_NUMBER})\]")
_ALONE = re.compile(rf"(?=.*[^\d])({_NUMBER})(?: ?(?:%|px|°|ms|s|MB))?")  # "03" is a name, "+3" and "3 px" are numbers


class Estimate(NamedTuple):
    """A number with its interval, as text; `deviation` is empty where the cell gives none."""

    value: str
    deviation: str
    low: str
    high: str


def written(value: float, low: float, high: float, *, deviation: float = math.nan, signed: bool = False) -> str:
    """A score, ± its deviation over the seeds unless that is not a number, and its interval."""
    sign = "+" if signed else ""
    spread = "" if math.isnan(deviation) else f" ± {deviation:.{DIGITS}f}"
    value_, low_, high_ = (f"{number:{sign}.{DIGITS}f}" for number in (value, low, high))
    return f"{value_}{spread} [{low_}, {high_}]"


def read_estimate(cell: Any) -> Estimate | None:
    """What `written` wrote, with however many digits; None for any other cell."""
    found = _ESTIMATE.fullmatch(cell) if isinstance(cell, str) else None
    return Estimate(*(part or "" for part in found.groups())) if found else None


def number_of(cell: Any) -> float | None:
    """The number by which a cell is sorted: of an interval, its value; None for text, and where nothing is."""
    if isinstance(cell, str):
        found = _ESTIMATE.fullmatch(cell) or _ALONE.fullmatch(cell)
        cell = float(found[1]) if found else None
    if not isinstance(cell, int | float) or not math.isfinite(cell):
        return None
    return float(cell)
