"""Leave-one-subject-out: each subject's clips are predicted by a classifier that has never seen that subject.

A fold is a task that can run anywhere: in this process, in a pool of processes on this machine, or on a cluster; any
`concurrent.futures.Executor` will do (see `executors`), and the folds of all rows of a table are handed to it at once. A
fold's result does not depend on where it ran or on what else did, and it is kept in a file as soon as it is there, under
a hash of everything that determines it; so a run that was killed goes on where it stopped and ends with the same numbers.
"""

import concurrent.futures
import hashlib
import inspect
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, read_json, write_json
from selfme_lib.runtime.processes import completed

from .metrics import CLASSES


@dataclass(frozen=True, eq=False)
class Experiment:
    """A row of a table with one seed: everything that determines what its folds predict.

    Attributes:
        config: settings of the classifier, a frozen dataclass; handed to `fit_predict`.
        motion, labels, subjects, clips: the data, one entry per clip; the order is kept in the result.
        seed: of the experiment; every fold derives its own from it and its subject's name.
        fit_predict: `(config, motion, labels, test_motion, *, classes, seed, device) -> probabilities "m k"`, a function
            of a module, so that other processes find it.
        classes: number of classes.
    """

    config: Any
    motion: Float[Tensor, "n c h w"]
    labels: Sequence[int]
    subjects: Sequence[str]
    clips: Sequence[str]
    seed: int
    fit_predict: Callable[..., Tensor]
    classes: int = CLASSES


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
    fit_predict: Callable[..., Float[Tensor, "m k"]],
    classes: int = CLASSES,
    device: str = "cpu",
    title: str = "LOSO",
) -> pd.DataFrame:
    """Predict every clip from the other subjects' clips: `run_experiments` for a single `Experiment`."""
    experiment = Experiment(config, motion, labels, subjects, clips, seed, fit_predict, classes)
    (table,) = run_experiments([experiment], store=store, executor=executor, device=device, title=title)
    return table


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    store: Path,
    executor: concurrent.futures.Executor | None = None,
    device: str = "cpu",
    title: str = "LOSO",
) -> list[pd.DataFrame]:
    """Predict every clip of each experiment from the other subjects' clips. Arguments as in `run_folds`.

    Returns:
        Of each experiment a row per clip: subject, clip, label, prediction, and p0, p1, … (the class probabilities). The
        seconds that each fold took are in `.attrs["seconds"]` by subject.
    """
    results = run_folds(experiments, store=store, executor=executor, device=device, title=title)
    return [predictions(experiment, folds) for experiment, folds in zip(experiments, results)]


def run_folds(
    experiments: Sequence[Experiment],
    *,
    store: Path,
    executor: concurrent.futures.Executor | None = None,
    device: str = "cpu",
    title: str = "LOSO",
) -> list[dict[str, dict[str, Any]]]:
    """What `run_fold` gives for every held-out subject of every experiment; finished folds come from the store.

    Args:
        store: folder for the results of finished folds and, with an executor, for the motions: on one machine processes
            share them in memory, on a cluster it must lie on a file system that all workers see.
        executor: where folds run, side by side; None: here, one after the other.
        device: for `fit_predict`.
        title: of the progress bar, which counts the folds of all experiments and tells the time left. The same count is in
            `progress.json` of the store, for who watches from outside.

    Raises:
        DataError: fewer than two subjects, a motion that is not finite, a training that diverged, or a file in `store`
            that cannot be read.
    """
    results: list[dict[str, dict[str, Any]]] = []
    tasks: dict[Path, tuple] = {}
    places: dict[Path, list[tuple[int, str]]] = {}  # experiments may share folds: those are computed once
    for number, experiment in enumerate(experiments):
        folds, missing = _prepare(experiment, store, device, shared=executor is not None)
        results.append(folds)
        for (name, file), task in missing.items():
            tasks[file] = task
            places.setdefault(file, []).append((number, name))
    total = sum(len(set(experiment.subjects)) for experiment in experiments)
    with tqdm(total=total, initial=sum(map(len, results)), desc=title, unit="fold", disable=None) as bar:
        for file, result in completed(run_fold, tasks, executor):
            write_json(file, result)
            for number, name in places[file]:
                results[number][name] = result
                bar.update()
            write_json(store / "progress.json", {"done": sum(map(len, results)), "total": total})
    return results


