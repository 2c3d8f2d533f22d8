"""`selfme verify`: does a fresh run give the numbers that are published?

Publishing a run writes `published.json` with the tables and values that readers see. Another run with the same profile is
compared with it, number by number; chapters that `make reproduce` leaves out, only if that run has them. On the machine
that made them they are the same but for times; on another processor sums are rounded otherwise, and a training that lasts
hundreds of steps wanders off by a little. Hence tolerances, stated here and nowhere else:

| what | may differ by |
|---|---|
| UF1, UAR, accuracy, and what is made of them | .05 |
| errors, losses, angles, percentages, any other number | 5 % of the larger, or .01 |
| whole numbers, names, yes and no | nothing |
| times, and versions of what it ran on | anything |
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import read_json, write_json
from .reproduce import BEYOND
from .results import RunFolder

KINDS = ("tables", "values")
SCORES, SHARE, LEAST = 0.05, 0.05, 0.01
SCORE = re.compile(r"UF1|UAR|accuracy|recall|difference|interval|gain|effect|ours", re.IGNORECASE)
UNCOUNTED = re.compile(r"\bms\b|seconds|minutes|\bs a |time", re.IGNORECASE)  # columns that depend on the machine
ENVIRONMENT = "00_environment"
NUMBER = re.compile(r"[-+]?\d+\.\d+")


def key_numbers(run: RunFolder) -> dict[str, Any]:
    """What of a run is published: every table and value of its chapters.

    Raises:
        DataError: the run is not complete.
    """
    if not run.metrics.exists() or not run.profile.exists():
        raise DataError(f"{run.path}: not a finished run; `selfme reproduce --out {run.path}` makes one")
    records = [item for item in run.items() if item["kind"] != "figure" and item["name"] != ENVIRONMENT]
    return {
        "profile": read_json(run.profile)["profile"],
        "tables": {
            item["name"]: {"columns": item["columns"], "rows": item["rows"]}
            for item in records
            if item["kind"] == "table"
        },
        "values": {item["name"]: item["values"] for item in records if item["kind"] == "values"},
    }


def write_published(run: RunFolder, path: Path) -> Path:
    """Keep the key numbers of a run in a file of the project; those of an appendix that the run has not stay as they are."""
    numbers = key_numbers(run)
    if path.exists():
        earlier, chapters = read_json(path), _chapters(numbers)
        for kind in KINDS:
            numbers[kind] |= {name: item for name, item in earlier[kind].items() if _is_appendix(name, chapters)}
    write_json(path, numbers)
    return path


def _chapters(numbers: dict[str, Any]) -> set[str]:
    return {name[:2] for kind in KINDS for name in numbers[kind]}


def _is_appendix(name: str, chapters: set[str]) -> bool:
    """Whether a table or value is of a chapter that `make reproduce` leaves out, and that is not among these."""
    return name[:2] >= BEYOND and name[:2] not in chapters


def compare(published: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    """What differs beyond the tolerance, a line each; empty if all holds."""
    if published["profile"] != fresh["profile"]:
        return [f"published is the profile {published['profile']}, the fresh run is {fresh['profile']}"]
    faults = []
    chapters = _chapters(fresh)
    for kind in KINDS:
        for name, record in published[kind].items():
            if _is_appendix(name, chapters):
                continue
            if name not in fresh[kind]:
                faults.append(f"{name}: published, but not in the fresh run")
            elif kind == "tables":
                faults += _compare_tables(name, record, fresh[kind][name])
            else:
                faults += _compare_values(name, record, fresh[kind][name])
    return faults


def _compare_tables(name: str, published: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    if published["columns"] != fresh["columns"] or len(published["rows"]) != len(fresh["rows"]):
        return [f"{name}: another table ({len(fresh['rows'])} rows of {', '.join(fresh['columns'])})"]
    faults = []
    for before, after in zip(published["rows"], fresh["rows"]):
        columns = published["columns"]
        faults += _compare_values(f"{name}, {before[0]}", dict(zip(columns, before)), dict(zip(columns, after)))
    return faults


def _compare_values(name: str, published: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    if list(published) != list(fresh):
        return [f"{name}: other values ({', '.join(fresh)})"]
    return [
        f"{name}, {column}: published {_word(value)}, now {_word(fresh[column])}"
        for column, value in published.items()
        if not UNCOUNTED.search(column) and not _agree(column, value, fresh[column])
    ]


def _agree(column: str, published: Any, fresh: Any) -> bool:
    if isinstance(published, list) and isinstance(fresh, list):
        return len(published) == len(fresh) and all(_agree(column, *pair) for pair in zip(published, fresh))
    if isinstance(published, str) and isinstance(fresh, str):  # "0.805 [0.731, 0.858]": numbers in words
        words = [NUMBER.sub("#", text) for text in (published, fresh)]
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (published, fresh)]
        return words[0] == words[1] and _agree(column, *numbers)
    if isinstance(published, float) or isinstance(fresh, float):
        if published is None or fresh is None or isinstance(published, str) or isinstance(fresh, str):
            return published == fresh
        room = max(SHARE * max(abs(published), abs(fresh)), LEAST)
        return math.isclose(published, fresh, rel_tol=0, abs_tol=max(room, SCORES) if SCORE.search(column) else room)
    return published == fresh


def _word(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
