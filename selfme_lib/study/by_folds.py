"""Motion that is learned anew for each fold, from the data set's frames without those of the held-out subject.

The functions take a `Study`. Outside a fold, a clip's motion is the one that its own fold measures: by a learner that has not
seen its subject.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from selfme_lib.data import Clip

from .rows import Row


def learned_by_folds(study: Any) -> bool:
    """Whether each fold has a motion learner of its own."""
    return bool(study.settings.motion.steps) and study.settings.motion.frames == "folds"


def of_fold(study: Any, subject: str) -> Any:
    """The study as the fold of a held-out subject sees it."""
    if not learned_by_folds(study):
        return study
    other = replace(study, held_out=subject)
    other.__dict__["clips"] = study.clips  # not read again
    return other


def seen_clips(study: Any) -> list[Clip]:
    """Whose frames the motion learner sees, if it sees the data set's; outside a fold, those of the first fold."""
    if not learned_by_folds(study):
        return study.clips
    held_out = study.held_out or min(study.subjects.tolist())
    return [clip for clip in study.clips if clip.subject != held_out]


def out_of_fold(study: Any, measure: Callable[[Any], Tensor]) -> Tensor:
    """`measure(study)` for each clip as its own fold sees it."""
    people = study.subjects.tolist()
    folds = {subject: measure(of_fold(study, subject)) for subject in sorted(set(people))}
    return torch.stack([folds[subject][place] for place, subject in enumerate(people)])


def fold_inputs(study: Any, row: Row) -> Tensor | dict[str, Tensor]:
    """`study.inputs(row)` as the folds see them: by held-out subject, if the motion is learned anew for each."""
    if row.motion != "selfme" or not learned_by_folds(study):
        return study.inputs(row)
    return {subject: of_fold(study, subject).inputs(row) for subject in sorted(set(study.subjects.tolist()))}
