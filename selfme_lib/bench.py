"""How exact and how fast every motion method is, on a data set whose true motion is known."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.data import Clip, load_clips, load_onset_apex
from selfme_lib.diffeo import diffeomorphic_motion
from selfme_lib.flow import CLASSICAL, FlowMethod
from selfme_lib.grids import end_point_error, jacobian_determinant, resize_flow
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.synthme.truth import load_truth

BATCH = 16


def learned(learner: MotionLearner, *, bspline: bool = True) -> FlowMethod:
    """The motion learner behind the call of the classical methods, without amplification."""

    def method(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
        return diffeomorphic_motion(learner.dense_motion(onset, apex), tuple(onset.shape[-2:]), bspline=bspline)

    return method


def angular_error(flow: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b h w"]:
    """Angle in degrees between (u, v, 1) of flow and truth (Barron et al. 1994)."""
    dot = 1 + (flow * truth).sum(1)
    norms = (1 + flow.square().sum(1)) * (1 + truth.square().sum(1))
    return torch.rad2deg(torch.arccos((dot / norms.sqrt()).clamp(-1, 1)))


def errors_per_clip(
    flow: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"], action: Float[Tensor, "b 2 h w"]
) -> dict[str, Float[Tensor, "b"]]:
    """Errors of each clip.

    Args:
        flow: what a method found.
        truth: the whole true motion.
        action: the part of it that action units cause. (Flow less the true head motion has the same error.)
    """
    epe = end_point_error(flow, truth)
    return {
        "epe": epe.mean((1, 2)),
        "epe_moving": _mean_where(epe, _above_half_peak(truth)),
        "epe_action": _mean_where(epe, _above_half_peak(action)),
        "angular": angular_error(flow, truth).mean((1, 2)),
        "folding": (jacobian_determinant(flow) <= 0).float().mean((1, 2)),
    }


def _above_half_peak(flow: Float[Tensor, "b 2 h w"]) -> Bool[Tensor, "b h w"]:
    magnitude = flow.norm(dim=1)
    return magnitude >= magnitude.amax((1, 2), keepdim=True) / 2


def _mean_where(values: Float[Tensor, "b h w"], mask: Bool[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp_min(1)


def bench_motion(
    root: Path, *, size: int | None = None, checkpoint_path: Path | None = None, progress: bool = True
) -> dict:
    """Every method on every clip, onset to apex, in one run.

    Args:
        root: a folder with truth in SynthME's format.
        size: side of the frames that are compared; by default as on disk.
        checkpoint_path: of the motion learner; by default the shipped one.
        progress: show a bar on a terminal.

    Returns:
        `size`, `n_pairs`, and for each method of `methods` the means over clips of `errors_per_clip`, their 95 %
        intervals by bootstrap over identities (`…_interval`), the ratio of `epe` and `epe_moving` to TV-L1's with
        intervals, and `ms_per_pair` on one thread.
    """
    clips, truths = _clips_with_truth(root)
    size = size or truths[0].flow_backward.shape[-1]
    learner = checkpoint.load(checkpoint_path)
    methods = CLASSICAL | {"selfme": learned(learner), "selfme_raw": learned(learner, bspline=False)}
    rows, seconds = [], dict.fromkeys(methods, 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for begin in tqdm(range(0, len(clips), BATCH), desc="bench", unit="batch", disable=None if progress else True):
            chosen = slice(begin, begin + BATCH)
            onset, apex = load_onset_apex(clips[chosen], size)
            truth = torch.stack([t.flow_backward for t in truths[chosen]]).float()
            action = torch.stack([t.au_flow_backward for t in truths[chosen]]).float()
            truth, action = resize_flow(truth, (size, size)), resize_flow(action, (size, size))
            for name, method in methods.items():
                flow, elapsed = _timed(method, onset, apex)
                seconds[name] += elapsed
                errors = pd.DataFrame(
                    {key: value.numpy() for key, value in errors_per_clip(flow, truth, action).items()}
                )
                peak = truth.norm(dim=1).amax((1, 2)).numpy()
                rows.append(errors.assign(method=name, subject=[c.subject for c in clips[chosen]], peak=peak))
    finally:
        torch.set_num_threads(threads)
    table = pd.concat(rows, ignore_index=True)
    report = {name: _summary(table, name) | {"ms_per_pair": 1000 * seconds[name] / len(clips)} for name in methods}
    return {"size": size, "n_pairs": len(clips), "n_subjects": table["subject"].nunique(), "methods": report}


def _clips_with_truth(root: Path) -> tuple[list[Clip], list]:
    """Clips with onset and apex as the truth has them, whatever the layout labels."""
    clips = load_clips("synthme", root)
    truths = [load_truth(root, clip.subject, clip.name) for clip in clips]
    return [replace(clip, onset=truth.onset, apex=truth.apex) for clip, truth in zip(clips, truths)], truths


def _timed(method: Callable, onset: Tensor, apex: Tensor) -> tuple[Tensor, float]:
    begin = time.perf_counter()
    flow = method(onset, apex)
    return flow, time.perf_counter() - begin


def _summary(table: pd.DataFrame, name: str, draws: int = 2000) -> dict:
    """Means over clips, and intervals over identities that are drawn with replacement."""
    measures = ["epe", "epe_moving", "epe_action", "angular", "folding"]
    by_method = {n: table[table["method"] == n].groupby("subject")[measures].sum() for n in (name, "tvl1")}
    counts = table[table["method"] == name].groupby("subject").size().to_numpy()
    subjects = len(counts)
    drawn = np.random.default_rng(0).multinomial(subjects, np.full(subjects, 1 / subjects), size=draws)  # (n, s)
    sums, reference = drawn @ by_method[name].to_numpy(), drawn @ by_method["tvl1"].to_numpy()  # (n, measures)
    means = sums / (drawn @ counts)[:, None]
    summary: dict = {}
    for index, measure in enumerate(measures):
        summary[measure] = float(by_method[name][measure].sum() / counts.sum())
        summary[f"{measure}_interval"] = np.quantile(means[:, index], [0.025, 0.975]).tolist()
        if measure.startswith("epe"):
            summary[f"{measure}_over_tvl1"] = float(by_method[name][measure].sum() / by_method["tvl1"][measure].sum())
            ratios = sums[:, index] / reference[:, index]
            summary[f"{measure}_over_tvl1_interval"] = np.quantile(ratios, [0.025, 0.975]).tolist()
    return summary
