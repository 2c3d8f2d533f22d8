"""`selfme verify`: does a fresh run give the published numbers?

Publishing a run writes `published.json` with the tables and values that readers see. Another run with the same profile is
compared with it, number by number; chapters that `make reproduce` leaves out count only if that run has them.

On a machine like the one that made them, with the same packages, everything but times is equal. Another processor rounds sums
differently, so fine-tuning from the same seed gives a slightly different motion learner. Its errors agree to the third
decimal, but classifiers that learn for hundreds of steps from few clips may flip predictions, as a different seed would.
(Between two processors, rows that see TV-L1 or the true motion were equal; rows that see the learned motion moved by .03 UF1
on average in one comparison, single rows far more in others; A2 puts the deviation between seeds at .04.) Hence
tolerances, stated here and nowhere else:

| what | may differ by |
|---|---|
| UF1, UAR, accuracy, and what is computed from them | .05 |
| errors, losses, angles, percentages, any other number | 5 % of the larger, or .01 |
| whole numbers, names, yes and no | nothing |
| times, and versions of what it ran on | anything |
| extremes over clips | anything, on another machine |
| in chapters that train classifiers, estimates with an interval | what both intervals allow, on another machine |
| – verdicts | there, undecided may become decided and the other way round; never the opposite |
| – p | there, anything from 0 to 1 |
| – numbers of one person, class or training | there, .5, and 50 % above 1; on average over n rows, .5 / √n |
| – how many rows or seeds did something | there, 3, or half of the larger |
| – what is given, such as the paper's numbers and how many clips there are | there, too, nothing |

Two intervals allow the root of the sum of squares of their half-widths. "Another machine" is one whose record of what it ran on
differs in anything: packages, number of cores, kind of processor. Records made before kinds of processors were told apart differ.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.fingerprint import code_hash
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.study.records import Published, check_widths
from selfme_lib.study.run_folder import RunFolder

from .chapters import BEYOND

KINDS = ("tables", "values")
SCORES, SHARE, LEAST = 0.05, 0.05, 0.01
SCORE = re.compile(r"UF1|UAR|accuracy|recall|difference|interval|gain|effect|ours", re.IGNORECASE)
UNCOUNTED = re.compile(r"\bms\b|seconds|minutes|\bs a |time", re.IGNORECASE)  # columns that depend on the machine
ENVIRONMENT = "00_environment"
NUMBER = re.compile(r"[-+]?\d+\.\d+")
CLASSIFIERS = ("04", "05", "06", "07", "08", "A2")  # chapters that train them
LONE = 0.5  # a number of one person, class or training
UNTRAINED = "γ|clips|folds|number|numbers a clip"
GIVEN = re.compile(rf"paper|printed|CASME|SMIC|parameters|flops|^(?:{UNTRAINED})$")  # columns that no training changes
STATISTICS = ("selfme_lib.evaluation.intervals", "selfme_lib.evaluation.paired")
COUNTS = re.compile(r"(\d+)/(\d+)")
VERDICTS = re.compile(r"(?:(\d+) )?(confirmed|contradicted|found|undecided)")
EXTREME = re.compile(r"smallest|at most|clips that fold")  # columns that a single clip decides
ESTIMATE = re.compile(rf"({NUMBER.pattern})(?: ± [\d.]+)? \[({NUMBER.pattern}), ({NUMBER.pattern})\]")


def key_numbers(run: RunFolder) -> dict[str, Any]:
    """What is published of a run: every table and value of its chapters, and what it ran on.

    Raises:
        DataError: the run is not complete.
    """
    if not run.metrics.exists() or not run.profile.exists():
        raise DataError(f"{run.path}: not a finished run; `selfme reproduce --out {run.path}` makes one")
    records = [item for item in run.items() if item["kind"] != "figure" and item["name"] != ENVIRONMENT]
    tables = [item for item in records if item["kind"] == "table"]
    metrics = run.read_metrics()
    return {
        "profile": run.read_settings()["profile"],
        "ran_on": {key: metrics[key] for key in ("environment", "torch", "device")},
        "statistics": code_hash(*STATISTICS),
        "tables": {item["name"]: {key: item[key] for key in ("columns", "rows")} for item in tables},
        "values": {item["name"]: item["values"] for item in records if item["kind"] == "values"},
    }


def read_published(path: Path) -> dict[str, Any]:
    """The numbers that are published.

    Raises:
        DataError: the file is damaged.
    """
    remedy = "restore it with `git checkout`, or publish again"
    numbers = read_shaped(path, Published, remedy=remedy)
    for table in numbers["tables"].values():
        check_widths(table, path, remedy)
    return numbers


def write_published(run: RunFolder, path: Path) -> Path:
    """Keep the key numbers of a run in a file of the project; those of an appendix that the run lacks stay as they are."""
    numbers = key_numbers(run)
    if path.exists():
        earlier, chapters = read_published(path), _chapters(numbers)
        for kind in KINDS:
            numbers[kind] |= {name: item for name, item in earlier[kind].items() if _is_appendix(name, chapters)}
    write_json(path, numbers)
    return path


def _chapters(numbers: dict[str, Any]) -> set[str]:
    return {name[:2] for kind in KINDS for name in numbers[kind]}


def _is_appendix(name: str, chapters: set[str]) -> bool:
    """Whether a table or value belongs to a chapter that `make reproduce` leaves out and that is not among these."""
    return name[:2] >= BEYOND and name[:2] not in chapters


def same_machine(published: dict[str, Any], fresh: dict[str, Any]) -> bool:
    """Whether both ran on the same kind of machine with the same packages, so that even trainings are equal."""
    return published["ran_on"] == fresh["ran_on"]


def difference_of_kind(published: dict[str, Any], fresh: dict[str, Any]) -> str:
    """Why two sets of numbers need not be equal, in words; empty if they must."""
    if published.get("statistics") != fresh["statistics"]:
        return "intervals and tests are computed in another way since these numbers were published; publish a run again"
    if same_machine(published, fresh):
        return ""
    if "processor_kind" not in published["ran_on"].get("environment", {}):
        return "the published record does not say which kind of processor it ran on, so this counts as another machine"
    return "within the tolerances for another machine"


def compare(published: dict[str, Any], fresh: dict[str, Any]) -> list[str]:
    """What differs by more than its tolerance, one line each."""
    if published["profile"] != fresh["profile"]:
        return [f"published is the profile {published['profile']}, the fresh run is {fresh['profile']}"]
    faults = []
    chapters, elsewhere = _chapters(fresh), not same_machine(published, fresh)
    for kind in KINDS:
        for name, record in published[kind].items():
            if _is_appendix(name, chapters):
                continue
            if name not in fresh[kind]:
                faults.append(f"{name}: published, but not in the fresh run")
            elif kind == "tables":
                faults += _compare_tables(name, record, fresh[kind][name], elsewhere)
            else:
                faults += _compare_values(name, record, fresh[kind][name], elsewhere)
    return faults


def _compare_tables(name: str, published: dict[str, Any], fresh: dict[str, Any], elsewhere: bool) -> list[str]:
    columns, before, after = published["columns"], published["rows"], fresh["rows"]
    if columns != fresh["columns"] or [row[0] for row in before] != [row[0] for row in after]:
        return [f"{name}: another table ({len(after)} rows of {', '.join(fresh['columns'])})"]
    faults = []
    for old, new in zip(before, after):
        faults += _compare_values(f"{name}, {old[0]}", dict(zip(columns, old)), dict(zip(columns, new)), elsewhere)
    for column, old, new in zip(columns, zip(*before), zip(*after)) if elsewhere and len(before) > 1 else ():
        if not UNCOUNTED.search(column) and not EXTREME.search(column) and all(map(_is_float, [*old, *new])):
            means, room = (sum(old) / len(old), sum(new) / len(new)), LONE / math.sqrt(len(old))
            if abs(means[0] - means[1]) > room * max(1, *map(abs, means)):
                faults.append(f"{name}, mean of {column}: published {_word(means[0])}, now {_word(means[1])}")
    return faults


def _compare_values(name: str, published: dict[str, Any], fresh: dict[str, Any], elsewhere: bool) -> list[str]:
    if list(published) != list(fresh):
        return [f"{name}: other values ({', '.join(fresh)})"]
    return [
        f"{name}, {column}: published {_word(value)}, now {_word(fresh[column])}"
        for column, value in published.items()
        if not UNCOUNTED.search(column)
        and not _agree(column, value, fresh[column])
        and not (elsewhere and _by_chance(name, column, value, fresh[column]))
    ]


def _by_chance(name: str, column: str, published: Any, fresh: Any) -> bool:
    """Whether rounding on another machine, which amounts to another training, may explain the difference."""
    if EXTREME.search(column):
        return True
    if name[:2] not in CLASSIFIERS:
        return False
    if column == "verdict":
        return "undecided" in (published, fresh)
    if GIVEN.search(column):
        return False
    before, after = (_estimate(value) for value in (published, fresh))
    if before and after:
        return abs(before[0] - after[0]) <= math.hypot(before[1], after[1])
    if re.match(r"p\b", column):
        return all(NUMBER.fullmatch(str(value)) and 0 <= float(value) <= 1 for value in (published, fresh))
    return not before and not after and _near(published, fresh)


def _near(published: Any, fresh: Any) -> bool:
    """Whether two numbers of one person, class or training may come from two trainings; also in lists and texts."""
    if isinstance(published, list) and isinstance(fresh, list):
        return len(published) == len(fresh) and all(map(_near, published, fresh))
    if _is_float(published) and _is_float(fresh):
        return abs(published - fresh) <= LONE * max(1, abs(published), abs(fresh))
    if type(published) is int and type(fresh) is int:  # how many rows or seeds did something
        return abs(published - fresh) <= max(3, LONE * max(published, fresh))
    if isinstance(published, str) and isinstance(fresh, str):
        counts = [COUNTS.fullmatch(text) for text in (published, fresh)]
        if counts[0] and counts[1]:  # "8/12", of as many
            return counts[0][2] == counts[1][2] and _near(*(int(found[1]) / int(found[2]) for found in counts if found))
        if VERDICTS.match(published) and VERDICTS.match(fresh):  # "4 undecided, 1 confirmed", of as many
            totals = [sum(int(count or 1) for count, _ in VERDICTS.findall(text)) for text in (published, fresh)]
            return totals[0] == totals[1]
        words = [NUMBER.sub("#", text) for text in (published, fresh)]
        numbers = [[float(number) for number in NUMBER.findall(text)] for text in (published, fresh)]
        return words[0] == words[1] and _near(*numbers)
    return False


def _is_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _estimate(value: Any) -> tuple[float, float] | None:
    """The number and half the width of its interval, from "0.805 [0.731, 0.858]"."""
    found = ESTIMATE.fullmatch(value) if isinstance(value, str) else None
    if not found:
        return None
    number, low, high = map(float, found.groups())
    return number, (high - low) / 2


def _agree(column: str, published: Any, fresh: Any) -> bool:
    if isinstance(published, list) and isinstance(fresh, list):
        return len(published) == len(fresh) and all(_agree(column, *pair) for pair in zip(published, fresh))
    if isinstance(published, str) and isinstance(fresh, str):  # "0.805 [0.731, 0.858]": numbers within text
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
