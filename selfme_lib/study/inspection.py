"""The networks behind a table's predictions: which subjects to look at closely, and the classifiers that predicted them.

A row of a table keeps predictions, not networks: a paper's worth of them would fill a disk. The few that a chapter looks into are
trained again, which gives the same weights, and are kept.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from tqdm import tqdm

from selfme_lib.classifier import linear, training
from selfme_lib.classifier.frozen import PENALTIES
from selfme_lib.classifier.grad_cam import evidence
from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.classifier.network import ClassifierConfig, SCViT, build_classifier
from selfme_lib.classifier.training import resolve_for_device, train_classifier
from selfme_lib.data import Clip, dataset_fingerprint
from selfme_lib.evaluation.loso import fold_seed
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.finite import require_finite
from selfme_lib.runtime.kept import are_sound_weights, read_weights, write_weights
from selfme_lib.runtime.paths import safe_names
from selfme_lib.runtime.processes import ask, local_device, run_tasks, worker_pool

from .by_folds import learned_by_folds, of_fold
from .rows import Row
from .study import Study

WHOLE = {"trained": "all", "epochs": 4, "lr": 1e-3}
"""All weights trained, from pre-trained ones, in as few epochs as a CPU has time for; the rate was chosen on choice people."""


def trained_whole(study: Study) -> Study:
    """The study with a classifier of which all weights are trained: its own, or the same network with its trunk no longer frozen.

    What a loss does to a network can only be seen in one that it may change.
    """
    if not study.settings.classifier.frozen:
        return study
    return study.changed(classifier=WHOLE, evaluation={"seeds": 1})


def richest_subjects(clips: Sequence[Clip], count: int) -> list[str]:
    """Subjects to look at closely: those who show the most classes, then the most clips. No result influences the choice."""
    labels: dict[str, list[int]] = {}
    for clip in clips:
        labels.setdefault(clip.subject, []).append(clip.label)
    return sorted(labels, key=lambda name: (-len(set(labels[name])), -len(labels[name]), name))[:count]


def fold_classifiers(study: Study, rows: Sequence[Row], subjects: Sequence[str]) -> dict[tuple[str, str], SCViT]:
    """The networks behind the predictions of some folds, by the row's name and the held-out subject.

    Each is trained with the seed and the clips of its fold in `Study.evaluate` (for the profile's first seed), so on a CPU it is
    the very network that predicted the subject. They are kept in `run.checkpoints`; those returned are on the CPU.

    Args:
        study: whose classifier is trained as a whole (see `trained_whole`).

    Raises:
        DataError: a subject without clips.
    """
    unknown = sorted(set(subjects) - set(study.subjects.tolist()))
    if unknown:
        raise DataError(f"subject {unknown[0]} has no clips; choose among those that do")
    missing: dict[Path, tuple] = {}
    networks = {}
    with worker_pool(study.settings.evaluation.workers, study.settings.evaluation.cluster) as pool:
        device = ask(pool, local_device)
        for row in rows:
            config, motion = _config(study, row, pool), study.inputs(row)
            for subject, path in _files(study, config, motion, subjects, device).items():
                networks[row.name, subject] = config, path
                if not are_sound_weights(path):
                    known = torch.from_numpy(study.subjects != subject)
                    clips = torch.from_numpy(study.labels), known
                    seed = fold_seed(study.settings.seed, subject)
                    seen = of_fold(study, subject).inputs(row) if learned_by_folds(study) else motion
                    missing[path] = (config, seen, *clips, len(study.classes), seed, device, path)
        trained = run_tasks(_train_fold, missing, pool)
        for _ in tqdm(trained, total=len(missing), desc="classifiers", unit="fold", disable=None):
            pass
    return {key: _load(config, path, len(study.classes)) for key, (config, path) in networks.items()}


def held_out_evidence(
    network: SCViT,
    motion: Float[Tensor, "n 2 h w"],
    described: Float[Tensor, "n 2 r d"],
    labels: Int[Tensor, "n"],
    subjects: Sequence[str],
    *,
    classes: int,
    target: Int[Tensor, "n"] | None = None,
    only: Sequence[str] | None = None,
    penalty: LinearConfig = PENALTIES["units"],
) -> Float[Tensor, "m h w"]:
    """Evidence (`grad_cam.evidence`) by a frozen network and, for each subject, a linear model fitted on all others.

    Args:
        described: `frozen.describe` of the motion by the network.
        target: the class that the evidence is for, by default the true one.
        only: subjects whose clips are to be explained (m), by default all.
    """
    regions, people, asked = described.sum(2), np.asarray(subjects), labels if target is None else target
    heat = torch.zeros(len(motion), *motion.shape[-2:])
    wanted = torch.from_numpy(np.isin(people, sorted(set(subjects) if only is None else only)))
    for subject in sorted(set(people[wanted.numpy()].tolist())):
        out = torch.from_numpy(people == subject)
        views = (regions[~out, 0], regions[~out, 1])
        head = linear.fit_features(penalty, views, labels[~out], classes=classes)
        heat[out] = evidence(network, motion[out], head.weights[asked[out]] / head.scale)
    return heat[wanted]


def kept_classifiers(study: Study, row: Row) -> dict[str, SCViT]:
    """The networks of a row that `fold_classifiers` has left in the run folder, by held-out subject; none is trained.

    It does not matter on which device they were trained, which need not be here.
    """
    config, motion, people = _config(study, row), study.inputs(row), sorted(set(study.subjects.tolist()))
    networks = {}
    for device in (*{"cpu", "cuda"} - {DEVICE}, DEVICE):  # those made here count most
        for subject, path in _files(study, config, motion, people, device).items():
            if are_sound_weights(path):
                networks[subject] = _load(config, path, len(study.classes))
    return networks


def _config(study: Study, row: Row, pool: Executor | None = None) -> ClassifierConfig:
    return ask(pool, resolve_for_device, row.classifier(study.settings.classifier), ask(pool, local_device))


def _load(config: ClassifierConfig, path: Path, classes: int) -> SCViT:
    """On the CPU, whose tensors the chapters compare it with; looking at a network needs no GPU."""
    network = build_classifier(config, classes=classes)
    network.load_state_dict(read_weights(path)[0])
    return network.eval()


def _files(
    study: Study, config: ClassifierConfig, motion: Float[Tensor, "n 2 h w"], subjects: Sequence[str], device: str
) -> dict[str, Path]:
    """Where the network of each held-out subject is kept."""
    cause = {"config": config, "clips": dataset_fingerprint(study.clips), "motion": motion, "device": device}
    key = fingerprint(code=training, seed=study.settings.seed, **cause)
    safe = safe_names(study.subjects.tolist())
    return {name: study.run.checkpoints / f"classifier-{safe[name]}-{key}.safetensors" for name in subjects}


def _train_fold(
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    labels: Int[Tensor, "n"],
    known: Bool[Tensor, "n"],
    classes: int,
    seed: int,
    device: str,
    path: Path,
) -> None:
    """Train on the known clips of one fold and keep the network; runs in any process that sees the run folder.

    Folds get the motions of all clips, which processes share, instead of a copy of most of them each.
    """
    network = train_classifier(
        config, motion[known], labels[known], classes=classes, seed=seed, device=device, progress=False
    )
    require_finite(f"classifier of the fold {path.name}", network.parameters())
    write_weights(path, network.cpu().state_dict())
