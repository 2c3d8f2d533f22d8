"""`report.html`: one page that tells a stranger what a run did and found. It is one file that works offline and by mail."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfme_lib.data import THREE_CLASSES
from selfme_lib.data.readers import PROTOCOLS
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.study import verdict
from selfme_lib.study.results import Result, read_results
from selfme_lib.study.run_folder import RunFolder

from .chapters import read_notebook
from .page import DATASET_NAMES, render_page, table
from .score_rows import chapters_of, pack, score_table
from .training_curves import classifier_curves, training_curves


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
    profile = run.read_settings()
    metrics = run.read_metrics() if run.metrics.exists() else {}
    timings = run.read_timings()["notebooks"]
    items = run.items()
    draws = profile.get("evaluation", {}).get("bootstrap", 2000)
    results = read_results(metrics, bootstrap=draws) if metrics else []
    records = [_prepared(record, run) for record in items]
    dataset = profile["data"]["dataset"]
    return render_page(
        "report.html.j2",
        run=run.name,
        profile=profile,
        dataset=dataset,
        dataset_name=DATASET_NAMES[dataset],
        subjects=metrics["rows"][0]["n_subjects"] if metrics else None,
        headline=[record for record in records if record["place"] == "headline"],
        paper=[record for record in records if record["place"] == "paper"],
        chapters=_chapters([record for record in records if record["place"] == "chapter"], run),
        notebooks=_notebooks(run),
        families=verdict.families(items),
        **_scores(metrics, results, items, timings),
        curves=[{**curve, "picture": _embedded(curve["picture"])} for curve in training_curves(run)],
        classifiers=[{**curve, "picture": _embedded(curve["picture"])} for curve in classifier_curves(results)],
        timings=timings,
        seconds=sum(timing["seconds"] for timing in timings.values()),
        failed={name: timing["message"] for name, timing in timings.items() if timing["status"] == "failed"},
        environment=_environment(metrics) if metrics else {},
        settings=json.dumps(profile, indent=2),
        command=_command(profile),
    )


def _prepared(record: dict[str, Any], run: RunFolder) -> dict[str, Any]:
    """A record ready to be shown."""
    if record["kind"] == "figure":
        return {**record, "picture": _embedded(run.picture(record["name"]).read_bytes())}
    if record["kind"] == "table":
        return {**record, **table(record["columns"], record["rows"])}
    return record


def _embedded(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _scores(
    metrics: dict[str, Any], results: Sequence[Result], items: list[dict[str, Any]], timings: dict[str, Any]
) -> dict[str, Any]:
    """Every score, what they say in sentences, and the predictions behind them."""
    if not results:
        return {"scores": None, "said": [], "predictions": None}
    scored = sorted({name[:2] for name, timing in timings.items() if timing.get("scored")})
    chapters = chapters_of([result.row.name for result in results], items, scored)
    headlines = [item for item in items if item["place"] == "headline" and item["kind"] == "table"]
    shown = [str(row[0]) for item in headlines if item["columns"][0] == "method" for row in item["rows"]]
    name, classes = metrics["dataset"]["name"], len(metrics["rows"][0]["confusion"])
    names = {len(names): names for names in (THREE_CLASSES, *PROTOCOLS.get(name, ()))}
    return {
        "scores": score_table(results, chapters),
        "said": verdict.scores(results, shown=shown),
        "predictions": pack(results, name, names.get(classes, [str(label) for label in range(classes)])),
    }


def _chapters(records: list[dict[str, Any]], run: RunFolder) -> list[dict[str, Any]]:
    """Records under the number and the title of the notebook that saved them."""
    chapters: dict[str, dict[str, Any]] = {}
    for record in records:
        number = record["name"][:2]
        chapter = chapters.setdefault(number, {"number": number, "title": _title(number, run), "records": []})
        chapter["records"].append(record)
    return list(chapters.values())


def _notebooks(run: RunFolder) -> dict[str, str]:
    """Number of each executed notebook → its file, seen from the report."""
    paths = sorted(path for path in run.notebooks.glob("*.ipynb") if not path.stem.endswith(".unfinished"))
    return {path.name[:2]: f"{run.notebooks.name}/{path.name}" for path in paths}


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
