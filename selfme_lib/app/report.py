"""`report.html`: one page that tells a stranger what a run did and found. It is one file that works offline and by mail."""

import base64
import json
from pathlib import Path
from typing import Any

import jinja2

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.study.run_folder import RunFolder

from .chapters import read_notebook
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


def write_report(run: RunFolder) -> Path:
    """Write `report.html` from what the notebooks saved.

    Raises:
        DataError: the folder is not a run's, holds no results, or some of them are damaged or lost.
    """
    if not run.path.is_dir():
        raise DataError(f"{run.path}: no such folder; `selfme reproduce --out {run.path}` makes one")
    if not run.profile.exists() or not run.items():
        raise DataError(f"{run.path}: not a run with results; `selfme reproduce --out {run.path}` makes one")
    for name, timing in run.read_timings()["notebooks"].items():
        if timing["status"] == "done" and (lost := set(timing.get("saved", ())) - set(run.saved(name[:2]))):
            raise DataError(f"{run.path / min(lost)}: lost or damaged since {name} saved it; {run.remedy}")
    with atomic_path(run.report) as temporary:
        temporary.write_text(render(run), encoding="utf-8")
    return run.report


def render(run: RunFolder) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("selfme_lib.app"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"show": show, "clock": clock}
    profile = run.read_settings()
    metrics = run.read_metrics() if run.metrics.exists() else {}
    timings = run.read_timings()["notebooks"]
    records = [_prepared(record, run) for record in run.items()]
    dataset = profile["data"]["dataset"]
    return environment.get_template("report.html.j2").render(
        run=run.name,
        profile=profile,
        dataset=dataset,
        dataset_name=DATASET_NAMES[dataset],
        subjects=metrics["rows"][0]["n_subjects"] if metrics else None,
        headline=[record for record in records if record["place"] == "headline"],
        paper=[record for record in records if record["place"] == "paper"],
        chapters=_chapters([record for record in records if record["place"] == "chapter"], run),
        scores=_scores(metrics["rows"]) if metrics else None,
        timings=timings,
        seconds=sum(timing["seconds"] for timing in timings.values()),
        failed={name: timing["message"] for name, timing in timings.items() if timing["status"] == "failed"},
        environment=_environment(metrics) if metrics else {},
        settings=json.dumps(profile, indent=2),
        command=_command(profile),
    )


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
    return str(value)


def decimals_of(values: list[Any]) -> int:
    """Decimals of a column of numbers: none if all are whole, otherwise about four digits for the largest."""
    numbers = [value for value in values if isinstance(value, float)]
    if all(value.is_integer() for value in numbers):
        return 0
    largest = max(map(abs, numbers))
    return 3 if largest < 10 else 2 if largest < 100 else 1


def _prepared(record: dict[str, Any], run: RunFolder) -> dict[str, Any]:
    """A record ready to be shown: pictures embedded, numbers of a column with the same decimals."""
    if record["kind"] == "figure":
        picture = base64.b64encode(run.picture(record["name"]).read_bytes()).decode()
        return {**record, "picture": f"data:image/png;base64,{picture}"}
    if record["kind"] == "table":
        return {**record, **_table(record["columns"], record["rows"])}
    return record


def _table(columns: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    values = [list(column) for column in zip(*rows)] or [[] for _ in columns]
    decimals = [decimals_of(column) for column in values]
    return {
        "columns": columns,
        "numeric": [
            any(isinstance(value, int | float) and not isinstance(value, bool) for value in column) for column in values
        ],
        "rows": [[show(value, places) for value, places in zip(row, decimals)] for row in rows],
    }


def _scores(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Every row of metrics.json, with its confusion matrix on one line."""
    lines = [
        {
            "method": row["name"],
            "seed": row["seed"],
            "UF1": row["pooled"]["uf1"],
            "UF1, 95 %": _unbroken(show(row["intervals"]["uf1"])),
            "UAR": row["pooled"]["uar"],
            "UAR, 95 %": _unbroken(show(row["intervals"]["uar"])),
            "accuracy": row["pooled"]["accuracy"],
            "UF1, mean of folds": row["fold_mean"]["uf1"],
            "confusion (rows: truth)": _unbroken(" | ".join(" ".join(map(str, counts)) for counts in row["confusion"])),
        }
        for row in rows
    ]
    return _table(list(lines[0]), [list(line.values()) for line in lines])


def _unbroken(text: str) -> str:
    """With spaces that break no line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _chapters(records: list[dict[str, Any]], run: RunFolder) -> list[dict[str, Any]]:
    """Records under the number and the title of the notebook that saved them."""
    chapters: dict[str, dict[str, Any]] = {}
    for record in records:
        number = record["name"][:2]
        chapter = chapters.setdefault(number, {"number": number, "title": _title(number, run), "records": []})
        chapter["records"].append(record)
    return list(chapters.values())


def _title(number: str, run: RunFolder) -> str:
    """The first heading of an executed notebook."""
    for path in sorted(run.notebooks.glob(f"{number}_*.ipynb")):
        for cell in read_notebook(path, remedy=run.remedy).cells:
            for line in cell.source.splitlines():
                if cell.cell_type == "markdown" and line.startswith("# "):
                    return line.removeprefix("# ").removeprefix(number).strip(" ·:.-–")
    return "Notebook"


def _environment(metrics: dict[str, Any]) -> dict[str, Any]:
    """What the numbers were made on, as one flat mapping."""
    git, machine = metrics["git"], metrics["environment"]
    commit = "unknown" if git is None else git["commit"][:12] + (" and changes on top" if git["dirty"] else "")
    return {
        "commit": commit,
        "device": metrics["device"],
        **{name: value for name, value in machine.items() if name != "packages"},
        **machine["packages"],
        "data set": metrics["dataset"]["fingerprint"],
    }


def _command(profile: dict[str, Any]) -> str:
    lines = ['pip install -e ".[notebooks]"', f"selfme reproduce --profile {profile['profile']}"]
    if profile["data"]["dataset"] != "synthme":
        lines[1] += f" --dataset {profile['data']['dataset']} --root DIR"
    return "\n".join(lines)
