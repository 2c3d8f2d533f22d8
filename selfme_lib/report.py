"""`report.html`: one page that tells a stranger what a run did and found; it works offline and by mail."""

import base64
import json
from pathlib import Path
from typing import Any

import jinja2
import nbformat

from .errors import DataError
from .files import atomic_path, read_json
from .results import RunFolder

DATASET_NAMES = {"synthme": "SynthME (rendered faces)", "casme2": "CASME II", "smic": "SMIC-HS"}


def write_report(run: RunFolder) -> Path:
    """Write `report.html` from what the notebooks saved.

    Raises:
        DataError: the folder is not one of a run, or holds nothing to tell.
    """
    if not run.path.is_dir():
        raise DataError(f"{run.path}: no such folder; `selfme reproduce --out {run.path}` makes one")
    if not run.profile.exists() or not run.items():
        raise DataError(f"{run.path}: not a run with results; `selfme reproduce --out {run.path}` makes one")
    with atomic_path(run.report) as temporary:
        temporary.write_text(render(run), encoding="utf-8")
    return run.report


def render(run: RunFolder) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("selfme_lib"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"show": show, "clock": clock}
    profile = read_json(run.profile)
    metrics = read_json(run.metrics) if run.metrics.exists() else {}
    timings = read_json(run.timings)["notebooks"] if run.timings.exists() else {}
    records = [_with_picture(record, run) for record in run.items()]
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
        timings=timings,
        seconds=sum(timing["seconds"] for timing in timings.values()),
        failed={name: timing["message"] for name, timing in timings.items() if timing["status"] == "failed"},
        environment=_environment(metrics) if metrics else {},
        settings=json.dumps(profile, indent=2),
        command=_command(profile),
    )


def show(value: Any) -> str:
    """A value as a table shows it: three decimals below ten, one above, ✓ and – for yes and no."""
    if value is None or value is False:
        return "–"
    if value is True:
        return "✓"
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
    if isinstance(value, list):
        return ", ".join(show(item) for item in value)
    return str(value)


def clock(seconds: float | int) -> str:
    """`3.2` -> `3.2 s`, `75.2` -> `1:15 min`, `3700` -> `1:01:40 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h" if minutes >= 60 else f"{minutes}:{rest:02} min"


def _with_picture(record: dict[str, Any], run: RunFolder) -> dict[str, Any]:
    if record["kind"] != "figure":
        return record
    picture = base64.b64encode((run.figures / f"{record['name']}.png").read_bytes()).decode()
    return {**record, "picture": f"data:image/png;base64,{picture}"}


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
        for cell in nbformat.read(path, as_version=4).cells:
            for line in cell.source.splitlines():
                if cell.cell_type == "markdown" and line.startswith("# "):
                    return line.removeprefix("# ").removeprefix(number).strip(" ·:.-–")
    return "Notebook"


def _environment(metrics: dict[str, Any]) -> dict[str, Any]:
    """On what the numbers were made, flat."""
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
    lines = ["pip install -e .", f"selfme reproduce --profile {profile['profile']}"]
    if profile["data"]["dataset"] != "synthme":
        lines[1] += f" --dataset {profile['data']['dataset']} --root DIR"
    return "\n".join(lines)
