"""The run: every method on every pair, once clean and once under each nuisance."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.baselines import first_order
from selfme_lib.data import Clip
from selfme_lib.flow import CLASSICAL, FlowMethod
from selfme_lib.motion import checkpoint
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import VERSION, fingerprint
from selfme_lib.synthme.dataset import stored_config
from selfme_lib.synthme.excerpts import render_excerpts

from . import statistics
from .flow_error import errors_per_clip, inverse_inconsistency
from .nuisances import ON_FRAMES
from .pairs import Pairs, known_clips, load_excerpts, load_pairs, one_in

BATCH = 16
YAW = 15.0  # degrees
METHODS = (*CLASSICAL, "first_order", "selfme", "selfme_raw")
NUISANCES = (*ON_FRAMES, "yaw")
MEASURES = ["epe", "epe_moving", "epe_action", "angular", "folding", "inverse_consistency"]


def learned(learner: MotionLearner, *, bspline: bool = True) -> FlowMethod:
    """The motion learner behind the call of the classical methods, without amplification; frames may have any size."""

    def method(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
        return diffeomorphic_motion(learner.dense_motion(onset, apex), tuple(onset.shape[-2:]), bspline=bspline)

    return method


def bench_motion(
    root: Path | str,
    *,
    size: int | None = None,
    checkpoint_path: Path | None = None,
    methods: Sequence[str] = METHODS,
    also: Mapping[str, FlowMethod] | None = None,
    nuisances: Sequence[str] = (),
    every: int = 3,
    both_ways: bool = True,
    threads: int = 1,
    progress: bool = True,
) -> dict:
    """Every method on every clip, onset to apex, in one run.

    Args:
        root: a folder with truth in SynthME's format, see `pairs`.
        size: side of the frames that are compared; by default as on disk.
        checkpoint_path: of the motion learner; by default the shipped one. `first_order` is the shipped one always.
        methods: of `METHODS`; `tvl1` and `farneback`, which others are compared with, must be among them.
        also: further methods by name; see `learned` for a checkpoint of another training.
        nuisances: of `NUISANCES`. All but `yaw` change the frames; `yaw` renders the clips again with every head turned by
            15 degrees, once, and keeps them beside the data in `VERSION-FINGERPRINT-excerpts`.
        every: nuisances, and clean frames beside them, on one in so many clips of each subject.
        both_ways: ask each method for apex to onset, too, for `inverse_consistency`; it takes twice the time.
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
    root = Path(root)
    nuisances = list(dict.fromkeys(nuisances))
    for name in nuisances:
        if name not in NUISANCES:
            raise UsageError(f"nuisance {name!r} is not one of {', '.join(NUISANCES)}")
    for name in methods:
        if name not in METHODS:
            raise UsageError(f"method {name!r} is not one of {', '.join(METHODS)}")
    if not {"tvl1", "farneback"} <= set(methods):
        raise UsageError("tvl1 and farneback are what every method is compared with: leave them among the methods")
    for name in also or {}:
        if name in METHODS:
            raise UsageError(f"there is a method {name!r} already; give the other one another name")
    learner = checkpoint.load(checkpoint_path)
    baseline = checkpoint.load(first_order.SHIPPED)
    known = CLASSICAL | {
        "first_order": learned(baseline, bspline=False),
        "selfme": learned(learner),
        "selfme_raw": learned(learner, bspline=False),
    }
    compared = {name: known[name] for name in methods} | dict(also or {})
    clips, width = known_clips(root)
    size = size or width
    chosen = one_in(every, clips)
    turned = _turned(root, chosen, workers=threads) if "yaw" in nuisances else {}

    def under(name: str, some: Sequence[Clip]) -> Pairs:
        if name == "yaw":
            return load_excerpts(some, [turned[clip.subject, clip.name] for clip in some], size)
        return ON_FRAMES[name](load_pairs(root, some, size))

    batches, subset = list(_batches(clips)), list(_batches(chosen))
    clock: dict[str, list[float]] = {name: [] for name in compared}
    with (
        _threads(threads),
        tqdm(
            total=len(batches) + len(nuisances) * len(subset),
            desc="bench",
            unit="batch",
            disable=None if progress else True,
        ) as bar,
    ):
        _warm_up(compared, load_pairs(root, clips[:1], size))
        rows = []
        for some in batches:
            rows.append(_measure(compared, load_pairs(root, some, size), clock=clock, both_ways=both_ways))
            bar.update()
        clean = pd.concat(rows, ignore_index=True)
        disturbed = {}
        for name in nuisances:
            rows = []
            for some in subset:
                rows.append(_measure(compared, under(name, some)))
                bar.update()
            disturbed[name] = pd.concat(rows, ignore_index=True)

    summary = statistics.summarise(clean, [measure for measure in MEASURES if measure in clean])
    shares = [len(some) for some in batches]
    for name, found in summary.items():
        found["ms_per_pair"] = 1000 * sum(clock[name]) / len(clips)
        found["ms_per_pair_median"] = 1000 * float(np.median(np.array(clock[name]) / shares))
    calm = clean[clean["clip"].isin([clip.key for clip in chosen])]
    conditions = {"clean": calm, **disturbed} if nuisances else {}
    return {
        "size": size,
        "n_pairs": len(clips),
        "n_subjects": clean["subject"].nunique(),
        "threads": threads,
        "methods": summary,
        "amplitudes": statistics.by_peak(clean),
        "conditions": {
            name: {"n_pairs": len(chosen), "methods": statistics.against_clean(table, calm)}
            for name, table in conditions.items()
        },
    }


