"""Who is held out: `loso` leaves one subject out, `lodo` one data set of the composite, and `fresh` tests on people of their own.

Each gives the clips of an experiment: what a row's folds see of them, whose they are, and which people each fold predicts. The
functions take a `Study`.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from selfme_lib.baselines import rivals
from selfme_lib.classifier.frozen import fit_predict_heads
from selfme_lib.classifier.training import fit_predict, fit_predict_every_epoch, resolve_for_device
from selfme_lib.evaluation.loso import Experiment
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.processes import ask, local_device

from .by_folds import fold_inputs, learned_by_folds
from .frozen_rows import reading_of
from .results import Protocol
from .rows import Row

FIRST_FRESH = 200  # people 0 to 199 were in earlier tables, and methods have changed since: they are fresh no longer


def experiments(
    study: Any, row: Row, protocol: Protocol, *, pool: Executor | None, every_epoch: bool = False
) -> list[Experiment]:
    """See `Study.experiments`.

    Raises:
        UsageError: what is not trained as a whole is to predict after every epoch, or see `fold_clips`.
    """
    settings = study.settings
    reading = reading_of(row, settings.classifier)
    config: Any
    predict: Callable[..., Tensor]
    if reading is not None and every_epoch:
        raise UsageError(
            "evaluation.leaks: epoch needs a network that is trained as a whole; set classifier.trained to all"
        )
    if reading is not None:
        config, predict = reading.config, reading.fit_predict
    elif row.rival is None:  # resolved once: all folds start alike
        config = ask(pool, resolve_for_device, row.classifier(settings.classifier), ask(pool, local_device))
        predict = fit_predict_every_epoch if every_epoch else fit_predict
    else:
        config, predict = ask(pool, rivals.with_available_weights, row.rival), rivals.fit_predict
    common = vars(fold_clips(study, row, protocol))
    common |= {"config": config, "fit_predict": predict, "classes": settings.data.classes}
    common["curves"] = predict in (fit_predict, fit_predict_heads)
    seeds = settings.evaluation.seeds
    if reading is not None:  # one solution, or all trainings at once
        return [Experiment(seed=settings.seed, at_once=seeds if reading.seeded else None, **common)]
    return [Experiment(seed=settings.seed + number, **common) for number in range(seeds)]


@dataclass(frozen=True, eq=False)
class FoldClips:
    """The fields of `evaluation.loso.Experiment` of the same names."""

    motion: Tensor | Mapping[str, Tensor]
    labels: Sequence[int]
    subjects: Sequence[str]
    clips: Sequence[str]
    held_out: Mapping[str, Sequence[str]] | None = None
    tested: Tensor | Mapping[str, Tensor] | None = None


def fold_clips(study: Any, row: Row, protocol: Protocol) -> FoldClips:
    """The clips of a row under a protocol.

    Raises:
        UsageError: the study's data or the row cannot have it.
    """
    if protocol == "fresh":
        return _with_fresh(study, row)
    held_out = _by_data_set(study) if protocol == "lodo" else None
    seen, tested = row.as_trained, None
    if protocol == "lodo" and learned_by_folds(study):
        raise UsageError("protocol lodo: motion.frames is folds, of one subject each; set it to rendered")
    if seen != row:
        tested = fold_inputs(study, row)
    names = [clip.name for clip in study.clips]
    return FoldClips(fold_inputs(study, seen), study.labels.tolist(), study.subjects.tolist(), names, held_out, tested)


def _by_data_set(study: Any) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for clip in study.clips:
        found.setdefault(clip.dataset, set()).add(clip.subject)
    if len(found) < 2:
        raise UsageError(f"protocol lodo: {', '.join(found)} is one data set; only the composite has several")
    return {name: sorted(people) for name, people in found.items()}


def _with_fresh(study: Any, row: Row) -> FoldClips:
    """This study's clips, to train on, and behind them those of the fresh people, in one fold."""
    if row.rival is not None and row.rival.sees == "clip":
        raise UsageError(f"protocol fresh: {row.name} looks at whole clips, of which fresh people have two frames")
    if learned_by_folds(study):
        raise UsageError("protocol fresh: motion.frames is folds, and there is one fold; set it to rendered")
    fresh = study.fresh  # refused before anything is read
    others = [f"fresh-{clip.subject}" for clip in fresh.clips]
    return FoldClips(
        motion=torch.cat([study.inputs(row.as_trained), fresh.inputs(row)]),
        labels=[*study.labels.tolist(), *fresh.labels.tolist()],
        subjects=[*study.subjects.tolist(), *others],
        clips=[clip.name for clip in (*study.clips, *fresh.clips)],
        held_out={"fresh": sorted(set(others))},
    )
