"""A grid of parameters, one executed notebook per point: `selfme sweep NOTEBOOK GRID.yaml --out DIR`.

The grid is a YAML file of a notebook's parameters in which a list stands for alternatives; where a parameter itself is a
list, write a list of lists. All combinations are run:

    profile: quick
    seed: 0
    rows: [[SelfME-motion+ViT], [SelfME-motion+SCViT]]
    classifier: {omega: [0.05, 0.1, 0.2]}

    DIR/points/NAME/              a run folder for each point, with its executed notebook and metrics.json
    DIR/shared/                   motions, folds and checkpoints: computed once, whichever point needs them
    DIR/sweep.csv .json .md .tex  one table: what was varied, and every score with its interval

Points are independent tasks for an executor (see `runtime.processes`). Within a point, folds are trained one after the
other, so every process is busy with a notebook of its own. A finished point is not run again; one that was killed resumes
with the folds that it lacks.
"""

import concurrent.futures
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import read_yaml, write_json
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.locks import in_use
from selfme_lib.runtime.processes import run_tasks
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.study import profiles
from selfme_lib.study.exports import write_table
from selfme_lib.study.limits import check_size
from selfme_lib.study.records import Scored
from selfme_lib.study.results import METRICS, Result
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import SHARED, RunFolder

from .execution import Outcome, declared_parameters
from .runner import reproduce

MOST_POINTS = 1_000


def read_grid(path: Path, notebook: Path) -> list[dict[str, Any]]:
    """The points of a grid, in the order of its file, the last parameter changing fastest.

    Raises:
        UsageError: no such file, not YAML, an empty list, more than `MOST_POINTS`, a parameter that the notebook does not
            declare, or a value that it could not use.
    """
    if not notebook.is_file():
        raise UsageError(f"{notebook}: no such notebook")
    if not path.is_file():
        raise UsageError(f"{path}: no such file; give a YAML file of parameters, in which lists stand for alternatives")
    grid = read_yaml(path)
    known = declared_parameters(notebook)
    if unknown := sorted(set(map(str, grid)) - (set(known) - {"run_dir"})):
        there = ", ".join(sorted(set(known) - {"run_dir"}))
        raise UsageError(f"{path}: {notebook.name} has no parameter {unknown[0]}; there are {there}")
    points = expand(grid, where=str(path))
    for point in points:
        try:
            _check(point, known, notebook.parent)
        except UsageError as error:
            hint = "; in a grid a list stands for alternatives: a list as value is written [[a, b]]"
            raise UsageError(f"{path}: {error}{hint if 'expected a list' in str(error) else ''}") from None
    return points


def _check(point: dict[str, Any], declared: dict[str, Any], folder: Path) -> None:
    """Raise UsageError if a value is not of the kind that the notebook, which lies in `folder`, declares."""
    for name, value in point.items():
        if isinstance(declared[name], list) and not isinstance(value, list):
            raise UsageError(f"{name}: expected a list, got {value!r}")
    for name, kind, what in (("profile", str, "text"), ("seed", int, "a whole number")):
        if name in point and type(point[name]) is not kind:
            raise UsageError(f"{name}: expected {what}, got {point[name]!r}")
    sections = {name: point[name] for name in profiles.SECTIONS if name in point}
    profile = point.get("profile", "quick")
    own = profile.endswith((".yaml", ".yml"))
    check_size(profiles.load(str(folder / profile) if own else profile, seed=point.get("seed"), **sections))


def expand(grid: Mapping[str, Any], *, where: str = "grid") -> list[dict[str, Any]]:
    """Every combination of a grid's alternatives, those of nested grids included.

    Raises:
        UsageError: an empty list of alternatives, or too many points.
    """
    alternatives: list[list[Any]] = []
    for name, value in grid.items():
        if value == []:
            raise UsageError(f"{where}: {name} has no alternatives; an empty list as value is written [[]]")
        nested = expand(value, where=where) if isinstance(value, Mapping) else value
        alternatives.append(nested if isinstance(nested, list) else [nested])
    if (count := math.prod(map(len, alternatives))) > MOST_POINTS:
        raise UsageError(f"{where}: {count:,} points, each a run of the notebook; give at most {MOST_POINTS:,}")
    return [dict(zip(grid, choice)) for choice in itertools.product(*alternatives)]


