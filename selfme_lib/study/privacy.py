"""Whose clips a model was trained on, told from the model: `evaluation.membership` on a classifier and on a motion learner.

Half of a study's people are members, the other half strangers, drawn from the same population, so nothing but the training tells
them apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.classifier.checkpoint import FORM
from selfme_lib.evaluation.loso import run_experiments
from selfme_lib.evaluation.membership import cross_entropy, told_apart
from selfme_lib.grids import resize_flow, warp
from selfme_lib.motion.checkpoint import Estimator
from selfme_lib.motion.forms import amplified
from selfme_lib.motion.pairs import FramePairs

from .classifier_pretraining import SCVIT
from .rows import Row

BATCH = 16


def with_pretrained_classifier(study: Any) -> Any:
    """The same study with the classifier in the form whose pre-trained weights come with the package."""
    form = {name: getattr(SCVIT, name) for name in FORM}
    return study.changed(classifier=form)


def classifier_membership(study: Any, row: Row) -> dict[str, float]:
    """How well a classifier trained on every other person of a study tells them from the rest, and how well it recognises these.

    Args:
        study: of at least four people.
        row: whose classifier; every seed of the study is a training.

    Returns:
        `auc`, `low`, `high` (over people, the mean loss over the seeds), `members` and `strangers` (accuracy on their clips).
    """
    people = sorted(set(study.subjects.tolist()))
    inside = people[::2]
    losses, right = [], []
    experiments = [_seen_and_unseen(one, inside) for one in study.experiments(row)]
    for table in run_experiments(experiments, store=study.run.folds, title="members"):
        columns = [f"p{label}" for label in range(len(study.classes))]
        losses.append(cross_entropy(table[columns].to_numpy(), table["label"].to_numpy()))
        right.append((table["label"] == table["prediction"]).to_numpy())
    subjects = table["subject"].to_numpy()
    member = np.array([name.startswith(_COPY) for name in subjects])
    loss, hit = np.mean(losses, axis=0), np.mean(right, axis=0)
    return told_apart(loss, subjects, member, shown=hit)


_COPY = "seen-"


def _seen_and_unseen(experiment: Any, inside: Sequence[str]) -> Any:
    """Train on the people `inside`; predict them once more, as copies, and everybody else."""
    subjects = np.array(experiment.subjects)
    member = np.isin(subjects, inside)
    rows = np.concatenate([np.arange(len(subjects)), np.flatnonzero(member)])
    names = [*subjects, *(f"{_COPY}{name}" for name in subjects[member])]
    held_out = {"members": sorted({*subjects[~member], *names[len(subjects) :]})}
    motion = experiment.motion[torch.from_numpy(rows)]
    labels, clips = np.array(experiment.labels)[rows].tolist(), np.array(experiment.clips)[rows].tolist()
    return replace(experiment, motion=motion, labels=labels, subjects=names, clips=clips, held_out=held_out)


def left_over(estimator: Estimator, pairs: FramePairs, *, seed: int = 0) -> Float[np.ndarray, "n"]:
    """Of each sequence, the share of the difference between two frames that the motion found does not explain."""
    motion, found = amplified(estimator), []
    for begin in range(0, len(pairs), BATCH):
        sequences = np.arange(begin, min(begin + BATCH, len(pairs)))
        source, target = pairs.at(sequences, np.random.default_rng((seed, begin)))
        found.append(_residual(source, target, motion(source, target, 1.0)))
    return torch.cat(found).double().numpy()


def _residual(
    source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], flow: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b"]:
    height, width = source.shape[-2:]
    after = (warp(source, resize_flow(flow, (height, width))) - target).abs().mean((1, 2, 3))
    return after / (source - target).abs().mean((1, 2, 3)).clamp_min(1e-6)


def estimator_membership(
    estimator: Estimator, members: FramePairs, strangers: FramePairs, *, pairs_per_person: int
) -> dict[str, float]:
    """The same of a motion learner, whose loss is what its motion leaves unexplained; pairs of one person lie together."""
    losses = [left_over(estimator, some) for some in (members, strangers)]
    people = np.concatenate([np.arange(len(loss)) // pairs_per_person for loss in losses])
    member = np.repeat([True, False], [len(loss) for loss in losses])
    return told_apart(np.concatenate(losses), people, member)


def membership_table(found: dict[str, dict[str, float]]) -> pd.DataFrame:
    """A row a model."""
    return pd.DataFrame(
        [
            {"model": name, "AUC [95 %]": f"{one['auc']:.3f} [{one['low']:.3f}, {one['high']:.3f}]"}
            | {key: one[key] for key in ("members", "strangers")}
            for name, one in found.items()
        ]
    )
