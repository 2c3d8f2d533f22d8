"""Run the notebooks in order, as one reproduction: `selfme reproduce`.

Each notebook is executed by papermill in a kernel of its own, with the profile as its parameters, and lands in
`runs/NAME/notebooks/`. A notebook that was finished with the same parameters, text and library is not run again, so a
run that was killed goes on where it stopped; what is expensive inside a notebook resumes by itself (see `study.experiments`).
"""

import hashlib
import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from nbclient.exceptions import DeadKernelError
from tqdm import tqdm

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import atomic_path, digest, read_json, write_json
from selfme_lib.runtime.paths import NOTEBOOKS, PACKAGE, PROJECT
from selfme_lib.study.run_folder import RunFolder

from .report import clock

BEYOND = "08"  # the first chapter that goes beyond the paper
AROUND = ("app",)
"""Parts of the package that no notebook uses."""


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook.

    Attributes:
        name: file name without suffix.
        status: `done`, `kept` (finished earlier with the same parameters and code) or `failed`.
        seconds: wall time.
        peak_memory_mb: highest sum of the resident memory of this process and everything that it started.
        message: for a failed notebook: which cell, which error, where the executed notebook lies.
    """

    name: str
    status: str
    seconds: float
    peak_memory_mb: int
    message: str = ""


def find_notebooks(folder: Path = NOTEBOOKS, only: list[str] | None = None) -> list[Path]:
    """The paper's chapters of a folder in reading order. Chapters beyond it and appendices have to be asked for.

    Args:
        only: numbers (`05`, `5`, `08` or `A1`) or names to choose; 00 to 07 by default.

    Raises:
        UsageError: there is none, or one of `only` does not exist.
    """
    notebooks = sorted(path for path in folder.glob("[0-9][0-9]_*.ipynb") if path.stem[:2] < BEYOND)
    if not notebooks:
        raise UsageError(f"no notebooks in {folder}: run selfme from a clone of the project (pip install -e .)")
    if not only:
        return notebooks
    notebooks += find_appendices(folder)
    chosen = []
    for wanted in only:
        number = wanted.zfill(2).upper()
        found = [path for path in notebooks if path.stem == wanted or path.stem[:2] == number]
        if not found:
            raise UsageError(f"--only {wanted}: no such notebook; there are {', '.join(p.stem for p in notebooks)}")
        chosen += found
    return sorted(set(chosen))


def find_appendices(folder: Path = NOTEBOOKS) -> list[Path]:
    """The notebooks that `make reproduce` leaves out, because they take long and nothing builds on them: 08 and on, A1."""
    beyond = [path for path in folder.glob("[0-9][0-9]_*.ipynb") if path.stem[:2] >= BEYOND]
    return sorted([*beyond, *folder.glob("A[0-9]_*.ipynb")])


def reproduce(
    parameters: dict[str, Any],
    run: RunFolder,
    *,
    notebooks: list[Path],
    say: Callable[[str], None] | None = None,
) -> list[Outcome]:
    """Execute notebooks one after the other; one that fails does not stop the others.

    Args:
        parameters: what papermill injects, `run_dir` apart. Each notebook must declare every one of them.
        run: where everything goes.
        notebooks: what to execute, in this order; all lie in one folder, which is their working directory.
        say: receives the progress, a piece of a line at a time; by default standard error.

    Raises:
        UsageError: a notebook does not know one of the parameters, or `run` holds another profile's results and only
            a part of the notebooks is asked for.
    """
    say = say or _to_stderr
    parameters = {**parameters, "run_dir": os.path.relpath(run.path, notebooks[0].parent)}
    for notebook in notebooks:
        _check_parameters(notebook, parameters)
    keys = {path.stem: _key(path, parameters) for path in notebooks}
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
                outcome = _execute(notebook, parameters, run)
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


def source_hash(notebook: Path) -> str:
    """A hash of what a notebook says and does; its outputs do not count."""
    cells = nbformat.read(notebook, as_version=4).cells
    text = [[cell.cell_type, cell.source, cell.metadata.get("tags", [])] for cell in cells]
    return digest(text)


def library_hash(package: Path = PACKAGE) -> str:
    """A hash of every file of the library that can change what a notebook finds."""
    found = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        around = inside.parts[0] in AROUND or "__pycache__" in inside.parts or path.suffix == ".md"
        if path.is_file() and not around:
            found.update(str(inside).encode())
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def machine_paths(notebook: nbformat.NotebookNode) -> list[str]:
    """Absolute paths of this machine in a notebook's text: what must not be published.

    Pictures are left out: base64 has `/` among its 64 characters, so that one of some hundred kB can well hold `/tmp`.

    Returns:
        The offending paths, each once.
    """
    places = {PROJECT, Path.home(), Path(sys.prefix), Path(tempfile.gettempdir())} - {Path("/")}
    roots = "|".join(re.escape(str(place)) for place in sorted(places))
    text = re.sub(r"[A-Za-z0-9+/]{500,}", "", nbformat.writes(notebook))
    return sorted(set(re.findall(rf"(?:{roots})[\w./+-]*", text)))


def _check_parameters(notebook: Path, parameters: dict[str, Any]) -> None:
    known = set(papermill.inspect_notebook(notebook))
    unknown = sorted(set(parameters) - known)
    if unknown:  # papermill itself would only warn
        raise UsageError(
            f"{notebook.name} has no parameter {', '.join(unknown)}; "
            f"its cell tagged 'parameters' declares {', '.join(sorted(known)) or 'nothing'}"
        )


def _settle(parameters: dict[str, Any], run: RunFolder, keys: dict[str, str], *, complete: bool) -> None:
    """Start afresh when nothing of the folder counts any more: other settings, or all notebooks are to be run.

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


