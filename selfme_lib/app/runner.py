"""Run the notebooks in order, as one reproduction: `selfme reproduce`.

Each notebook is executed with the profile as its parameters and lands in `runs/NAME/notebooks/`. A notebook that was
finished with the same parameters, text and library is not run again, so a run that was killed goes on where it stopped;
whatever is expensive inside a notebook resumes by itself (see `study.study`).
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.study.run_folder import RunFolder

from .chapters import find_notebooks, notebook_fingerprint
from .execution import Outcome, declared_parameters, execute
from .report import clock


def reproduce(
    parameters: dict[str, Any],
    run: RunFolder,
    *,
    notebooks: list[Path],
    say: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Execute notebooks one after the other; one that fails does not stop the others.

    Args:
        parameters: what papermill injects, except `run_dir`. Each notebook must declare every one of them.
        run: where everything goes.
        notebooks: what to execute, in this order; all lie in one folder, which is their working directory.
        say: receives the progress, a piece of a line at a time; by default standard error.

    Raises:
        UsageError: a notebook does not know one of the parameters, or `run` holds another profile's results and only
            some of the notebooks are asked for.
    """
    say = say or _to_stderr
    parameters = {**parameters, "run_dir": os.path.relpath(run.path, notebooks[0].parent)}
    for notebook in notebooks:
        _check_parameters(notebook, parameters)
    keys = {path.stem: notebook_fingerprint(path, parameters) for path in notebooks}
    expected = _expected_seconds(parameters["profile"], run, notebooks)
    _settle(parameters, run, keys, complete=len(notebooks) == len(find_notebooks(notebooks[0].parent)))

    outcomes = []
    started = time.monotonic()
    for position, notebook in enumerate(notebooks, start=1):
        say(f"[{position}/{len(notebooks)}] {notebook.stem} … ")
        if _is_finished(notebook.stem, keys, run):
            earlier = _timings(run)["notebooks"][notebook.stem]
            outcome = Outcome(notebook.stem, "kept", earlier["seconds"], earlier["peak_memory_mb"])
            say("finished earlier\n")
        else:
            run.forget(notebook.stem[:2])
            try:
                outcome = execute(notebook, parameters, run)
            except KeyboardInterrupt:
                say("interrupted; the same command goes on from here\n")
                raise
            _record(run, parameters["profile"], outcome, keys[notebook.stem])
            left = _time_left(expected, notebooks[position:], keys, run)
            say(
                f"{outcome.status}: {clock(outcome.seconds)}, {outcome.peak_memory_mb} MB; "
                f"{clock(time.monotonic() - started)} elapsed{left}\n"
            )
            if outcome.message:
                say(f"      {outcome.message}\n")
        outcomes.append(outcome)
    _record_total(run)
    return outcomes


def _check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    known = declared_parameters(notebook)
    if unknown := sorted(set(parameters) - known):  # papermill itself would only warn
        raise UsageError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; "
            f"its cell tagged 'parameters' declares {', '.join(sorted(known)) or 'nothing'}"
        )


def _settle(parameters: dict[str, Any], run: RunFolder, keys: dict[str, str], *, complete: bool) -> None:
    """Start afresh if all notebooks are to be run and none is still valid.

    Fields, folds and checkpoints stay: they are stored under all that determines them.
    """
    settings = json.loads(json.dumps({key: value for key, value in parameters.items() if key != "run_dir"}))
    same = run.profile.exists() and read_json(run.profile) == settings
    if run.profile.exists() and not same and not complete:
        raise UsageError(f"{run.path} holds a run with other settings: choose another --out or leave out --only")
    if complete and not any(_is_finished(name, keys, run) for name in keys):
        run.forget()
        for path in [*run.notebooks.glob("*.ipynb"), run.metrics, run.report, run.timings]:
            path.unlink(missing_ok=True)
    write_json(run.profile, settings)


def _is_finished(name: str, keys: dict[str, str], run: RunFolder) -> bool:
    key = _timings(run)["notebooks"].get(name, {}).get("key")
    return key == keys[name] and (run.notebooks / f"{name}.ipynb").exists()


def _timings(run: RunFolder) -> dict[str, Any]:
    return read_json(run.timings) if run.timings.exists() else {"notebooks": {}}


def _record(run: RunFolder, profile: str, outcome: Outcome, key: str) -> None:
    timings = _timings(run)
    timings["profile"] = profile
    timings["notebooks"][outcome.name] = {
        "status": outcome.status,
        "seconds": round(outcome.seconds, 2),
        "peak_memory_mb": outcome.peak_memory_mb,
        "key": key if outcome.status == "done" else "",
        "message": outcome.message,
    }
    timings["notebooks"] = dict(sorted(timings["notebooks"].items()))
    write_json(run.timings, timings)


def _record_total(run: RunFolder) -> None:
    """Add what the notebook that writes metrics.json cannot know yet: how long the whole run took."""
    if run.metrics.exists():
        metrics = read_json(run.metrics)
        seconds = {name: item["seconds"] for name, item in _timings(run)["notebooks"].items()}
        metrics["times"] |= {"wall_seconds": sum(seconds.values()), "notebooks": seconds}
        write_json(run.metrics, metrics)


def _expected_seconds(profile: str, run: RunFolder, notebooks: list[Path]) -> dict[str, float]:
    """Seconds that each notebook took in the newest run with this profile, or else when it was published."""
    expected = {}
    for path in notebooks:
        published = read_json(path)["metadata"].get("selfme", {})
        if published.get("profile") == profile:
            expected[path.stem] = published["seconds"]
    records = sorted(run.path.parent.glob("*/timings.json"), key=lambda path: path.stat().st_mtime)
    for timings in map(read_json, records):
        if timings.get("profile") == profile:
            done = {name: item for name, item in timings["notebooks"].items() if item["status"] == "done"}
            expected |= {name: item["seconds"] for name, item in done.items()}
    return expected


def _time_left(expected: dict[str, float], rest: list[Path], keys: dict[str, str], run: RunFolder) -> str:
    to_do = [path.stem for path in rest if not _is_finished(path.stem, keys, run)]
    if not to_do or any(name not in expected for name in to_do):
        return ""
    return f", about {clock(sum(expected[name] for name in to_do))} left"


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
