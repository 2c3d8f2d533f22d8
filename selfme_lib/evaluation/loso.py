"""Leave-one-subject-out: each subject's clips are predicted by a classifier that has never seen that subject.

Other protocols hold out other people: `Experiment.held_out` names each fold and whom it predicts.

Begin with `Experiment`, `run_experiments` and `run_fold`. A fold is a task that can run in this process, in a pool of processes
or on a cluster: on any `concurrent.futures.Executor` (see `runtime.processes`), which gets the folds of all rows of a table at
once. Its result depends neither on where it ran nor on what ran beside it. It is written to a file as soon as it exists, named
by a hash of everything that determines it, so a killed run resumes where it stopped and ends with the same numbers.
"""

import concurrent.futures
import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from selfme_lib.runtime.device import device_name
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.fingerprint import array_hash, fingerprint
from selfme_lib.runtime.kept import is_sound, read_array, read_record, write_array, write_record
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.processes import run_tasks

Fold = dict[str, Any]
"""What `run_fold` returns, by held-out subject in `run_folds`."""


@dataclass(frozen=True, eq=False)
class Experiment:
    """A row of a table with one seed: everything that determines what its folds predict.

    Attributes:
        config: settings of the classifier, a frozen dataclass; passed to `fit_predict`.
        motion, labels, subjects, clips: the data, one entry per clip; results keep the order. Where the motion is learned
            without the held-out subject, there is one for each, by the fold's name.
        seed: of the experiment; each fold derives its own from it and the subject's name.
        fit_predict: `(config, motion, labels, test_motion, *, classes, seed, device) -> probabilities "m k"`, at the top level of
            a module, so that other processes can find it.
        classes: number of classes.
        held_out: name of each fold -> the subjects whose clips it predicts, trained on everybody else; by default a fold for each
            subject. Clips that no fold holds out are trained on and not predicted.
    """

    config: Any
    motion: Float[Tensor, "n c h w"] | Mapping[str, Float[Tensor, "n c h w"]]
    labels: Sequence[int]
    subjects: Sequence[str]
    clips: Sequence[str]
    seed: int
    fit_predict: Callable[..., Tensor]
    classes: int = 3
    held_out: Mapping[str, Sequence[str]] | None = None

    @property
    def folds(self) -> dict[str, tuple[str, ...]]:
        """Name of each fold -> the subjects it predicts."""
        if self.held_out is None:
            return {name: (name,) for name in sorted(set(self.subjects))}
        return {name: tuple(sorted(people)) for name, people in sorted(self.held_out.items())}


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
        For each experiment a row per held-out clip: subject, clip, label, prediction, and p0, p1, … (the class probabilities).
        `.attrs["seconds"]` holds the seconds that each fold took, by its name; `.attrs["used"]` the settings that the folds
        followed, which are those that were asked for as far as the machine allowed, and the devices that they ran on.
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
) -> list[dict[str, Fold]]:
    """The folds of every experiment, by name (that of the held-out subject); finished ones come from the store.

    Args:
        store: folder for finished folds and, with an executor, for the motions: processes on one machine share them in memory;
            on a cluster all workers must see the folder.
        executor: where folds run, side by side; None: here, one after the other.
        device: for `fit_predict`; `processes.ask(executor, local_device)` says what is there.
        title: of the progress bar, which counts the folds of all experiments. `progress.json` in the store holds the same count,
            for other processes to watch.

    Raises:
        DataError: fewer than two subjects, nobody to train on, a motion that is not finite, or a training that diverged.
    """
    results: list[dict[str, Fold]] = [{} for _ in experiments]
    tasks: dict[Path, tuple] = {}
    places: dict[Path, list[tuple[int, str]]] = {}  # experiments may share folds: those are computed once
    for number, experiment in enumerate(experiments):
        for name, (file, kept, task) in _folds(experiment, store, device, shared=executor is not None).items():
            if kept is not None:
                results[number][name] = kept
            else:
                tasks[file] = task
                places.setdefault(file, []).append((number, name))
    total = sum(len(experiment.folds) for experiment in experiments)
    with tqdm(total=total, initial=sum(map(len, results)), desc=title, unit="fold", disable=None) as bar:
        for file, result in run_tasks(run_fold, tasks, executor):
            write_record(file, result)
            for number, name in places[file]:
                results[number][name] = result
                bar.update()
            write_json(store / "progress.json", {"done": sum(map(len, results)), "total": total})
    return results


