"""The motion of clips from onset to apex, by any method behind one call: learned, classical, or the truth of SynthME."""

from collections.abc import Callable, Sequence
from pathlib import Path

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
from selfme_lib.runtime.device import device_of
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme.truth import load_truth

LEARNED = ("selfme", "plus", "printed")  # that of the profile, and two that come with the package
MOTION_METHODS = (*LEARNED, "tcae", *CLASSICAL, "truth")
BATCH = 16  # clips in memory at a time


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
    measure = _measure(method, learner, tcae, bspline=bspline, gamma=gamma)
    flows = []
    for begin in tqdm(range(0, len(clips), BATCH), desc=f"{method} motion", unit="batch", disable=None):
        flows.append(measure(*load_onset_apex(clips[begin : begin + BATCH], size)))
        for clip, flow in zip(clips[begin:], flows[-1]):
            if not flow.isfinite().all():
                raise DataError(f"{clip.key}: {method} finds a motion that is not finite; amplify less, or train anew")
    return torch.cat(flows)


def _measure(
    method: str, learner: Estimator | None, tcae: TCAE | None, *, bspline: bool, gamma: float
) -> Callable[[Tensor, Tensor], Tensor]:
    """What measures the motion of a batch of onsets and apexes (n, 3, s, s), on the CPU afterwards. Arguments as in `extract`."""
    if method in LEARNED:
        if learner is None:
            raise UsageError(f"motion method {method!r} needs a motion learner")
        device = device_of(learner)  # spline and exponential are computed there too

        def learned(onset: Tensor, apex: Tensor) -> Tensor:
            motion = learner.dense_motion(onset.to(device), apex.to(device))
            return diffeomorphic_motion(motion, (onset.shape[-2], onset.shape[-1]), gamma=gamma, bspline=bspline).cpu()

        return learned
    if method == "tcae":
        if tcae is None:
            raise UsageError("motion method 'tcae' needs a trained TCAE")
        return lambda onset, apex: gamma * tcae.flow(onset, apex)
    return lambda onset, apex: gamma * CLASSICAL[method](onset, apex)


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
