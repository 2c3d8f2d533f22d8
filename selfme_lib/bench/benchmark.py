"""The run: every method on every pair, once clean and once under each nuisance."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import pandas as pd
import torch
from tqdm import tqdm

from selfme_lib.baselines import first_order
from selfme_lib.flow import CLASSICAL, FlowMethod
from selfme_lib.motion import checkpoint
from selfme_lib.motion.face_prior import FacePrior
from selfme_lib.motion.forms import amplified
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.runtime.errors import DataError, UsageError

from . import statistics
from .flow_error import errors_per_clip, inverse_inconsistency
from .nuisances import ON_FRAMES
from .pairs import Known, Pairs, every_nth
from .worlds import Source, folder_source

BATCH = 16
COMPARED = (
    "zero", "tvl1", "tvl1_tuned", "farneback", "farneback_tuned", "dis", "dis_tuned", "lucas_kanade", "printed", "selfme",
)  # fmt: skip
BENCH_METHODS = (*COMPARED, "tvl1_fast", "first_order", "selfme_raw")
LARGEST_YAW = 45  # degrees
NUISANCES = (*ON_FRAMES, "yaw15", "yaw30")
MEASURES = ["epe", "epe_moving", "epe_action", "angular", "folding", "inverse_consistency"]


def learned(learner: MotionLearner | FacePrior, *, bspline: bool = True) -> FlowMethod:
    """A motion learner as a method like the classical ones, without amplification; frames may have any size."""
    motion = amplified(learner, bspline=bspline)
    return lambda onset, apex: motion(onset, apex, 1.0)


def bench_motion(
    source: Source | Path | str,
    *,
    size: int | None = None,
    checkpoint_path: Path | None = None,
    methods: Sequence[str] = COMPARED,
    also: Mapping[str, FlowMethod] | None = None,
    nuisances: Sequence[str] = (),
    every: int = 3,
    both_ways: bool = True,
    threads: int = 1,
    progress: bool = True,
) -> dict[str, Any]:
    """Every method on every clip, onset to apex, in one run.

    Args:
        source: a folder with truth in SynthME's format, see `pairs`; or a world's people, `worlds.world_source`.
        size: side of the frames of a folder that are compared; by default as on disk.
        checkpoint_path: of SelfME+; by default the shipped one. `printed` and `first_order` are always those shipped.
        methods: of `BENCH_METHODS`, among them `tvl1` and `farneback`, with which the others are compared. By default those of
            `COMPARED`: `selfme` is SelfME+, `printed` the form that the paper prints, `selfme_raw` and `first_order` are without
            B-spline and exponential, and `flow` has the others.
        also: further methods by name; see `learned` for a checkpoint of another training.
        nuisances: of `nuisances.ON_FRAMES`, or `yaw` and a number of degrees up to 45: the clips are rendered again with every
            head turned by so many, once. `yaw` alone is 15.
        every: nuisances, and the clean frames they are compared with, use every Nth clip of each subject.
        both_ways: run each method from apex to onset too, for `inverse_consistency`; it takes twice the time.
        threads: that each method may use.
        progress: show a bar on a terminal.

    Returns:
        What `bench.json` holds:

        * `size`, `n_pairs`, `n_subjects`, `threads`;
        * `methods`: for each the means over clips of `errors_per_clip` and, if `both_ways`, of `inverse_inconsistency` (as
          `inverse_consistency`), each with its 95 % interval by bootstrap over identities (`…_interval`); the ratio of each
          end-point error to TV-L1's and to Farneback's (`…_over_tvl1`, `…_over_farneback`) with intervals; and the time of
          onset to apex: `ms_per_pair`, and `ms_per_pair_median` over batches, which a hiccup of the machine does not change;
        * `amplitudes`: for each range of the truth's peak `from`, `to` (None is no limit), `n_pairs`, `methods`: `epe`,
          `epe_moving`;
        * `conditions` (empty without nuisances): `clean` and each nuisance: `n_pairs`, `methods`: `epe`, `epe_moving`,
          `epe_action` with intervals and ratios as above, and their increase over `clean` (`…_degradation`) with intervals.

    Raises:
        UsageError: an unknown nuisance or method, or a method's name given twice.
        DataError: something is wrong with the folder or a checkpoint.
    """
    also = also or {}
    nuisances = list(dict.fromkeys(nuisances))
    for name in methods:
        if name not in BENCH_METHODS:
            raise UsageError(f"method {name!r} is not one of {', '.join(BENCH_METHODS)}")
    yaws = {name: _yaw(name) for name in nuisances if name not in ON_FRAMES}
    if not {"tvl1", "farneback"} <= set(methods):
        raise UsageError("tvl1 and farneback are what every method is compared with: leave them among the methods")
    for name in also:
        if name in BENCH_METHODS:
            raise UsageError(f"there is a method {name!r} already; give the other one another name")
    learner = checkpoint.load_estimator(checkpoint_path or checkpoint.PLUS)
    known = CLASSICAL | {
        "printed": learned(checkpoint.load(checkpoint.PRINTED)),
        "first_order": learned(checkpoint.load(first_order.SHIPPED), bspline=False),
        "selfme": learned(learner),
        "selfme_raw": learned(learner, bspline=False),
    }
    compared = {name: known[name] for name in methods} | dict(also)
    if not isinstance(source, Source):
        source = folder_source(Path(source), size, workers=threads)
    clips = source.clips
    chosen = every_nth(every, clips)
    turned = {name: source.turn(chosen, yaw) for name, yaw in yaws.items()}

    def pairs_under(nuisance: str, some: Sequence[Known]) -> Pairs:
        return turned[nuisance](some) if nuisance in turned else ON_FRAMES[nuisance](source.load(some))

    total = len(clips) + len(nuisances) * len(chosen)
    bar = tqdm(total=total, desc="bench", unit="pair", disable=None if progress else True)
    with threads_of(threads), bar:
        first = source.load(clips[:1])
        for method in reversed(compared.values()):  # no first call is timed, and learners refuse a wrong size at once
            method(first.onset, first.apex)
        clean = _measure(compared, clips, source.load, bar, both_ways=both_ways)
        disturbed = {name: _measure(compared, chosen, partial(pairs_under, name), bar) for name in nuisances}

    summary = statistics.summarise(clean, [measure for measure in MEASURES if measure in clean])
    by_batch = clean.groupby(["method", "batch"])["ms"].first()
    for name, found in summary.items():
        found["ms_per_pair"] = float(clean.loc[clean["method"] == name, "ms"].mean())
        found["ms_per_pair_median"] = float(by_batch[name].median())
    calm = clean[clean["clip"].isin([clip.key for clip in chosen])]
    conditions = {"clean": calm, **disturbed} if nuisances else {}
    return {
        "size": source.size,
        "n_pairs": len(clips),
        "n_subjects": clean["subject"].nunique(),
        "threads": threads,
        "methods": summary,
        "amplitudes": statistics.by_peak(clean),
        "conditions": {
            name: {"n_pairs": len(chosen), "methods": statistics.against_clean(errors, calm)}
            for name, errors in conditions.items()
        },
    }


def _measure(
    methods: Mapping[str, FlowMethod],
    clips: Sequence[Known],
    load: Callable[[Sequence[Known]], Pairs],
    bar: tqdm,
    *,
    both_ways: bool = False,
) -> pd.DataFrame:
    """A row per method and clip: errors, subject, peak of the true motion, number of the batch, milliseconds a pair."""
    tables = []
    for batch, begin in enumerate(range(0, len(clips), BATCH)):
        pairs = load(clips[begin : begin + BATCH])
        peaks = pairs.truth.norm(dim=1).amax((1, 2)).numpy()
        subjects = [key.split("/")[0] for key in pairs.keys]
        for name, method in methods.items():
            started = time.perf_counter()
            flow = method(pairs.onset, pairs.apex)
            ms = 1000 * (time.perf_counter() - started) / len(pairs.keys)
            if not flow.isfinite().all():
                raise DataError(
                    f"{name}: its motion is not a number everywhere (clips {pairs.keys[0]} …); a bad checkpoint?"
                )
            errors = errors_per_clip(flow, pairs.truth, pairs.action, moving=pairs.moving)
            if both_ways:
                errors["inverse_consistency"] = inverse_inconsistency(flow, method(pairs.apex, pairs.onset))
            table = pd.DataFrame({key: value.double().numpy() for key, value in errors.items()})
            tables.append(table.assign(method=name, clip=pairs.keys, subject=subjects, peak=peaks, batch=batch, ms=ms))
        bar.update(len(pairs.keys))
    return pd.concat(tables, ignore_index=True)


def _yaw(nuisance: str) -> float:
    """Degrees of `yaw`, `yaw15`, …"""
    degrees = nuisance.removeprefix("yaw") or "15"
    if nuisance.startswith("yaw") and degrees.isdecimal() and 0 < int(degrees) <= LARGEST_YAW:
        return float(degrees)
    known = ", ".join(ON_FRAMES)
    raise UsageError(f"nuisance {nuisance!r} is not one of {known}, or yaw1 to yaw{LARGEST_YAW} (degrees)")


@contextmanager
def threads_of(number: int) -> Iterator[None]:
    """PyTorch and OpenCV with the same number of threads."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(number)
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
