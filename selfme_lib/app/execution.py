"""Execute one notebook in a kernel of its own, and record how long it took and how much memory it needed."""

import ast
import sys
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

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.settings import read_shaped
from selfme_lib.study.records import Progress
from selfme_lib.study.run_folder import RunFolder

from .chapters import RESTORE, read_notebook
from .kernels import OwnKernel


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook.

    Attributes:
        name: file name without suffix.
        status: `done`, `kept` (finished earlier with the same parameters and code) or `failed`.
        seconds: wall time.
        peak_memory_mb: highest total resident memory of this process and all its descendants.
        message: for a failed notebook: which cell, which error, where the executed notebook lies.
    """

    name: str
    status: str
    seconds: float
    peak_memory_mb: int
    message: str = ""


def declared_parameters(notebook: Path) -> dict[str, Any]:
    """The parameters that a notebook's cell tagged `parameters` declares, by name, each with its default.

    Raises:
        DataError: it is not a notebook.
    """
    read_notebook(notebook, remedy=RESTORE)
    return {name: _value(found["default"]) for name, found in papermill.inspect_notebook(_literal(notebook)).items()}


def _value(source: str) -> Any:
    try:
        return ast.literal_eval(source)
    except (ValueError, SyntaxError):  # not a plain value
        return None


def _literal(path: Path) -> str:
    """A path as papermill takes it, which fills in whatever stands in braces."""
    return str(path.resolve()).replace("{", "{{").replace("}", "}}")


def execute(notebook: Path, parameters: dict[str, Any], run: RunFolder) -> Outcome:
    """Execute a notebook into the run's folder; its own folder is the working directory.

    A notebook that fails is left as `NAME.unfinished.ipynb`, so that `NAME.ipynb` is always a finished one.
    """
    finished = run.notebooks / notebook.name
    unfinished = run.notebooks / f"{notebook.stem}.unfinished.ipynb"
    run.notebooks.mkdir(parents=True, exist_ok=True)
    finished.unlink(missing_ok=True)
    message = ""
    started = time.monotonic()
    with _peak_memory() as peak, _fold_progress(run, notebook.stem):
        try:
            papermill.execute_notebook(
                _literal(notebook), _literal(unfinished), parameters, kernel_name="python3", progress_bar=False,
                cwd=notebook.parent.resolve(), kernel_manager_class=OwnKernel,
                extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
            )  # fmt: skip
        except papermill.PapermillExecutionError as error:
            message = _explain(error, unfinished)
        except DeadKernelError:
            message = f"its kernel died, as kernels do when memory runs out; what it had done is in {unfinished}"
        except RuntimeError as error:  # the kernel died before it had answered
            reason = (str(error).splitlines() or ["no reason given"])[0]
            message = f"no kernel starts ({reason}): does `{sys.executable} -m ipykernel --version` work?"
    seconds = time.monotonic() - started
    outcome = Outcome(notebook.stem, "failed" if message else "done", seconds, round(peak[0] / 2**20), message)
    if message and not unfinished.exists():
        return outcome
    executed = nbformat.read(unfinished, as_version=4)
    executed.metadata.papermill.update(input_path=notebook.name, output_path=finished.name)
    with atomic_path(unfinished if message else finished) as temporary:
        nbformat.write(executed, temporary)
    if not message:
        unfinished.unlink()
    return outcome


def _explain(error: papermill.PapermillExecutionError, where: Path) -> str:
    first = next((line for line in error.source.splitlines() if line.strip()), "")
    reason = (error.evalue.strip().splitlines() or [""])[0]
    return (
        f"cell {error.exec_count} ({first.strip()[:60]!r}) raised {error.ename}: {reason}; "
        f"the executed notebook is {where}"
    )


@contextmanager
def _repeatedly(action: Callable[[], None], interval: float) -> Iterator[None]:
    """Call `action` now and then every `interval` seconds, in a thread of its own, while the block runs."""
    stop = threading.Event()

    def repeat() -> None:
        action()
        while not stop.wait(interval):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _peak_memory(interval: float = 0.25) -> Iterator[list[int]]:
    """Watch this process and its descendants; the list holds the highest sum of their resident memory, in bytes.

    Pages that processes share are counted in each of them, so the true peak is somewhat lower.
    """
    peak, me = [0], psutil.Process()

    def measure() -> None:
        total = 0
        for process in [me, *me.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:  # it ended after the list was made
                continue
        peak[0] = max(peak[0], total)

    with _repeatedly(measure, interval):
        yield peak


@contextmanager
def _fold_progress(run: RunFolder, name: str, interval: float = 1.0) -> Iterator[None]:
    """Show the folds of a running notebook, whose own bar has no terminal. Silent when this process has none either."""
    path, begun = run.progress, time.time()
    bars: list[tqdm] = []

    def show() -> None:
        try:
            if path.stat().st_mtime < begun:
                return
            now = read_shaped(path, Progress, remedy="")
        except (OSError, DataError):  # it is for show
            return
        if not bars or bars[-1].total != now["total"]:  # another evaluation of the same notebook
            bars.append(
                tqdm(initial=now["done"], total=now["total"], desc=name, unit="fold", leave=False, disable=None)
            )
        bars[-1].update(now["done"] - bars[-1].n)

    try:
        with _repeatedly(show, interval):
            yield
    finally:
        for bar in bars:
            bar.close()