def predictions(experiment: Experiment, folds: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """The table that `run_experiments` returns, from the folds of one experiment."""
    subjects = np.asarray(experiment.subjects)
    table = pd.DataFrame(
        {"subject": list(subjects), "clip": list(experiment.clips), "label": list(map(int, experiment.labels))}
    )
    names = sorted(folds)
    probabilities = np.zeros((len(table), len(folds[names[0]]["probabilities"][0])))
    for name in names:
        probabilities[subjects == name] = folds[name]["probabilities"]
    table["prediction"] = probabilities.argmax(1)
    for column, values in enumerate(probabilities.T):
        table[f"p{column}"] = values
    table.attrs["seconds"] = {name: folds[name]["seconds"] for name in names}
    return table


def _prepare(
    experiment: Experiment, store: Path, device: str, *, shared: bool
) -> tuple[dict[str, dict[str, Any]], dict[tuple[str, Path], tuple]]:
    """Check an experiment; its finished folds by subject, and the tasks of the missing ones by subject and file."""
    config, motion, subjects = experiment.config, experiment.motion, np.asarray(experiment.subjects)
    names = sorted(set(experiment.subjects))
    if len(names) < 2:
        raise DataError(f"leave-one-subject-out needs at least two subjects, got {len(names)}")
    broken = ~torch.isfinite(motion).flatten(1).all(1)
    if broken.any():
        first = int(broken.nonzero()[0])
        clip = f"subject {experiment.subjects[first]} clip {experiment.clips[first]}"
        raise DataError(f"the motion of {clip} is not finite; extract it again")
    data = (motion.numpy(), np.asarray(experiment.labels, dtype=np.int64), subjects)
    content = _digest(np.ascontiguousarray(data[0]))
    cause = _cause(replace(experiment, config=config), content, device)
    files = {name: store / f"fold-{name}-{_digest(f'{cause}/{name}')[:16]}.json" for name in names}
    finished = {name: _read_fold(file) for name, file in files.items() if file.exists()}
    missing = [name for name in names if name not in finished]
    where: np.ndarray | Path = data[0]
    if shared and missing:
        where = store.resolve() / f"motion-{content[:16]}.npy"
        if not where.exists():
            with atomic_path(where) as temporary:
                np.save(temporary, data[0])
    arguments = (experiment.fit_predict, config, where, *data[1:])
    return finished, {
        (name, files[name]): (*arguments, name, experiment.classes, fold_seed(experiment.seed, name), device)
        for name in missing
    }


def run_fold(
    fit_predict: Callable[..., Float[Tensor, "m k"]],
    config: Any,
    motion: Float[np.ndarray, "n c h w"] | Path,
    labels: Int[np.ndarray, "n"],
    subjects: np.ndarray,
    held_out: str,
    classes: int,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Train without one subject and predict that subject's clips; their labels go nowhere.

    Args:
        motion: the motions, or a file of them.
    """
    if isinstance(motion, Path):
        if not motion.exists():
            raise DataError(
                f"{motion}: not seen by the worker {platform.node()}; choose a run folder that all workers share"
            )
        motion = np.asarray(np.load(motion, mmap_mode="r"))  # pages that processes of one machine share
    test = subjects == held_out
    start = time.perf_counter()
    probabilities = fit_predict(
        config,
        torch.from_numpy(motion[~test]),
        torch.from_numpy(labels[~test]),
        torch.from_numpy(motion[test]),
        classes=classes,
        seed=seed,
        device=device,
    )
    if not torch.isfinite(probabilities).all():
        raise DataError(f"the training without subject {held_out} diverged; lower the classifier's learning rate")
    return {"subject": held_out, "probabilities": probabilities.tolist(), "seconds": time.perf_counter() - start}


def _cause(experiment: Experiment, content: str, device: str) -> str:
    """Hash of everything that determines the folds' results, the classifier's code included."""
    fit_predict, labels = experiment.fit_predict, [int(label) for label in experiment.labels]
    return _digest(
        json.dumps(
            {
                "config": asdict(experiment.config),
                "seed": experiment.seed,
                "classes": experiment.classes,
                "device": torch.device(device).type,
                "torch": torch.__version__,
                "fit_predict": fit_predict.__qualname__,
                "code": _code(fit_predict),
                "motion": [list(experiment.motion.shape), content],
                "clips": [labels, list(experiment.subjects), list(experiment.clips)],
            },
            sort_keys=True,
        )
    )


def _code(function: Callable) -> str:
    """Hash of the sources of a function's module and of every module of this package that it builds on."""
    package, found, waiting = __name__.partition(".")[0] + ".", set(), [function.__module__]
    while waiting:
        if (name := waiting.pop()) in found:
            continue
        found.add(name)
        for value in vars(sys.modules[name]).values():
            owner = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(owner, str) and owner.startswith(package):
                waiting.append(owner)
    return _digest("".join(inspect.getsource(sys.modules[name]) for name in sorted(found)))


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
