"""Run the notebooks in order, as one reproduction: `selfme reproduce`.

Each notebook is executed with the profile as its parameters and lands in `runs/NAME/notebooks/`. A notebook that was
finished with the same parameters, text and library is not run again, so a run that was killed goes on where it stopped;
whatever is expensive inside a notebook resumes by itself (see `study.study`).
"""

import json
import logging
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.runtime.locks import in_use
from selfme_lib.runtime.paths import seen_from
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.study.records import Scored, Timings
from selfme_lib.study.run_folder import RunFolder

from .chapters import RESTORE, find_notebooks, notebook_fingerprint, read_notebook
from .commands.output import clock, roughly
from .execution import Outcome, declared_parameters, execute

logger = logging.getLogger(__name__)


def reproduce(
    parameters: dict[str, Any],
    run: RunFolder,
    *,
    notebooks: list[Path],
    say: Callable[[str], None] | None = None,
    locked: bool = False,
) -> list[Outcome]:
    """Execute notebooks one after the other; one that fails does not stop the others.

    Args:
        parameters: what papermill injects, except `run_dir`. Each notebook must declare every one of them.
        run: where everything goes.
        notebooks: what to execute, in this order; all lie in one folder, which is their working directory.
        say: receives the progress, a piece of a line at a time; by default standard error.
        locked: whether the caller has locked a folder around `run` already.

    Raises:
        UsageError: a notebook does not know one of the parameters, or `run` holds another profile's results and only
            some of the notebooks are asked for.
        DataError: another process uses `run`.
    """
    parameters = {**parameters, "run_dir": seen_from(notebooks[0].parent, run.path)}
    for notebook in notebooks:
        _check_parameters(notebook, parameters)
    with nullcontext() if locked else in_use(run.path):
        return _reproduce(parameters, run, notebooks, say or _to_stderr)


def _reproduce(
    parameters: dict[str, Any], run: RunFolder, notebooks: list[Path], say: Callable[[str], None]
) -> list[Outcome]:
    keys = {path.stem: notebook_fingerprint(path, parameters) for path in notebooks}
    afresh = not run.profile.exists()
    expected = _expected_seconds(parameters["profile"], run, notebooks, afresh=afresh)
    _settle(parameters, run, keys, complete=len(notebooks) == len(find_notebooks(notebooks[0].parent)))

    outcomes: list[Outcome] = []
    started = time.monotonic()
    if foretold := _time_left(expected, notebooks, keys, run):
        say(f"{len(notebooks)} notebooks: {foretold} in all\n")
    for position, notebook in enumerate(notebooks, start=1):
        say(f"[{position}/{len(notebooks)}] {notebook.stem} … ")
        if _is_finished(notebook.stem, keys, run):
            earlier = _timings(run)["notebooks"][notebook.stem]
            outcome = Outcome(notebook.stem, "kept", earlier["seconds"], earlier["peak_memory_mb"])
            say("finished earlier\n")
        else:
            run.forget(notebook.stem[:2])
            before = _changed(run.metrics)
            try:
                outcome = execute(notebook, parameters, run)
            except KeyboardInterrupt:
                say("interrupted; the same command goes on from here\n")
                raise
            scored = _changed(run.metrics) != before
            _record(run, parameters["profile"], outcome, keys[notebook.stem], scored=scored, afresh=afresh)
            left = _time_left(expected, notebooks[position:], keys, run, pace=_pace(expected, [*outcomes, outcome]))
            say(
                f"{outcome.status}: {clock(outcome.seconds)}, {outcome.peak_memory_mb} MB; "
                f"{clock(time.monotonic() - started)} elapsed{left and f', {left} left'}\n"
            )
            if outcome.message:
                say(f"      {outcome.message}\n")
        outcomes.append(outcome)
    _record_total(run)
    return outcomes


def _check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    known = set(declared_parameters(notebook))
    if unknown := sorted(set(parameters) - known):  # papermill itself would only warn
        raise UsageError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; "
            f"its cell tagged 'parameters' declares {', '.join(sorted(known)) or 'nothing'}"
        )


