"""Leave-one-subject-out: each subject's clips are predicted by a classifier that has never seen that subject.

A fold is a task that can run anywhere: in this process, in a pool of processes on this machine, or on a cluster; any
`concurrent.futures.Executor` will do. A fold's result does not depend on where it ran or on what else did, and it is
kept in a file as soon as it is there, under a hash of everything that determines it; so a run that was killed goes on
where it stopped and ends with the same numbers.
"""

import concurrent.futures
import hashlib
import inspect
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from .. import scvit
from ..errors import DataError
from ..files import read_json, write_json


def run_loso(
    config: Any,
    motion: Float[Tensor, "n c h w"],
    labels: Sequence[int],
    subjects: Sequence[str],
    clips: Sequence[str],
    *,
    seed: int,
    store: Path,
    executor: concurrent.futures.Executor | None = None,
    fit_predict: Callable[..., Float[Tensor, "m k"]] = scvit.fit_predict,
    device: str = "cpu",
    title: str = "LOSO",
) -> pd.DataFrame:
    """Predict every clip from the other subjects' clips.

    Args:
        config: settings of the classifier, a frozen dataclass; handed to `fit_predict`.
        motion, labels, subjects, clips: the data, one entry per clip; the order is kept in the result.
        seed: of the experiment; every fold derives its own from it and its subject's name.
        store: folder for the results of finished folds.
        executor: where folds run; None: here, one after the other.
        fit_predict: `(config, motion, labels, test_motion, *, seed, device) -> probabilities "m k"`, a function of a
            module, so that other processes find it.
        device: for `fit_predict`.
        title: of the progress bar.

    Returns:
        A row per clip: subject, clip, label, prediction, and p0, p1, … (the class probabilities). The seconds that each
        fold took are in `.attrs["seconds"]` by subject.

    Raises:
        DataError: fewer than two subjects, a motion that is not finite, a training that diverged, or a file in `store`
            that cannot be read.
    """
    names = sorted(set(subjects))
    if len(names) < 2:
        raise DataError(f"leave-one-subject-out needs at least two subjects, got {len(names)}")
    broken = ~torch.isfinite(motion).flatten(1).all(1)
    if broken.any():
        first = int(broken.nonzero()[0])
        raise DataError(f"the motion of subject {subjects[first]} clip {clips[first]} is not finite; extract it again")
    if isinstance(config, scvit.ClassifierConfig):
        config = scvit.with_what_there_is(config)  # decided once: all folds start from the same weights
    data = (motion.numpy(), np.asarray(labels, dtype=np.int64), np.asarray(subjects))
    cause = _cause(config, data, clips, seed, fit_predict, device)
    files = {name: store / f"fold-{name}-{_digest(f'{cause}/{name}')[:16]}.json" for name in names}
    results = {name: _read_fold(file) for name, file in files.items() if file.exists()}
    missing = [name for name in names if name not in results]
    tasks = {name: (fit_predict, config, *data, name, fold_seed(seed, name), device) for name in missing}
    with tqdm(total=len(names), initial=len(results), desc=title, unit="fold", disable=None) as bar:
        for name, result in _run(tasks, executor):
            write_json(files[name], result)
            results[name] = result
            bar.update()
    table = pd.DataFrame({"subject": list(subjects), "clip": list(clips), "label": data[1]})
    probabilities = np.zeros((len(table), len(results[names[0]]["probabilities"][0])))
    for name in names:
        probabilities[data[2] == name] = results[name]["probabilities"]
    table["prediction"] = probabilities.argmax(1)
    for column, values in enumerate(probabilities.T):
        table[f"p{column}"] = values
    table.attrs["seconds"] = {name: results[name]["seconds"] for name in names}
    return table


def process_pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    """Processes on this machine, started afresh (a forked process may use neither CUDA nor OpenMP)."""
    return concurrent.futures.ProcessPoolExecutor(
        workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    """Let a worker end when the run is killed; left to itself it would wait for tasks for ever."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def run_fold(
    fit_predict: Callable[..., Float[Tensor, "m k"]],
    config: Any,
    motion: Float[np.ndarray, "n c h w"],
    labels: Int[np.ndarray, "n"],
    subjects: np.ndarray,
    held_out: str,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Train without one subject and predict that subject's clips; their labels go nowhere."""
    test = subjects == held_out
    start = time.perf_counter()
    probabilities = fit_predict(
        config,
        torch.from_numpy(motion[~test]),
        torch.from_numpy(labels[~test]),
        torch.from_numpy(motion[test]),
        seed=seed,
        device=device,
    )
    if not torch.isfinite(probabilities).all():
        raise DataError(f"the training without subject {held_out} diverged; lower the classifier's learning rate")
    return {"subject": held_out, "probabilities": probabilities.tolist(), "seconds": time.perf_counter() - start}


def _run(tasks: dict[str, tuple], executor: concurrent.futures.Executor | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results of the tasks as they come."""
    if executor is None:
        yield from ((name, run_fold(*task)) for name, task in tasks.items())
        return
    futures = {executor.submit(run_fold, *task): name for name, task in tasks.items()}
    try:
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()
    finally:
        for future in futures:  # after an error or an interrupt nobody waits for the rest
            future.cancel()


def _cause(config: Any, data: tuple, clips: Sequence[str], seed: int, fit_predict: Callable, device: str) -> str:
    """Hash of everything that determines the folds' results, the classifier's code included."""
    motion, labels, subjects = data
    return _digest(
        json.dumps(
            {
                "config": asdict(config),
                "seed": seed,
                "device": torch.device(device).type,
                "torch": torch.__version__,
                "fit_predict": fit_predict.__qualname__,
                "code": _code(fit_predict),
                "motion": [list(motion.shape), _digest(np.ascontiguousarray(motion))],
                "clips": [labels.tolist(), subjects.tolist(), list(clips)],
            },
            sort_keys=True,
        )
    )


def _code(function: Callable) -> str:
    """Hash of the sources of a function's module and of the modules of this package from which that one imports."""
    names = {getattr(value, "__module__", None) or "" for value in vars(sys.modules[function.__module__]).values()}
    package = __name__.partition(".")[0] + "."
    sources = {function.__module__, *(name for name in names if name.startswith(package))}
    return _digest("".join(inspect.getsource(sys.modules[name]) for name in sorted(sources)))


def _digest(content: str | bytes | np.ndarray) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def fold_seed(seed: int, subject: str) -> int:
    """A seed of its own for each fold, or the luck of one initialisation would be the luck of all."""
    return int(_digest(f"{seed}/{subject}")[:8], 16)


def _read_fold(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except DataError as error:
        raise DataError(f"{path}: not a finished fold (not JSON); delete it and run again") from error
