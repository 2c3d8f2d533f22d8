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
        tested: likewise the motion of a clip that is held out, where it is another than in training; None: the same.
        seed: of the experiment; each fold derives its own from it and the subject's name.
        fit_predict: `(config, motion, labels, test_motion, *, classes, seed, device) -> probabilities "m k"`, at the top level of
            a module, so that other processes can find it.
        at_once: `fit_predict` takes so many seeds in a sequence, that of the experiment and those that follow, and gives
            probabilities "s m k"; None: one seed, and "m k".
        curves: `fit_predict` also takes a dictionary `curve`, into which it writes, by name, its losses of each epoch; those of
            each seed if it takes several.
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
    tested: Float[Tensor, "n c h w"] | Mapping[str, Float[Tensor, "n c h w"]] | None = None
    at_once: int | None = None
    curves: bool = False

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
        For each experiment, or each of its seeds, a table with a row per held-out clip: subject, clip, label, prediction, and
        p0, p1, … (the class probabilities). `.attrs["seconds"]` holds the seconds that each fold took, by its name;
        `.attrs["used"]` the settings that the folds followed, which are those that were asked for as far as the machine allowed,
        and the devices that they ran on; `.attrs["curve"]` the losses of each epoch, by name, their mean over the folds; empty
        unless `Experiment.curves` asks for them.
    """
    results = run_folds(experiments, store=store, executor=executor, device=device, title=title)
    return [
        predictions(experiment, folds, number)
        for experiment, folds in zip(experiments, results)
        for number in range(experiment.at_once or 1)
    ]


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
    inputs = _Inputs(store if executor is not None else None)
    tasks: dict[Path, tuple] = {}
    places: dict[Path, list[tuple[int, str]]] = {}  # experiments may share folds: those are computed once
    for number, experiment in enumerate(experiments):
        for name, (file, kept, task) in _folds(experiment, store, device, inputs).items():
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


def predictions(experiment: Experiment, folds: dict[str, Fold], number: int = 0) -> pd.DataFrame:
    """The table that `run_experiments` returns, from the folds of one experiment; `number` counts seeds trained at once."""
    subjects = np.asarray(experiment.subjects)
    table = pd.DataFrame(
        {"subject": list(subjects), "clip": list(experiment.clips), "label": list(map(int, experiment.labels))}
    )
    probabilities = np.full((len(table), experiment.classes), np.nan)
    for name, people in experiment.folds.items():
        found = folds[name]["probabilities"]
        probabilities[np.isin(subjects, people)] = found if experiment.at_once is None else found[number]
    predicted = np.isfinite(probabilities).all(1)
    table, probabilities = table[predicted].reset_index(drop=True), probabilities[predicted]
    table["prediction"] = probabilities.argmax(1)
    for column, values in enumerate(probabilities.T):
        table[f"p{column}"] = values
    table.attrs["seconds"] = {name: folds[name]["seconds"] / (experiment.at_once or 1) for name in sorted(folds)}
    devices = sorted({fold["device"] for fold in folds.values() if "device" in fold})
    table.attrs["used"] = {"devices": devices, "classifier": asdict(experiment.config)}
    curves = [folds[name].get("curve", {}) for name in sorted(folds)]
    table.attrs["curve"] = _mean_curve(curves, None if experiment.at_once is None else number)
    return table


def _mean_curve(curves: Sequence[dict[str, Any]], number: int | None) -> dict[str, list[float]]:
    """The mean over the folds, of seeds trained at once that of one; empty unless every fold has a curve."""
    if not all(curves):
        return {}
    each = {name: [curve[name] if number is None else curve[name][number] for curve in curves] for name in curves[0]}
    return {name: np.mean(values, axis=0).tolist() for name, values in each.items()}


class _Inputs:
    """What several experiments may see: its content is hashed once, and written once into a file that all workers read.

    Args:
        folder: of the files; None: everything stays in this process.
    """

    def __init__(self, folder: Path | None = None):
        self._folder = folder
        self._content: dict[int, tuple[str, Tensor]] = {}  # the tensor is held, so that its id stays its own
        self._files: dict[str, Path] = {}

    def content(self, experiment: Experiment, motion: Tensor) -> str:
        """The hash of a motion.

        Raises:
            DataError: it is not finite.
        """
        if id(motion) not in self._content:
            broken = ~np.isfinite(motion.numpy()).all((1, 2, 3))
            if broken.any():
                first = int(broken.argmax())
                clip = f"subject {experiment.subjects[first]} clip {experiment.clips[first]}"
                raise DataError(f"the motion of {clip} is not finite; extract it again")
            self._content[id(motion)] = array_hash(motion.numpy()), motion
        return self._content[id(motion)][0]

    def place(self, content: str, motion: Tensor) -> np.ndarray | Path:
        """Where a fold finds a motion."""
        if self._folder is None:
            return motion.numpy()
        if content not in self._files:
            file = self._folder.resolve() / f"motion-{content[:16]}.npy"
            if not is_sound(file):
                write_array(file, motion.numpy())
            self._files[content] = file
        return self._files[content]


def _folds(
    experiment: Experiment, store: Path, device: str, inputs: _Inputs
) -> dict[str, tuple[Path, Fold | None, tuple]]:
    """Check an experiment; by name of the fold, its file, what is kept there, and the arguments of `run_fold`."""
    if isinstance(experiment.motion, Mapping):  # each fold has motions of its own
        each = experiment.tested if isinstance(experiment.tested, Mapping) else {}
        alone = {
            name: replace(experiment, motion=one, tested=each.get(name)) for name, one in experiment.motion.items()
        }
        return {name: _folds(one, store, device, inputs)[name] for name, one in alone.items()}
    assert not isinstance(experiment.tested, Mapping)
    subjects = np.asarray(experiment.subjects)
    labels, people = np.asarray(experiment.labels, dtype=np.int64), set(experiment.subjects)
    if len(people) < 2:
        raise DataError(f"leave-one-subject-out needs at least two subjects, got {len(people)}")
    for name, held_out in experiment.folds.items():
        if not people - set(held_out):
            raise DataError(f"fold {name} holds out everybody; leave subjects to train on")
    seen = {"motion": experiment.motion} | ({} if experiment.tested is None else {"tested": experiment.tested})
    contents = {name: inputs.content(experiment, motion) for name, motion in seen.items()}
    key = fingerprint(
        code=experiment.fit_predict,
        config=experiment.config,
        clips=[labels, list(experiment.subjects), list(experiment.clips)],
        classes=experiment.classes,
        held_out=experiment.folds,
        seed=experiment.seed,
        **({} if experiment.at_once is None else {"at_once": experiment.at_once}),
        **({"curves": True} if experiment.curves else {}),
        device=torch.device(device).type,
        **contents,
    )
    files = {name: store / f"fold-{safe}-{key}.json" for name, safe in safe_names(list(experiment.folds)).items()}
    kept = {name: read_record(file) for name, file in files.items()}
    if None not in kept.values():
        return {name: (file, kept[name], ()) for name, file in files.items()}
    where = {name: inputs.place(contents[name], motion) for name, motion in seen.items()}
    arguments = (experiment.fit_predict, experiment.config, where["motion"], labels, subjects)
    folds, classes, tested = experiment.folds, experiment.classes, where.get("tested")
    return {
        name: (
            file,
            kept[name],
            (*arguments, name, classes, _seeds(experiment, name), device, folds[name], tested, experiment.curves),
        )
        for name, file in files.items()
    }


def _seeds(experiment: Experiment, name: str) -> int | list[int]:
    """What `fit_predict` gets as the seed of a fold."""
    if experiment.at_once is None:
        return fold_seed(experiment.seed, name)
    return [fold_seed(experiment.seed + number, name) for number in range(experiment.at_once)]


def run_fold(
    fit_predict: Callable[..., Float[Tensor, "*s m k"]],
    config: Any,
    motion: Float[np.ndarray, "n c h w"] | Path,
    labels: Int[np.ndarray, "n"],
    subjects: np.ndarray,
    held_out: str,
    classes: int,
    seed: int | Sequence[int],
    device: str,
    people: Sequence[str] = (),
    tested: Float[np.ndarray, "n c h w"] | Path | None = None,
    curves: bool = False,
) -> Fold:
    """Train without the people of a fold, one subject or more, and predict their clips; their labels are not used.

    Args:
        motion: the motions, or a file of them.
        held_out: a subject; or the name of a fold, of these `people`.
        tested: likewise the motions of clips that are held out, where they differ from those in training.
        curves: as in `Experiment`.
    """
    seen = _opened(motion)
    shown = seen if tested is None else _opened(tested)
    test = np.isin(subjects, people or held_out)
    curve: dict[str, Tensor] = {}
    start = time.perf_counter()
    probabilities = fit_predict(
        config,
        torch.from_numpy(seen[~test]),
        torch.from_numpy(labels[~test]),
        torch.from_numpy(shown[test]),
        classes=classes,
        seed=seed,
        device=device,
        **({"curve": curve} if curves else {}),
    )
    if not torch.isfinite(probabilities).all():
        raise DataError(f"the training without subject {held_out} diverged; lower the classifier's learning rate")
    seconds = time.perf_counter() - start
    return {
        "subject": held_out,
        "probabilities": probabilities.tolist(),
        "seconds": seconds,
        "device": device_name(device),
        "curve": {name: losses.tolist() for name, losses in curve.items()},
    }


def _opened(motion: np.ndarray | Path) -> np.ndarray:
    if not isinstance(motion, Path):
        return motion
    if (shared := read_array(motion, mapped=True)) is None:  # processes on one machine share its pages
        raise DataError(
            f"{motion}: not visible to the worker {platform.node()}; choose a run folder that all workers share"
        )
    return np.asarray(shared)


def fold_seed(seed: int, subject: str) -> int:
    """The seed of a fold. With one seed for all, every fold would share the luck of one initialisation."""
    return int(hashlib.sha256(f"{seed}/{subject}".encode()).hexdigest()[:8], 16)
