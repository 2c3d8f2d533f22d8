"""The networks behind a table's predictions, to be looked into: which subjects to look at, and what predicted them.

A row of a table keeps predictions, not networks: a paper's worth of them would fill a disk. The few that a chapter looks
into are trained again, which gives the same weights, and are kept.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from selfme_lib.classifier.network import ClassifierConfig, SCViT, build_classifier
from selfme_lib.classifier.training import resolve_for_device, train_classifier
from selfme_lib.data import Clip, dataset_fingerprint
from selfme_lib.evaluation.loso import fold_seed
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, code_hash, digest
from selfme_lib.runtime.processes import completed, executor

from .experiments import DEVICE, classifier_inputs
from .profiles import Profile
from .run_folder import RunFolder
from .tables import Row


def richest_subjects(clips: Sequence[Clip], count: int) -> list[str]:
    """Subjects to look at closely: those who show most classes, then most clips. No result has a say in the choice."""
    labels: dict[str, list[int]] = {}
    for clip in clips:
        labels.setdefault(clip.subject, []).append(clip.label)
    return sorted(labels, key=lambda name: (-len(set(labels[name])), -len(labels[name]), name))[:count]


def fold_classifiers(
    settings: Profile, run: RunFolder, clips: list[Clip], rows: Sequence[Row], subjects: Sequence[str]
) -> dict[tuple[str, str], SCViT]:
    """The networks behind the predictions of some folds, to be looked into: by row's name and held-out subject.

    Each is trained with the seed and the clips of its fold in `study.experiments.evaluate` (for the profile's first seed), so
    on a CPU it is the very network that predicted the subject. Kept in `run.checkpoints`.

    Raises:
        DataError: a subject without clips.
    """
    unknown = sorted(set(subjects) - {clip.subject for clip in clips})
    if unknown:
        raise DataError(f"subject {unknown[0]} has no clips; choose among those that do")
    networks, paths, classes = {}, {}, settings.data.classes
    with executor(settings.evaluation.workers, settings.evaluation.cluster) as pool:
        missing: dict[Path, tuple] = {}
        for row in rows:
            config = resolve_for_device(row.classifier(settings.classifier))
            motion = classifier_inputs(settings, run, clips, row)
            for subject, path in _files(settings, run, clips, config, motion, subjects).items():
                networks[row.name, subject], paths[row.name, subject] = build_classifier(config, classes=classes), path
                if not path.exists():
                    known = torch.tensor([clip.subject != subject for clip in clips])
                    labels = torch.tensor([clip.label for clip in clips])[known]
                    missing[path] = (config, motion[known], labels, classes, fold_seed(settings.seed, subject), path)
        trained = completed(_train_fold, missing, pool)
        for _ in tqdm(trained, total=len(missing), desc="classifiers", unit="fold", disable=None):
            pass
    for key, network in networks.items():
        network.load_state_dict(safetensors.torch.load_file(paths[key]))
        network.eval()
    return networks


def kept_classifiers(settings: Profile, run: RunFolder, clips: list[Clip], row: Row) -> dict[str, SCViT]:
    """Those networks of a row that `fold_classifiers` has left in the run folder, by held-out subject; none is trained."""
    config = resolve_for_device(row.classifier(settings.classifier))
    motion = classifier_inputs(settings, run, clips, row)
    networks = {}
    for subject, path in _files(settings, run, clips, config, motion, sorted({clip.subject for clip in clips})).items():
        if path.exists():
            networks[subject] = build_classifier(config, classes=settings.data.classes).eval()
            networks[subject].load_state_dict(safetensors.torch.load_file(path))
    return networks


def _files(
    settings: Profile,
    run: RunFolder,
    clips: list[Clip],
    config: ClassifierConfig,
    motion: Float[Tensor, "n 2 h w"],
    subjects: Sequence[str],
) -> dict[str, Path]:
    """Where the network of each held-out subject is kept: under a hash of all that determines it."""
    cause = {
        "config": asdict(config),
        "clips": [dataset_fingerprint(clips), hashlib.sha256(motion.numpy().tobytes()).hexdigest()],
        "code": code_hash("classifier", "grids.py"),
        "torch": torch.__version__,
    }
    return {
        subject: run.checkpoints
        / f"classifier-{subject}-{digest(cause | {'seed': fold_seed(settings.seed, subject)})}.safetensors"
        for subject in subjects
    }


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
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(network.cpu().state_dict(), temporary)
