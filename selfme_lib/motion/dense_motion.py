r"""From keypoints to a dense motion field (Eq 2 to 5).

Notation: $z_s^k, z_t^k$ are keypoints of source and target; $U$ is a lattice of a quarter of the image size. Flows are
backward: a point of the target at $u$ lies in the source at $u + \tilde\Phi(u)$.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import Flow, Images, Points, constant, resize_image, translate

from .hourglass import Hourglass
from .lucas_kanade import WINDOWS, matching_errors, matching_forms
from .settings import LearnerConfig


def local_motions(source: Points, target: Points, gamma: float = 1.0) -> Points:
    r"""Displacements of corresponding keypoints (Eq 2): $\Phi^k(u) = \gamma\,(z_s^k - z_t^k)$, the same for every $u \in U$.

    In normalised units: half the lattice's extent is 1.
    """
    return gamma * (source - target)


def gaussian_heatmaps(keypoints: Points, size: tuple[int, int], variance: float) -> Float[Tensor, "b k h w"]:
    r"""$H^k(u) = \exp(-(u - z^k)^\top \Sigma^{-1} (u - z^k))$ with $\Sigma = 2\sigma^2 I$, $u$ normalised (Eq 3).

    The printed equation centres the Gaussian on the displacement $\Phi^k(u)$; a confidence map of a keypoint's location
    has to be centred on the keypoint.
    """
    across, down = _squared_offsets(keypoints, size)
    across, down = torch.exp(-across / (2 * variance)), torch.exp(-down / (2 * variance))  # the Gaussian is separable
    return down[..., :, None] * across[..., None, :]


def _squared_offsets(keypoints: Points, size: tuple[int, int]) -> tuple[Float[Tensor, "b k w"], Float[Tensor, "b k h"]]:
    """Squared distances of the lattice's columns and rows from each keypoint, normalised."""
    rows, columns = (torch.linspace(-1, 1, count, device=keypoints.device) for count in size)
    x, y = keypoints[..., None].unbind(2)  # (b, k, 1) each
    return (columns - x).square(), (rows - y).square()


def weighted_motion(weights: Float[Tensor, "b k h w"], motions: Points) -> Flow:
    r"""$\tilde\Phi(u) = \sum_k \psi^k(u)\,\Phi^k(u)$ (Eq 5), in pixels of its lattice; `motions` are normalised.

    Always in float32: bfloat16 cannot resolve fractions of a pixel.
    """
    height, width = weights.shape[-2:]
    pixels = motions * constant(((width - 1) / 2, (height - 1) / 2), motions.device, motions.dtype)
    with torch.autocast(device_type=weights.device.type, enabled=False):
        return torch.einsum("bkhw,bkc->bchw", weights, pixels)


class Pass(NamedTuple):
    """What `DenseMotion` finds in one pass."""

    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4)
    motions: Float[Tensor, "b k+1 2"]  # Φ^k, normalised; the last one is zero
    context: Float[Tensor, "b maps h w"]  # from the hourglass: logits before matching and locality; log sharpnesses