def _measure(
    methods: Mapping[str, FlowMethod], pairs: Pairs, *, clock: dict | None = None, both_ways: bool = False
) -> pd.DataFrame:
    """A row per method and clip. The methods' seconds are added to the clock."""
    tables = []
    for name, method in methods.items():
        begin = time.perf_counter()
        flow = method(pairs.onset, pairs.apex)
        elapsed = time.perf_counter() - begin
        if not flow.isfinite().all():
            raise DataError(
                f"{name}: its motion is not a number everywhere (clips {pairs.keys[0]} …); a bad checkpoint?"
            )
        errors = errors_per_clip(flow, pairs.truth, pairs.action, moving=pairs.moving)
        if clock is not None:
            clock[name].append(elapsed)
        if both_ways:
            errors["inverse_consistency"] = inverse_inconsistency(flow, method(pairs.apex, pairs.onset))
        tables.append(pd.DataFrame({key: value.double().numpy() for key, value in errors.items()}).assign(
            method=name, clip=pairs.keys, peak=pairs.truth.norm(dim=1).amax((1, 2)).numpy()
        ))  # fmt: skip
    table = pd.concat(tables, ignore_index=True)
    return table.assign(subject=table["clip"].str.split("/").str[0])


def _warm_up(methods: Mapping[str, FlowMethod], pairs: Pairs) -> None:
    """Each method once, so that nobody's first call is timed, and a method that cannot work at this size says so at once."""
    for method in reversed(methods.values()):
        method(pairs.onset, pairs.apex)


def _turned(root: Path, clips: Sequence[Clip], workers: int) -> dict[tuple[str, str], Path]:
    """The clips with every head turned, rendered beside the data unless they are there."""
    try:
        config = replace(stored_config(root), yaw=YAW)
    except DataError as error:
        raise DataError(f"{error}; leave yaw out of --nuisances ({','.join(ON_FRAMES)})") from None
    folder = root.resolve().parent / f"{VERSION}-{fingerprint(config)}-excerpts"
    return render_excerpts(folder, config, [(clip.subject, clip.name) for clip in clips], workers=workers)


def _batches(clips: Sequence[Clip]) -> Iterator[Sequence[Clip]]:
    for begin in range(0, len(clips), BATCH):
        yield clips[begin : begin + BATCH]


@contextmanager
def _threads(number: int) -> Iterator[None]:
    """PyTorch and OpenCV with the same number of threads."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(number)
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])