def predictions(experiment: Experiment, folds: dict[str, Fold]) -> pd.DataFrame:
    """The table that `run_experiments` returns, from the folds of one experiment."""
    subjects = np.asarray(experiment.subjects)
    table = pd.DataFrame(
        {"subject": list(subjects), "clip": list(experiment.clips), "label": list(map(int, experiment.labels))}
    )
    probabilities = np.full((len(table), experiment.classes), np.nan)
    for name, people in experiment.folds.items():
        probabilities[np.isin(subjects, people)] = folds[name]["probabilities"]
    predicted = np.isfinite(probabilities).all(1)
    table, probabilities = table[predicted].reset_index(drop=True), probabilities[predicted]
    table["prediction"] = probabilities.argmax(1)
    for column, values in enumerate(probabilities.T):
        table[f"p{column}"] = values
    table.attrs["seconds"] = {name: folds[name]["seconds"] for name in sorted(folds)}
    devices = sorted({fold["device"] for fold in folds.values() if "device" in fold})
    table.attrs["used"] = {"devices": devices, "classifier": asdict(experiment.config)}
    return table


def _folds(
    experiment: Experiment, store: Path, device: str, *, shared: bool
) -> dict[str, tuple[Path, Fold | None, tuple]]:
    """Check an experiment; by name of the fold, its file, what is kept there, and the arguments of `run_fold`.

    Args:
        shared: unless every fold is finished, the motions go into a file that all workers read.
    """
    if isinstance(experiment.motion, Mapping):  # each fold has motions of its own
        alone = {name: replace(experiment, motion=motion) for name, motion in experiment.motion.items()}
        return {name: _folds(one, store, device, shared=shared)[name] for name, one in alone.items()}
    motion, subjects = experiment.motion.numpy(), np.asarray(experiment.subjects)
    labels, people = np.asarray(experiment.labels, dtype=np.int64), set(experiment.subjects)
    if len(people) < 2:
        raise DataError(f"leave-one-subject-out needs at least two subjects, got {len(people)}")
    for name, held_out in experiment.folds.items():
        if not people - set(held_out):
            raise DataError(f"fold {name} holds out everybody; leave subjects to train on")
    broken = ~np.isfinite(motion).all((1, 2, 3))
    if broken.any():
        first = int(broken.argmax())
        clip = f"subject {experiment.subjects[first]} clip {experiment.clips[first]}"
        raise DataError(f"the motion of {clip} is not finite; extract it again")
    content = array_hash(motion)
    key = fingerprint(
        code=experiment.fit_predict,
        config=experiment.config,
        motion=content,
        clips=[labels, list(experiment.subjects), list(experiment.clips)],
        classes=experiment.classes,
        held_out=experiment.folds,
        seed=experiment.seed,
        device=torch.device(device).type,
    )
    files = {name: store / f"fold-{safe}-{key}.json" for name, safe in safe_names(list(experiment.folds)).items()}
    kept = {name: read_record(file) for name, file in files.items()}
    where: np.ndarray | Path = motion
    if shared and None in kept.values():
        where = store.resolve() / f"motion-{content[:16]}.npy"
        if not is_sound(where):
            write_array(where, motion)
    arguments = (experiment.fit_predict, experiment.config, where, labels, subjects)
    folds, classes, seed = experiment.folds, experiment.classes, experiment.seed
    return {
        name: (file, kept[name], (*arguments, name, classes, fold_seed(seed, name), device, folds[name]))
        for name, file in files.items()
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
    people: Sequence[str] = (),
) -> Fold:
    """Train without the people of a fold, one subject or more, and predict their clips; their labels are not used.

    Args:
        motion: the motions, or a file of them.
        held_out: a subject; or the name of a fold, of these `people`.
    """
    if isinstance(motion, Path):
        if (shared := read_array(motion, mapped=True)) is None:  # processes on one machine share its pages
            raise DataError(
                f"{motion}: not visible to the worker {platform.node()}; choose a run folder that all workers share"
            )
        motion = np.asarray(shared)
    test = np.isin(subjects, people or held_out)
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
    seconds = time.perf_counter() - start
    return {
        "subject": held_out,
        "probabilities": probabilities.tolist(),
        "seconds": seconds,
        "device": device_name(device),
    }


def fold_seed(seed: int, subject: str) -> int:
    """The seed of a fold. With one seed for all, every fold would share the luck of one initialisation."""
    return int(hashlib.sha256(f"{seed}/{subject}".encode()).hexdigest()[:8], 16)
