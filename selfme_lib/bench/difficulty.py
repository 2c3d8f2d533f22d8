"""How hard SynthME is: whether a linear classifier reads the class from a motion, and what each nuisance costs classical flow.

`difficulty.SYNTHME_2` was chosen with it, on choice people, from the true motion and classical flow alone: the yardstick had to
reach a UF1 above .93 on the truth and one between .65 and .80 on TV-L1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Shaped
from sklearn.preprocessing import LabelEncoder
from torch import Tensor
from tqdm import tqdm

from selfme_lib.classifier.linear import LinearConfig, cell_means, fit_predict_features
from selfme_lib.classifier.symmetry import flip_motion
from selfme_lib.evaluation.intervals import interval, resample_folds
from selfme_lib.evaluation.metrics import confusion_matrix, uf1
from selfme_lib.flow import CLASSICAL
from selfme_lib.synthme import SYNTHME_2, Difficulty, SynthConfig
from selfme_lib.synthme.dataset import excerpt_arrays, to_excerpt
from selfme_lib.synthme.plan import plan_clips
from selfme_lib.synthme.studio import renderer_of

from .flow_error import errors_per_clip
from .pairs import Pairs, excerpt_pairs
from .statistics import against_clean
from .worlds import pairs_of, rendered

METHODS = ("tvl1", "farneback", "lucas_kanade")
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the regularisation, inverse
BATCH = 16
ON_EVERY = 3  # nuisances are taken away on every third clip of each person
OFF: dict[str, dict[str, Any]] = {
    "head drift": {"head_turn": 0.0, "head_shift": 0.0},
    "registration": {"registration": 0.0},
    "exposure": {"exposure": 0.0},
    "furrows": {"furrows": 0.0},
    "lamps": {"lamp_sway": 0.0},
    "light": {"flicker": 0.0, "light_drift": 0.0},
    "noise": {"noise": 0.0},
    "JPEG": {"jpeg_quality": (100, 100)},
    "glasses": {"glasses": 0.0},
    "beards": {"beards": 0.0},
    "blinks and glances": {"blink_depth": (0.0, 0.0), "glance": 0.0},
    "other movements": {"spillover": 0.0, "distractor_peak": (1e-6, 1e-6)},  # nothing, and the rest of the clip stays
    "uneven sides": {"side_noise": 0.0, "side_timing": 0.0},
    "range of units": {"unit_range": 0.0},
    "coded frames": {"label_jitter": 0.0},
}
"""Nuisance -> the settings without it, which change nothing else in a clip."""


def bench_difficulty(
    *,
    people: int = 24,
    clips: int = 12,
    size: int = 128,
    difficulty: Difficulty = SYNTHME_2,
    nuisances: Sequence[str] = tuple(OFF),
    workers: int | None = None,
    folder: Path | None = None,
) -> dict[str, Any]:
    """Measure on choice people of world home, who are rendered once under the project's `data` folder and kept.

    Args:
        difficulty: what is measured.
        nuisances: some of `OFF`, each of which is taken away from every third clip, everything else staying as it is.
        folder: where to render instead.

    Returns:
        `people`, `clips`, `size`; `linear`: motion -> `uf1`, `uf1_interval` (95 %, over people), `strength`, leaving one person
        out; `head_drift`: quantiles over clips of how far the head moves between onset and apex, in pixels of a 256-px frame;
        `nuisances`: name -> `off`, and for each method what `statistics.against_clean` says of the frames as they are, beside
        those without the nuisance: `epe_degradation` is what it adds.
    """
    config = SynthConfig(people, clips, size, population="choice", world="home", difficulty=difficulty)
    total = people * clips + (1 + len(nuisances)) * len(range(0, people * clips, ON_EVERY))
    with tqdm(total=total, desc="difficulty", unit="pair", disable=None) as bar:
        whole = _Clips(config, folder, workers)
        motions = {"truth": whole.truth} | {name: whole.motion(name, bar) for name in METHODS}
        linear = {name: linear_score(motion, whole.labels, whole.subjects) for name, motion in motions.items()}
        few = replace(config, clips=-(-clips // ON_EVERY))
        with_all = _Clips(few, folder, workers).errors(bar)
        added = {}
        for name in nuisances:
            without = replace(few, difficulty=replace(difficulty, **OFF[name]))
            found = against_clean(with_all, _Clips(without, folder, workers).errors(bar))
            added[name] = {"off": OFF[name], "methods": found}
    return {
        "people": people,
        "clips": clips,
        "size": size,
        "linear": linear,
        "head_drift": whole.head_drift(),
        "nuisances": added,
    }


def on_and_off(
    person: int,
    clip: int,
    *,
    size: int = 128,
    difficulty: Difficulty = SYNTHME_2,
    nuisances: Sequence[str] = tuple(OFF),
) -> dict[str, Pairs]:
    """One of twelve clips of a choice person of world home: with `everything`, and then without each nuisance under its name."""
    shown: dict[str, dict[str, Any]] = {"everything": {}} | {name: OFF[name] for name in nuisances}
    pairs = {}
    for name, off in shown.items():
        less = replace(difficulty, **off)
        config = SynthConfig(1, 12, size, first_identity=person, population="choice", world="home", difficulty=less)
        planned = plan_clips(config)[clip]
        excerpt = to_excerpt(excerpt_arrays(config, renderer_of(planned.person, size), planned))
        pairs[name] = excerpt_pairs([name], [excerpt], size)
    return pairs


def linear_score(
    motion: Float[Tensor, "n 2 h w"],
    labels: Shaped[np.ndarray, "n"],
    subjects: Shaped[np.ndarray, "n"],
    strengths: Sequence[float] = STRENGTHS,
) -> dict[str, Any]:
    """UF1 of the linear yardstick (`classifier.linear`), leaving one subject out, at the best of `strengths`."""
    classes = LabelEncoder().fit(labels)
    wanted = torch.from_numpy(classes.transform(labels))
    features, mirrored = cell_means(motion), cell_means(flip_motion(motion))
    people, count = np.unique(subjects), len(classes.classes_)
    best: dict[str, Any] = {"uf1": -1.0}
    for strength in strengths:
        folds = []
        for person in people:
            held_out = torch.from_numpy(subjects == person)
            views = (features[~held_out], mirrored[~held_out])
            found = fit_predict_features(
                LinearConfig(c=strength), views, wanted[~held_out], features[held_out], classes=count
            )
            folds.append(confusion_matrix(wanted[held_out].numpy(), found.argmax(1).numpy(), classes=count))
        draws = resample_folds(np.stack(folds), uf1)
        if draws[0] > best["uf1"]:
            best = {"uf1": float(draws[0]), "uf1_interval": list(interval(draws, len(people))), "strength": strength}
    return best


class _Clips:
    """The clips of a configuration, rendered if need be."""

    def __init__(self, config: SynthConfig, folder: Path | None, workers: int | None):
        self.pairs = rendered(config, workers, cache=folder)
        self.truth = torch.from_numpy(self.pairs.flow_backward)
        self.labels, self.subjects = (self.pairs.table[name].to_numpy() for name in ("label", "subject"))

    def motion(self, method: str, bar: tqdm) -> Float[Tensor, "n 2 h w"]:
        found = []
        for start in range(0, len(self.truth), BATCH):
            pairs = pairs_of(self.pairs, range(start, min(start + BATCH, len(self.truth))))
            found.append(CLASSICAL[method](pairs.onset, pairs.apex))
            bar.update(len(pairs.keys) / len(METHODS))
        return torch.cat(found)

    def errors(self, bar: tqdm) -> pd.DataFrame:
        """A row per method and clip, as `statistics` reads them."""
        action = torch.from_numpy(self.pairs.au_flow_backward.astype(np.float32))
        keys = self.pairs.table["subject"] + "/" + self.pairs.table["clip"]
        tables = []
        for method in METHODS:
            errors = errors_per_clip(self.motion(method, bar), self.truth, action)
            table = pd.DataFrame({name: error.double().numpy() for name, error in errors.items()})
            tables.append(table.assign(method=method, clip=keys.to_numpy(), subject=self.subjects))
        return pd.concat(tables, ignore_index=True)

    def head_drift(self) -> Mapping[str, float]:
        length = np.linalg.norm(self.pairs.head_flow_backward.astype(np.float32), axis=1) * 256 / self.truth.shape[-1]
        seen = self.pairs.surface
        drift = (length * seen).sum((1, 2)) / seen.sum((1, 2))
        return {f"{share:.0%}": float(np.quantile(drift, share)) for share in (0.05, 0.25, 0.5, 0.75, 0.95)}
