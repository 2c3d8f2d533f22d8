"""The best settings of the classical methods, chosen on *choice* people of SynthME-2: `selfme bench tune`.

One setting after another takes the best of the values in its list, until none changes any more. What has been measured is kept,
so a search that was interrupted goes on where it stopped.

The score is the geometric mean of two end-point errors, over the whole image and where the face moves. Rivals are compared by
ratios of either, and the second is up to twice as large: in a sum it would decide nearly alone, and a method could buy it with
false motion of the wall.
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from selfme_lib.flow import FlowMethod, Settings, dis, farneback, lucas_kanade, tvl1
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import read_record, write_record
from selfme_lib.synthme import SYNTHME_2, SynthConfig
from selfme_lib.synthme import fingerprint as data_fingerprint

from .benchmark import BATCH, threads_of
from .flow_error import errors_per_clip
from .worlds import world_source

WORST = 1e4  # px; of a motion that is no number


@dataclass(frozen=True)
class Space:
    """Where to search: `method(**settings)`, the settings to begin with, and the values that each may take, in order."""

    method: Callable[..., FlowMethod]
    start: Mapping[str, Any]
    values: Mapping[str, Sequence[Any]]


SPACES: dict[str, Space] = {
    "tvl1": Space(
        tvl1,
        {"lambda_": 0.15, "theta": 0.3, "tau": 0.25, "medianFiltering": 5, "warps": 5, "nscales": 5, "scaleStep": 0.8,
         "outerIterations": 10, "epsilon": 0.01},
        {
            "lambda_": (0.02, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0),
            "theta": (0.1, 0.2, 0.3, 0.45, 0.7, 1.0),
            "medianFiltering": (1, 3, 5),
            "tau": (0.12, 0.18, 0.25),
            "nscales": (1, 2, 3, 5),
            "scaleStep": (0.5, 0.8),
            "warps": (2, 5, 10),
            "outerIterations": (5, 10, 20),
            "epsilon": (0.003, 0.01, 0.03),
        },
    ),
    "farneback": Space(
        farneback,
        {"winSize": 15, "polyN": 5, "polySigma": 1.2, "numLevels": 3, "pyrScale": 0.5, "numIters": 3, "flags": 0},
        {
            "winSize": (7, 9, 11, 13, 15, 17, 19, 23, 27, 33),
            "flags": (0, 256),  # a box as the window, or a Gaussian
            "polySigma": (0.6, 0.8, 1.0, 1.2, 1.5, 1.8, 2.2),
            "polyN": (5, 7, 9),
            "numLevels": (1, 2, 3, 4),
            "pyrScale": (0.5, 0.7),
            "numIters": (1, 2, 3, 5, 8),
        },
    ),
    "dis": Space(
        dis,
        {"FinestScale": 1, "PatchSize": 8, "PatchStride": 3, "GradientDescentIterations": 25,
         "VariationalRefinementIterations": 5, "VariationalRefinementAlpha": 20.0, "VariationalRefinementDelta": 5.0,
         "VariationalRefinementGamma": 10.0},
        {
            "FinestScale": (0, 1, 2),
            "VariationalRefinementIterations": (0, 2, 5, 10, 20, 40),
            "VariationalRefinementAlpha": (2.0, 5.0, 10.0, 20.0, 40.0, 80.0),
            "VariationalRefinementDelta": (1.0, 2.5, 5.0, 10.0, 20.0),
            "VariationalRefinementGamma": (2.5, 5.0, 10.0, 20.0, 40.0),
            "PatchSize": (6, 8, 10, 12, 16, 20, 24),
            "PatchStride": (1, 2, 3, 4, 5, 6, 8),
            "GradientDescentIterations": (12, 25, 50),
        },
    ),
    "lucas_kanade": Space(
        lucas_kanade,
        {"window": 3.0, "ridge": 0.01, "coarsest": 64, "warps": 3, "contrast": (2.0, 5.0), "presmoothing": 0.7,
         "smoothing": 2.0},
        {
            "window": (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0),
            "ridge": (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1),
            "smoothing": (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
            "presmoothing": (0.4, 0.55, 0.7, 0.85, 1.0, 1.2),
            "coarsest": (16, 32, 64, 128),
            "warps": (1, 2, 3, 4, 5, 6),
            "contrast": ((2.0,), (2.0, 5.0), (3.0,), (3.0, 8.0), (5.0,)),
        },
    ),
}  # fmt: skip


def tune(
    out: Path | str,
    *,
    methods: Sequence[str] = tuple(SPACES),
    size: int = 128,
    subjects: int = 24,
    clips: int = 2,
    workers: int | None = None,
) -> pd.DataFrame:
    """Search the best settings of each method.

    Args:
        out: a folder for the rendered pairs and for what has been measured.
        methods: of `SPACES`.
        size: of the frames in pixels; subjects, clips: how many choice people, and pairs of each.
        workers: processes that render; by default one per core. Methods run on one thread.

    Returns:
        A row for each settings tried: `method`, `settings` (as JSON), `epe`, `epe_moving` (means over people, px), `score`,
        `ms_per_pair` (of processor time), `step`: 0 where the search began, 1, 2, … for each improvement, NA for what was tried
        in vain.

    Raises:
        UsageError: an unknown method.
    """
    for name in methods:
        if name not in SPACES:
            raise UsageError(f"method {name!r} is not one of {', '.join(SPACES)}")
    config = SynthConfig(
        subjects=subjects, clips=clips, size=size, population="choice", world="home", difficulty=SYNTHME_2
    )
    score = _Score(Path(out), config, workers)
    rows = []
    with threads_of(1):
        for name in methods:
            steps = [json.dumps(found) for found in search(SPACES[name], partial(score, name))]
            for settings, found in score.measured[name].items():
                step = steps.index(settings) if settings in steps else None
                rows.append({"method": name, "settings": settings, **found, "step": step})
    return pd.DataFrame(rows).astype({"step": "Int64"})


def search(space: Space, score: Callable[[Settings], float]) -> Iterator[Settings]:
    """The settings that a search goes through, each better than those before it; the first is `space.start`."""
    best = dict(space.start)
    least = score(best)
    yield best
    moved = True
    while moved:
        moved = False
        for name, values in space.values.items():
            tried = [{**best, name: value} for value in values]
            scores = [score(settings) for settings in tried]
            if min(scores) < least:
                least, moved = min(scores), True
                best = tried[scores.index(least)]
                yield best


class _Score:
    """The errors of settings on rendered pairs; each settings is measured once, and kept."""

    def __init__(self, out: Path, config: SynthConfig, workers: int | None):
        out.mkdir(parents=True, exist_ok=True)
        source = world_source("home", config, workers, cache=out)
        pairs = source.load(source.clips)
        self.subjects = [clip.subject for clip in source.clips]
        self.frames, self.truth, self.action = (pairs.onset, pairs.apex), pairs.truth, pairs.action
        data = data_fingerprint(config)
        self.path = out / f"tuning-{fingerprint(code='selfme_lib.bench.tuning', data=data)}.json"
        self.measured: dict[str, dict[str, dict[str, float]]] = read_record(self.path) or {}

    def __call__(self, name: str, settings: Settings) -> float:
        key, kept = json.dumps(settings), self.measured.setdefault(name, {})
        if key not in kept:
            kept[key] = self._measure(SPACES[name].method(**settings))
            write_record(self.path, self.measured)
        return kept[key]["score"]

    def _measure(self, method: FlowMethod) -> dict[str, float]:
        begin = time.process_time()
        flows = [method(onset, apex) for onset, apex in zip(*(part.split(BATCH) for part in self.frames))]
        ms = 1000 * (time.process_time() - begin) / len(self.truth)
        flow = torch.cat(flows).nan_to_num(nan=WORST, posinf=WORST, neginf=-WORST)
        errors = errors_per_clip(flow, self.truth, self.action)
        by_clip = pd.DataFrame({name: errors[name].double().numpy() for name in ("epe", "epe_moving")})
        epe, moving = by_clip.groupby(self.subjects).mean().mean()  # of people, each with all pairs
        return {"epe": epe, "epe_moving": moving, "score": math.sqrt(epe * moving), "ms_per_pair": ms}