class DenseMotion(nn.Module):
    r"""$\mathcal F_{dense}$ (Eq 4): how much of each local motion applies at each place.

    For each of the K keypoints, and for a motion K+1 that is zero (without it nothing could stand still), the hourglass is
    given the heatmap, target minus source, and the aligned frame $\chi^k$: the source warped by $\Phi^k$. The weights are a
    softmax over the K+1 motions.

    `matching` adds Lucas and Kanade's data term (`lucas_kanade`, IJCAI 1981), which compares the aligned frames with the
    target. A micro-expression moves a quarter of a pixel on the lattice: aligned frames of that size hardly show which local
    motion fits, whereas the difference at half and full image size does. The coarsest error is one more input map, and all
    of them lower the logits directly. The hourglass says, place by place, how sharply the error of each window and size
    counts: amid noise, wide windows are to be trusted and narrow ones are not. The paper's own form is `matching=False`.
    """

    def __init__(self, config: LearnerConfig, *, channels: int):
        super().__init__()
        maps = 1 + channels + (1 if config.matching else 0)
        self.hourglass = Hourglass(
            in_channels=(config.keypoints + 1) * maps,
            width=config.width,
            depth=config.depth,
            max_width=config.max_width,
        )
        weights, errors = config.keypoints + 1, 2 * len(WINDOWS) if config.matching else 0  # errors at two sizes
        self.head = nn.Conv2d(self.hourglass.out_channels, weights + errors, 3, padding=1)
        bias = torch.tensor([0.0] * weights + [1.5] * errors)
        self.head.load_state_dict({"weight": torch.zeros_like(self.head.weight), "bias": bias})
        self.variance, self.locality, self.matching = config.heatmap_variance, config.locality, config.matching

    def aligned_frames(self, frame: Images, motions: Float[Tensor, "b m 2"]) -> Float[Tensor, "b m c h w"]:
        r"""$\chi^k$: `frame` warped by each of the constant motions."""
        count = motions.shape[1]
        repeated = frame.repeat_interleave(count, dim=0)  # (b*m, c, h, w)
        return translate(repeated, motions.flatten(0, 1)).unflatten(0, (-1, count))

    @torch.no_grad()
    def forward_forms(
        self, source: Images, target: Images, motions: Float[Tensor, "b m 2"], size: tuple[int, int]
    ) -> list[Float[Tensor, "b 6 h2 w2"]]:
        """Matching forms for each window, at half the frames' size and at full size; none without matching.

        They carry no gradient: keypoints learn from where motions are used, not from how they are chosen.
        """
        if not self.matching:
            return []
        half = (source.shape[-2] // 2, source.shape[-1] // 2)
        with torch.autocast(device_type=source.device.type, enabled=False):
            coarse = matching_forms(resize_image(source, half), resize_image(target, half), motions, size)
            return coarse + matching_forms(source, target, motions, size)

    def forward_locality(self, keypoints_target: Points, size: tuple[int, int]) -> Float[Tensor, "b k+1 h w"]:
        """Logarithm of the Gaussian around each keypoint, floored at that of 1e-6; -2 everywhere for the zero motion."""
        across, down = _squared_offsets(keypoints_target, size)
        bells = (down[..., :, None] + across[..., None, :]).div_(-2 * self.locality**2).clamp_min_(math.log(1e-6))
        return F.pad(bells, (0, 0, 0, 0, 0, 1), value=-2.0)

    def forward_context(
        self,
        source: Images,
        keypoints_source: Points,
        keypoints_target: Points,
        motions: Float[Tensor, "b k+1 2"],
        forms: Sequence[Float[Tensor, "b 6 h//4 w//4"]],
    ) -> Float[Tensor, "b maps h//4 w//4"]:
        """The hourglass: from heatmaps, aligned frames and the errors of the first matching form, if any, to K+1 logits
        and, with matching, the log sharpness of each form."""
        size = (source.shape[-2] // 4, source.shape[-1] // 4)
        heatmaps = gaussian_heatmaps(keypoints_target, size, self.variance)
        heatmaps = heatmaps - gaussian_heatmaps(keypoints_source, size, self.variance)
        aligned = self.aligned_frames(resize_image(source, size), motions).flatten(1, 2)
        errors = [3 * (matching_errors(form, motions.detach()) - 1) for form in forms[:1]]
        features = self.hourglass(torch.cat([F.pad(heatmaps, (0, 0, 0, 0, 0, 1)), aligned, *errors], dim=1))
        with torch.autocast(device_type=features.device.type, enabled=False):
            return self.head(features.float())

    def forward(
        self,
        source: Images,
        target: Images,
        keypoints_source: Points,
        keypoints_target: Points,
        context: Float[Tensor, "b maps h//4 w//4"] | None = None,
    ) -> Pass:
        r"""Weights $\psi$ of the local motions.

        Args:
            source, target: frames, or their details.
            keypoints_source, keypoints_target: normalised.
            context: from an earlier pass over the same frames, to skip the hourglass; matching is computed anew.
        """
        size = (source.shape[-2] // 4, source.shape[-1] // 4)
        motions = local_motions(keypoints_source, keypoints_target)
        motions = torch.cat([motions, motions.new_zeros(len(motions), 1, 2)], dim=1)  # (b, k+1, 2)
        forms = self.forward_forms(source, target, motions, size)
        if context is None:
            context = self.forward_context(source, keypoints_source, keypoints_target, motions, forms)
        logits, log_sharpness = context.tensor_split([motions.shape[1]], dim=1)
        logits = logits + self.forward_locality(keypoints_target, size)
        if forms:  # errors are linear in the forms, so a weighted sum of forms gives the weighted sum of errors
            sharpness = log_sharpness.exp().split(1, dim=1)  # (b, 1, h, w) each
            weighted = sum(sharp * form for sharp, form in zip(sharpness, forms))
            logits = logits - matching_errors(weighted, motions.detach())
        return Pass(logits.softmax(1), motions, context)