def _execute(notebook: Path, parameters: dict[str, Any], run: RunFolder) -> Outcome:
    finished = run.notebooks / notebook.name
    unfinished = run.notebooks / f"{notebook.stem}.unfinished.ipynb"
    run.notebooks.mkdir(parents=True, exist_ok=True)
    finished.unlink(missing_ok=True)
    message = ""
    started = time.monotonic()
    with _peak_memory() as peak, _fold_progress(run, notebook.stem):
        try:
            papermill.execute_notebook(
                notebook.resolve(), unfinished.resolve(), parameters, kernel_name="python3", progress_bar=False,
                cwd=notebook.parent.resolve(), extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            message = _explain(error, unfinished)
        except DeadKernelError:
            message = f"its kernel died, as it does when memory runs out; what it had done is in {unfinished}"
    seconds = time.monotonic() - started
    executed = nbformat.read(unfinished, as_version=4)
    executed.metadata.papermill.update(input_path=notebook.name, output_path=finished.name)
    with atomic_path(unfinished if message else finished) as temporary:
        nbformat.write(executed, temporary)
    if not message:
        unfinished.unlink()
    return Outcome(notebook.stem, "failed" if message else "done", seconds, round(peak[0] / 2**20), message)


def _explain(error: papermill.PapermillExecutionError, where: Path) -> str:
    first = next((line for line in error.source.splitlines() if line.strip()), "")
    reason = (error.evalue.strip().splitlines() or [""])[0]
    return (
        f"cell {error.exec_count} ({first.strip()[:60]!r}) raised {error.ename}: {reason}; "
        f"the executed notebook is {where}"
    )


@contextmanager
def _watching(look: Callable[[], None], interval: float) -> Iterator[None]:
    """Look at once and then every so many seconds, in a thread of its own, while something else goes on."""
    stop = threading.Event()

    def watch() -> None:
        look()
        while not stop.wait(interval):
            look()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


@contextmanager
def _peak_memory(interval: float = 0.25) -> Iterator[list[int]]:
    """Watch this process and its descendants; the list holds the highest sum of their resident memory, in bytes.

    Pages that processes share are counted in each of them, so the true peak is somewhat lower.
    """
    peak, me = [0], psutil.Process()

    def look() -> None:
        total = 0
        for process in [me, *me.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:  # it ended between the list and the look
                continue
        peak[0] = max(peak[0], total)

    with _watching(look, interval):
        yield peak


@contextmanager
def _fold_progress(run: RunFolder, name: str, interval: float = 1.0) -> Iterator[None]:
    """Show the folds of a running notebook and the time left; its own bar has no terminal. Quiet without a terminal."""
    path, begun, bars = run.progress, time.time(), []

    def look() -> None:
        if not path.exists() or path.stat().st_mtime < begun:
            return
        now = read_json(path)
        if not bars or bars[-1].total != now["total"]:  # another evaluation of the same notebook
            options = {"desc": name, "unit": "fold", "leave": False, "disable": None}
            bars.append(tqdm(initial=now["done"], total=now["total"], **options))
        bars[-1].update(now["done"] - bars[-1].n)

    try:
        with _watching(look, interval):
            yield
    finally:
        for bar in bars:
            bar.close()


def _key(notebook: Path, parameters: dict[str, Any]) -> str:
    """What a finished notebook depends on: its text, its parameters, the library."""
    return digest([source_hash(notebook), library_hash(), parameters])


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
    """What the notebook that writes metrics.json cannot know yet: how long the whole run took."""
    if run.metrics.exists():
        metrics = read_json(run.metrics)
        seconds = {name: item["seconds"] for name, item in _timings(run)["notebooks"].items()}
        metrics["times"] |= {"wall_seconds": sum(seconds.values()), "notebooks": seconds}
        write_json(run.metrics, metrics)


def _expected_seconds(profile: str, run: RunFolder, notebooks: list[Path]) -> dict[str, float]:
    """Seconds that each notebook took in the newest run with this profile, else when it was published."""
    expected = {}
    for path in notebooks:
        published = nbformat.read(path, as_version=4).metadata.get("selfme", {})
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
