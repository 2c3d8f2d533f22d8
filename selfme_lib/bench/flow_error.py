"""Errors of the motion that a method found between two frames. All lengths are in pixels."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from selfme_lib.grids import compose, end_point_error, jacobian_determinant


def angular_error(flow: Float[Tensor, "b 2 h w"], truth: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b h w"]:
    """Angle in degrees between (u, v, 1) of flow and truth (Barron et al. 1994)."""
    dot = 1 + (flow * truth).sum(1)
    norms = (1 + flow.square().sum(1)) * (1 + truth.square().sum(1))
    return torch.rad2deg(torch.arccos((dot / norms.sqrt()).clamp(-1, 1)))


def errors_per_clip(
    flow: Float[Tensor, "b 2 h w"],
    truth: Float[Tensor, "b 2 h w"],
    action: Float[Tensor, "b 2 h w"],
    *,
    moving: Float[Tensor, "b 2 h w"] | None = None,
) -> dict[str, Float[Tensor, "b"]]:
    """Errors of each clip.

    Args:
        flow: what a method found.
        truth: the whole true motion.
        action: the part of it that action units cause. (Flow less the true head motion has the same error.)
        moving: pixels with at least half the peak of this motion count as moving; by default the truth.
    """
    epe = end_point_error(flow, truth)
    return {
        "epe": epe.mean((1, 2)),
        "epe_moving": _mean_where(epe, _above_half_peak(truth if moving is None else moving)),
        "epe_action": _mean_where(epe, _above_half_peak(action)),
        "angular": angular_error(flow, truth).mean((1, 2)),
        "folding": (jacobian_determinant(flow) <= 0).float().mean((1, 2)),
    }


def inverse_inconsistency(backward: Float[Tensor, "b 2 h w"], forward: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b"]:
    r"""How far from its start a pixel ends that goes to the other frame and back, mean over the image.

    With $f$ and $g$ the maps of the motions found from onset to apex and from apex to onset, it is the mean of
    $|g(f(u)) - u|$: 0 when one is the inverse of the other. It needs no truth.
    """
    return compose(backward, forward).norm(dim=1).mean((1, 2))


def _above_half_peak(flow: Float[Tensor, "b 2 h w"]) -> Bool[Tensor, "b h w"]:
    magnitude = flow.norm(dim=1)
    return magnitude >= magnitude.amax((1, 2), keepdim=True) / 2


def _mean_where(values: Float[Tensor, "b h w"], mask: Bool[Tensor, "b h w"]) -> Float[Tensor, "b"]:
    return (values * mask).sum((1, 2)) / mask.sum((1, 2)).clamp_min(1)