def _settle(parameters: dict[str, Any], run: RunFolder, keys: dict[str, str], *, complete: bool) -> None:
    """Start afresh if all notebooks are to be run and none is still valid.

    Fields, folds and checkpoints stay: they are stored under all that determines them.
    """
    for path, shape in ((run.timings, Timings), (run.metrics, Scored)):
        if path.exists() and not _sound(path, shape):
            path.unlink()  # what it told of is not finished, then
    settings = json.loads(json.dumps({key: value for key, value in parameters.items() if key != "run_dir"}))
    same = run.profile.exists() and _sound(run.profile, dict) == settings
    if run.profile.exists() and not same and not complete:
        raise UsageError(f"{run.path} holds a run with other settings: choose another --out or leave out --only")
    if complete and not any(_is_finished(name, keys, run) for name in keys):
        run.forget()
        for path in [*run.notebooks.glob("*.ipynb"), run.metrics, run.report, run.timings]:
            path.unlink(missing_ok=True)
    write_json(run.profile, settings)


def _sound(path: Path, shape: Any) -> Any:
    """The content of a JSON file; None, with a warning, if it is damaged."""
    try:
        return read_shaped(path, shape, remedy="it is made anew")
    except DataError as error:
        logger.warning("%s", error)
        return None


def _is_finished(name: str, keys: dict[str, str], run: RunFolder) -> bool:
    """Whether a notebook was run as it is, and everything that it saves is there and undamaged."""
    earlier = _timings(run)["notebooks"].get(name, {})
    return (
        earlier.get("key") == keys[name]
        and _is_notebook(run.notebooks / f"{name}.ipynb")
        and set(earlier.get("saved", [])) <= set(run.saved(name[:2]))
        and (run.metrics.exists() or not earlier.get("scored"))
    )


def _is_notebook(path: Path) -> bool:
    try:
        return bool(read_notebook(path, remedy="it is made anew"))
    except DataError:
        return False


def _timings(run: RunFolder) -> dict[str, Any]:
    return (_sound(run.timings, Timings) if run.timings.exists() else None) or {"notebooks": {}}


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def _record(run: RunFolder, profile: str, outcome: Outcome, key: str, *, scored: bool, afresh: bool) -> None:
    timings = _timings(run)
    timings["profile"] = profile
    timings["notebooks"][outcome.name] = {
        "status": outcome.status,
        "seconds": round(outcome.seconds, 2),
        "peak_memory_mb": outcome.peak_memory_mb,
        "key": key if outcome.status == "done" else "",
        "message": outcome.message,
        "saved": run.saved(outcome.name[:2]),
        "scored": scored,
        "afresh": afresh,
    }
    timings["notebooks"] = dict(sorted(timings["notebooks"].items()))
    write_json(run.timings, timings)


def _record_total(run: RunFolder) -> None:
    """Add what the notebook that writes metrics.json cannot know yet: how long the whole run took."""
    if run.metrics.exists():
        metrics = read_json(run.metrics, remedy=run.remedy)
        seconds = {name: item["seconds"] for name, item in _timings(run)["notebooks"].items()}
        metrics["times"] |= {"wall_seconds": sum(seconds.values()), "notebooks": seconds}
        write_json(run.metrics, metrics)


def _expected_seconds(profile: str, run: RunFolder, notebooks: list[Path], *, afresh: bool) -> dict[str, float]:
    """Seconds that each notebook took in the newest run with this profile, or else when it was published.

    Args:
        afresh: the run begins with nothing, and so only runs that did tell how long it takes; others found motions and folds.
    """
    expected = {}
    for path in notebooks:
        published = read_notebook(path, remedy=RESTORE).metadata.get("selfme", {})
        if published.get("profile") == profile:
            expected[path.stem] = float(published.get("seconds", 0))
    records = sorted(run.path.parent.glob("*/timings.json"), key=lambda path: path.stat().st_mtime)
    for timings in (_sound(path, Timings) for path in records):
        if timings and timings.get("profile") == profile:
            done = {name: item for name, item in timings["notebooks"].items() if item["status"] == "done"}
            expected |= {name: item["seconds"] for name, item in done.items() if item.get("afresh", True) or not afresh}
    return expected


def _pace(expected: dict[str, float], outcomes: list[Outcome]) -> float:
    """How much longer than expected this run's notebooks take."""
    done = [one for one in outcomes if one.status == "done" and expected.get(one.name)]
    return sum(one.seconds for one in done) / sum(expected[one.name] for one in done) if done else 1.0


def _time_left(
    expected: dict[str, float], rest: list[Path], keys: dict[str, str], run: RunFolder, *, pace: float = 1.0
) -> str:
    """`about 12 min` for what is still to be done; empty if that is nothing or not known."""
    to_do = [path.stem for path in rest if not _is_finished(path.stem, keys, run)]
    if not to_do or any(name not in expected for name in to_do):
        return ""
    return f"about {roughly(pace * sum(expected[name] for name in to_do))}"


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
