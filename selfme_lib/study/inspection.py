"""The networks behind a table's predictions: which subjects to look at closely, and the classifiers that predicted them.

A row of a table keeps predictions, not networks: a paper's worth of them would fill a disk. The few that a chapter looks into are
trained again, which gives the same weights, and are kept.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from selfme_lib.classifier import training
from selfme_lib.classifier.network import ClassifierConfig, SCViT, build_classifier
from selfme_lib.classifier.training import resolve_for_device, train_classifier
from selfme_lib.data import Clip, dataset_fingerprint
from selfme_lib.evaluation.loso import fold_seed
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import are_sound_weights, read_weights, write_weights
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.processes import run_tasks, worker_pool

from .rows import Row
from .study import Study


def richest_subjects(clips: Sequence[Clip], count: int) -> list[str]:
    """Subjects to look at closely: those who show the most classes, then the most clips. No result influences the choice."""
    labels: dict[str, list[int]] = {}
    for clip in clips:
        labels.setdefault(clip.subject, []).append(clip.label)
    return sorted(labels, key=lambda name: (-len(set(labels[name])), -len(labels[name]), name))[:count]


def fold_classifiers(study: Study, rows: Sequence[Row], subjects: Sequence[str]) -> dict[tuple[str, str], SCViT]:
    """The networks behind the predictions of some folds, by the row's name and the held-out subject.

    Each is trained with the seed and the clips of its fold in `Study.evaluate` (for the profile's first seed), so on a CPU it is
    the very network that predicted the subject. They are kept in `run.checkpoints`.

    Raises:
        DataError: a subject without clips.
    """
    unknown = sorted(set(subjects) - set(study.subjects.tolist()))
    if unknown:
        raise DataError(f"subject {unknown[0]} has no clips; choose among those that do")
    missing: dict[Path, tuple] = {}
    for row in rows:
        config, motion = _config(study, row), study.inputs(row)
        for subject, path in _files(study, config, motion, subjects).items():
            if not are_sound_weights(path):
                known = torch.from_numpy(study.subjects != subject)
                labels = torch.from_numpy(study.labels)[known]
                seed = fold_seed(study.settings.seed, subject)
                missing[path] = (config, motion[known], labels, len(study.classes), seed, path)
    with worker_pool(study.settings.evaluation.workers, study.settings.evaluation.cluster) as pool:
        trained = run_tasks(_train_fold, missing, pool)
        for _ in tqdm(trained, total=len(missing), desc="classifiers", unit="fold", disable=None):
            pass
    kept = {row.name: kept_classifiers(study, row) for row in rows}
    return {(row.name, subject): kept[row.name][subject] for row in rows for subject in subjects}


def kept_classifiers(study: Study, row: Row) -> dict[str, SCViT]:
    """The networks of a row that `fold_classifiers` has left in the run folder, by held-out subject; none is trained."""
    config, motion = _config(study, row), study.inputs(row)
    networks = {}
    for subject, path in _files(study, config, motion, sorted(set(study.subjects.tolist()))).items():
        if are_sound_weights(path):
            network = build_classifier(config, classes=len(study.classes))
            network.load_state_dict(read_weights(path)[0])
            networks[subject] = network.eval().to(DEVICE)
    return networks


def _config(study: Study, row: Row) -> ClassifierConfig:
    return resolve_for_device(row.classifier(study.settings.classifier), device=DEVICE)


def _files(
    study: Study, config: ClassifierConfig, motion: Float[Tensor, "n 2 h w"], subjects: Sequence[str]
) -> dict[str, Path]:
    """Where the network of each held-out subject is kept."""
    cause = {"config": config, "clips": dataset_fingerprint(study.clips), "motion": motion, "device": DEVICE}
    key = fingerprint(code=training, seed=study.settings.seed, **cause)
    safe = safe_names(study.subjects.tolist())
    return {name: study.run.checkpoints / f"classifier-{safe[name]}-{key}.safetensors" for name in subjects}


def _train_fold(
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    classes: int,
    seed: int,
    path: Path,
) -> None:
    """Train on the clips of one fold and keep the network; runs in any process that sees the run folder."""
    network = train_classifier(config, motion, labels, classes=classes, seed=seed, device=DEVICE, progress=False)
    write_weights(path, network.state_dict())