def sweep(
    notebook: Path, points: list[dict[str, Any]], out: Path, *, executor: concurrent.futures.Executor | None = None
) -> tuple[pd.DataFrame, list[Outcome]]:
    """Run a notebook at every point and collect the scores.

    Args:
        notebook: one with the parameters of chapter 05, which writes `metrics.json` into its `run_dir`.
        points: from `read_grid`.
        out: folder of the sweep.
        executor: runs points side by side; None: in this process, one after the other.

    Returns:
        The table that is written to `sweep.csv`, and what became of each point.
    """
    names = [name_of(point, varied(points)) for point in points]
    tasks = {name: (notebook.resolve(), _alone(point), out.resolve(), name) for point, name in zip(points, names)}
    outcomes: dict[str, Outcome] = {}
    with in_use(out), tqdm(total=len(tasks), desc="sweep", unit="notebook", disable=None) as bar:
        for name, outcome in run_tasks(run_point, tasks, executor):
            outcomes[name] = outcome
            bar.update()
        table = collect(out, points, names)
        write_table(out / "sweep", table, caption=f"{notebook.stem}: {', '.join(varied(points)) or 'one point'}")
    return table, [outcomes[name] for name in names]


def run_point(notebook: Path, parameters: dict[str, Any], out: Path, name: str) -> Outcome:
    """Execute the notebook once, into its own run folder, with what is expensive in the folder that all points share."""
    folder = out / "points" / name
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / SHARED, "../../shared")
    (outcome,) = reproduce(parameters, RunFolder(folder), notebooks=[notebook], say=lambda _: None, locked=True)
    return outcome


def collect(out: Path, points: list[dict[str, Any]], names: list[str]) -> pd.DataFrame:
    """One line per finished point and method: what was varied, number of seeds, scores, deviations and intervals."""
    lines = []
    for point, name in zip(points, names):
        metrics = out / "points" / name / "metrics.json"
        if metrics.exists():
            rows = read_shaped(metrics, Scored, remedy="give the same command again")["rows"]
            lines += [{**_flat(point, varied(points)), **scores} for scores in _scores(rows)]
    return pd.DataFrame(lines)


def varied(points: list[dict[str, Any]]) -> list[str]:
    """The parameters that differ between points, as in `classifier.omega`."""
    flat = [_flatten(point) for point in points]
    return [name for name in flat[0] if len({json.dumps(item.get(name)) for item in flat}) > 1]


def name_of(point: dict[str, Any], names: list[str]) -> str:
    """A folder's name for a point: what sets it apart from the others, for people, and a hash of all of it."""
    words = [f"{name.split('.')[-1]}={value}" for name, value in _flat(point, names).items()]
    return "-".join([*(re.sub(r"[^\w.=+-]+", "_", word) for word in words), fingerprint(code=[], point=point)[:8]])[
        -120:
    ]


def _alone(point: dict[str, Any]) -> dict[str, Any]:
    """A point whose folds are trained in its own process, because processes are shared out among points."""
    evaluation = {**point.get("evaluation", {}), "workers": 1, "cluster": ""}
    return {"profile": "quick", "seed": 0, **point, "evaluation": evaluation}


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat = {}
    for name, value in tree.items():
        inside = isinstance(value, Mapping) and value
        flat.update(_flatten(value, f"{prefix}{name}.") if inside else {f"{prefix}{name}": value})
    return flat


def _flat(point: dict[str, Any], names: list[str]) -> dict[str, Any]:
    flat = _flatten(point)
    return {name: ", ".join(map(str, flat[name])) if isinstance(flat[name], list) else flat[name] for name in names}


def _scores(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """A line for each method of a point, over its seeds."""
    for method in dict.fromkeys(record["name"] for record in records):
        own = tuple(record for record in records if record["name"] == method)
        result = Result(row=Row(method), records=own, fold_seconds=())
        line: dict[str, Any] = {"method": method, "seeds": len(own)}
        for metric in METRICS:
            value, low, high = result.score(metric)
            line |= {metric: value, f"{metric}_sd": result.deviation(metric)}
            line |= {f"{metric}_low": low, f"{metric}_high": high}
        yield line
