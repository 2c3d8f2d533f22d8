"""The motion of clips from onset to apex, by any method behind one call: learned, classical, or the truth of SynthME."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from selfme_lib.baselines.tcae import TCAE
from selfme_lib.data import Clip, load_onset_apex
from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import resize_flow
from selfme_lib.motion.checkpoint import Estimator
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.runtime.device import device_of, one_thread
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.processes import run_tasks, worker_pool
from selfme_lib.synthme.truth import load_truth

LEARNED = ("selfme", "plus", "printed")  # that of the profile, and two that come with the package
MOTION_METHODS = (*LEARNED, "tcae", *CLASSICAL, "truth")
BATCH = 16  # clips in memory at a time
SHARE = 2 * BATCH  # that a worker measures at once
PATIENCE = 3.0  # seconds that are not worth starting workers


def extract(
    method: str,
    clips: Sequence[Clip],
    *,
    size: int,
    learner: Estimator | None = None,
    tcae: TCAE | None = None,
    bspline: bool = True,
    gamma: float = 1.0,
    root: Path | None = None,
    workers: int = 1,
) -> Float[Tensor, "n 2 s s"]:
    """Backward flow from onset to apex of every clip, in pixels of frames of `size`.

    Args:
        method: one of `MOTION_METHODS`.
        clips: each with an apex.
        size: side of the square frames on which motion is measured.
        learner: for one of `LEARNED`; in `eval` mode, on the device to compute on.
        tcae: for `tcae`, likewise.
        bspline: for a learned motion: expansion by B-spline and exponential (Eq 9), else bilinear.
        gamma: amplification; for a learned motion before spline and exponential, for others a factor.
        root: for `truth`: the SynthME folder.
        workers: as in `measure`.

    Raises:
        UsageError: there is no such method, or it lacks its argument.
        DataError: a frame cannot be read, a clip has no truth, or its motion is not finite.
    """
    if method not in MOTION_METHODS:
        raise UsageError(f"motion method {method!r} is not one of {', '.join(MOTION_METHODS)}")
    if method == "truth":
        if root is None:
            raise UsageError("motion method 'truth' needs the folder of the SynthME data set")
        return gamma * torch.cat([true_motion(clip, root, size) for clip in clips])
    measured = measure(method, clips, size=size, learner=learner, tcae=tcae, workers=workers)
    if learner is not None:
        return expand(measured, clips, size=size, gamma=gamma, bspline=bspline, device=device_of(learner))
    return _finite(gamma * measured, clips, method)


def measure(
    method: str,
    clips: Sequence[Clip],
    *,
    size: int,
    learner: Estimator | None = None,
    tcae: TCAE | None = None,
    workers: int = 1,
) -> Float[Tensor, "n 2 m m"]:
    r"""What a method finds between two frames: a flow at their size; one of `LEARNED` $\tilde\Phi$, in pixels of its own lattice.

    Args:
        workers: processes that share what takes more than `PATIENCE`; the motion is the same to the last bit.
        The others are as in `extract`, which raises the same errors.
    """
    if method in LEARNED and learner is None:
        raise UsageError(f"motion method {method!r} needs a motion learner")
    if method == "tcae" and tcae is None:
        raise UsageError("motion method 'tcae' needs a trained TCAE")
    how = (method, size, learner, tcae)
    with tqdm(total=len(clips), desc=f"{method} motion", unit="clip", disable=None) as bar:
        begun = time.perf_counter()
        flows = {0: _of_clips(clips[:BATCH], *how)}
        bar.update(len(flows[0]))
        left = (len(clips) / BATCH - 1) * (time.perf_counter() - begun)
        tasks = {start: (clips[start : start + SHARE], *how) for start in range(BATCH, len(clips), SHARE)}
        with worker_pool(workers if left > PATIENCE else 1) as pool:
            for start, found in run_tasks(_of_clips, tasks, pool):
                flows[start] = found
                bar.update(len(found))
    return _finite(torch.from_numpy(np.concatenate([flows[start] for start in sorted(flows)])), clips, method)


@one_thread()  # several, beside other work, wait for one another
def _of_clips(
    clips: Sequence[Clip], method: str, size: int, learner: Estimator | None, tcae: TCAE | None
) -> Float[np.ndarray, "n 2 m m"]:
    """`measure` of some clips, in any process."""
    flow_of: Callable[[Tensor, Tensor], Tensor]  # of a batch of onsets and apexes, (n, 3, s, s) each
    if learner is not None:
        device = device_of(learner)
        flow_of = lambda onset, apex: learner.dense_motion(onset.to(device), apex.to(device)).cpu()  # noqa: E731
    else:
        flow_of = CLASSICAL[method] if tcae is None else tcae.flow
    parts = [clips[start : start + BATCH] for start in range(0, len(clips), BATCH)]
    return torch.cat([flow_of(*load_onset_apex(part, size)) for part in parts]).numpy()


@one_thread()
def expand(
    dense: Float[Tensor, "n 2 m m"],
    clips: Sequence[Clip],
    *,
    size: int,
    gamma: float = 1.0,
    bspline: bool = True,
    device: str | torch.device = "cpu",
) -> Float[Tensor, "n 2 s s"]:
    """A learned motion at the size of the frames, in their pixels, on the CPU: by B-spline and exponential (Eq 9), or bilinear.

    Args:
        dense: what `measure` finds, before amplification by `gamma`.
        device: to compute on.

    Raises:
        DataError: a motion is not finite.
    """
    motion = [
        diffeomorphic_motion(part.to(device), (size, size), gamma=gamma, bspline=bspline).cpu()
        for part in dense.split(BATCH)
    ]
    return _finite(torch.cat(motion), clips, "the learned motion")


def _finite(motion: Float[Tensor, "n 2 h w"], clips: Sequence[Clip], method: str) -> Float[Tensor, "n 2 h w"]:
    for clip, flow in zip(clips, motion):
        if not flow.isfinite().all():
            raise DataError(f"{clip.key}: {method} finds a motion that is not finite; amplify less, or train anew")
    return motion


def true_motion(clip: Clip, root: Path, size: int) -> Float[Tensor, "1 2 s s"]:
    """The exact backward flow of a clip of SynthME.

    Raises:
        DataError: the clip has no truth, or its apex was chosen by a rule that does not give the true one.
    """
    truth = load_truth(root, clip.subject, clip.name)
    if clip.apex != truth.apex:
        raise DataError(
            f"{clip.key}: the true motion ends at frame {truth.apex}, not {clip.apex}; use the labelled apex"
        )
    return resize_flow(truth.flow_backward[None].float(), (size, size))
