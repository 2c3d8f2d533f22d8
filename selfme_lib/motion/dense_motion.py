r"""From keypoints to a dense motion field (Eq 2 to 5).

Notation: $z_s^k, z_t^k$ keypoints of source and target; $U$ a lattice of a quarter of the image's size; flows are
backward (target to source), so a point of the target at $u$ is found in the source at $u + \tilde\Phi(u)$.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import gaussian_blur, resize_image, translate

from .hourglass import Hourglass


def local_motions(
    source: Float[Tensor, "b k 2"], target: Float[Tensor, "b k 2"], gamma: float = 1.0
) -> Float[Tensor, "b k 2"]:
    r"""Displacements of corresponding keypoints (Eq 2): $\Phi^k(u) = \gamma\,(z_s^k - z_t^k)$, the same for every $u \in U$.

    In normalised units: half the lattice's extent is 1.
    """
    return gamma * (source - target)


def gaussian_heatmaps(
    keypoints: Float[Tensor, "b k 2"], size: tuple[int, int], variance: float
) -> Float[Tensor, "b k h w"]:
    r"""$H^k(u) = \exp(-(u - z^k)^\top \Sigma^{-1} (u - z^k))$ with $\Sigma = 2\sigma^2 I$, $u$ normalised (Eq 3).

    The printed equation centres the bell on the displacement $\Phi^k(u)$; a confidence map of a keypoint's location
    has to be centred on the keypoint.
    """
    across, down = _squared_offsets(keypoints, size)
    across, down = torch.exp(-across / (2 * variance)), torch.exp(-down / (2 * variance))  # a bell is separable
    return down[..., :, None] * across[..., None, :]


def _squared_offsets(
    keypoints: Float[Tensor, "b k 2"], size: tuple[int, int]
) -> tuple[Float[Tensor, "b k w"], Float[Tensor, "b k h"]]:
    """Squared distances of the lattice's columns and rows from each keypoint, normalised."""
    rows, columns = (torch.linspace(-1, 1, count, device=keypoints.device) for count in size)
    x, y = keypoints[..., None].unbind(2)  # (b, k, 1) each
    return (columns - x).square(), (rows - y).square()


def weighted_motion(weights: Float[Tensor, "b k h w"], motions: Float[Tensor, "b k 2"]) -> Float[Tensor, "b 2 h w"]:
    r"""$\tilde\Phi(u) = \sum_k \psi^k(u)\,\Phi^k(u)$ (Eq 5), in pixels of its lattice; `motions` are normalised.

    Always in float32: a place is a hundred pixels and a fraction, which bfloat16 cannot tell.
    """
    height, width = weights.shape[-2:]
    pixels = motions * motions.new_tensor([(width - 1) / 2, (height - 1) / 2])
    with torch.autocast(device_type=weights.device.type, enabled=False):
        return torch.einsum("bkhw,bkc->bchw", weights, pixels)


WINDOWS = (1.0, 2.5, 6.0)  # deviations of the Gaussians that matching errors are averaged over, in cells of the lattice


def matching_forms(
    source: Float[Tensor, "b c h w"],
    target: Float[Tensor, "b c h w"],
    motions: Float[Tensor, "b m 2"],
    size: tuple[int, int],
) -> list[Float[Tensor, "b 6 h2 w2"]]:
    r"""How badly a constant motion $v$ (normalised) fits around each place of the lattice, for each of `WINDOWS`.

    The mean squared difference of aligned frame and target, to first order in the motion,

    $$|X_s(u + v) - X_t(u)|^2 \approx v^\top (\nabla X \nabla X^\top) v + 2\,(X_s - X_t) \nabla X^\top v + (X_s - X_t)^2,$$

    with $\nabla X$ of the frames' mean: six coefficients a place give the error of any number of motions
    (`matching_errors`). They are divided by the mean error of the `motions`, so that noise and contrast cancel.
    """
    height, width = source.shape[-2:]
    mean = F.pad((source + target) / 2, (1, 1, 1, 1), mode="replicate")
    dx = (mean[..., 1:-1, 2:] - mean[..., 1:-1, :-2]) * ((width - 1) / 4)
    dy = (mean[..., 2:, 1:-1] - mean[..., :-2, 1:-1]) * ((height - 1) / 4)
    dt = source - target
    products = [dx * dx, dx * dy, dy * dy, dx * dt, dy * dt, dt * dt]
    form = resize_image(torch.stack([product.mean(1) for product in products], dim=1), size)
    typical = _monomials(motions).mean(1)  # the error is linear in the monomials: that of their mean is the mean error
    blurred = [gaussian_blur(form, window) for window in WINDOWS]
    return [form / (torch.einsum("bc,bchw->bhw", typical, form)[:, None] + 1e-3) for form in blurred]


def matching_errors(form: Float[Tensor, "b 6 h w"], motions: Float[Tensor, "b m 2"]) -> Float[Tensor, "b m h w"]:
    """The error of each motion, by the coefficients of `matching_forms`; 1 is as bad as the mean.

    Always in float32: an error is a small difference of large terms.
    """
    with torch.autocast(device_type=form.device.type, enabled=False):
        return torch.einsum("bmc,bchw->bmhw", _monomials(motions), form)


def _monomials(motions: Float[Tensor, "b m 2"]) -> Float[Tensor, "b m 6"]:
    x, y = motions.unbind(-1)
    return torch.stack([x * x, 2 * x * y, y * y, 2 * x, 2 * y, torch.ones_like(x)], dim=-1)


class Look(NamedTuple):
    """What `DenseMotion` finds in one pass."""

    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4)
    motions: Float[Tensor, "b k+1 2"]  # Φ^k, normalised; the last one is zero
    context: Float[Tensor, "b maps h w"]  # of the hourglass: logits before matching and locality; log sharpnesses


class DenseMotion(nn.Module):
    r"""$\mathcal F_{dense}$ (Eq 4): how much of each local motion applies at each place.

    Its input, for each of the K keypoints and for the motion K+1 that is zero (without it no place could stand still),
    is the heatmap, target minus source, and the aligned frame $\chi^k$: the source warped by $\Phi^k$. Its output is
    a softmax over the K+1 motions.

    `matching` compares the aligned frames with the target, too. A motion of a micro-expression is a quarter of a pixel
    on the lattice, so that small aligned frames alone hardly tell which local motion fits; the difference at half the
    image's size and at its full size does (`matching_errors`). It is one more map of the input, and lowers the logits
    directly. How sharply the error of each window and size counts is said by the hourglass, place by place: where there
    is little but noise, a wide window is to be trusted and a small one is not. The paper's own form is `matching=False`.

    Args:
        keypoints: K.
        channels: of the frames (`learner.MotionLearner.detail`).
        width, depth, max_width: the hourglass.
        variance: $\sigma^2$ of the heatmaps in normalised units.
        locality: deviation, in normalised units, of a Gaussian around each keypoint of the target whose logarithm is
            added to the weights' logits: training starts from local motions that apply where their keypoints are.
        matching: see above.
    """

    def __init__(
        self,
        *,
        keypoints: int,
        channels: int,
        width: int,
        depth: int,
        max_width: int,
        variance: float = 0.01,
        locality: float = 0.15,
        matching: bool = True,
    ):
        super().__init__()
        maps = 1 + channels + (1 if matching else 0)
        self.hourglass = Hourglass(in_channels=(keypoints + 1) * maps, width=width, depth=depth, max_width=max_width)
        errors = 2 * len(WINDOWS) if matching else 0  # at two sizes
        self.head = nn.Conv2d(self.hourglass.out_channels, keypoints + 1 + errors, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias[: keypoints + 1])
        nn.init.constant_(self.head.bias[keypoints + 1 :], 1.5)
        self.variance = variance
        self.locality = locality
        self.matching = matching

    def aligned_frames(
        self, frame: Float[Tensor, "b c h w"], motions: Float[Tensor, "b m 2"]
    ) -> Float[Tensor, "b m c h w"]:
        r"""$\chi^k$: `frame` warped by each of the constant motions."""
        count = motions.shape[1]
        repeated = frame.repeat_interleave(count, dim=0)  # (b*m, c, h, w)
        return translate(repeated, motions.flatten(0, 1)).unflatten(0, (-1, count))

    @torch.no_grad()
    def forward_forms(
        self,
        source: Float[Tensor, "b c h w"],
        target: Float[Tensor, "b c h w"],
        motions: Float[Tensor, "b m 2"],
        size: tuple[int, int],
    ) -> list[Float[Tensor, "b 6 h2 w2"]]:
        """Matching forms at half the frames' size and at full size, for each window.

        They carry no gradient: keypoints learn from where motions are used, not from how they are chosen. None without
        matching.
        """
        if not self.matching:
            return []
        half = (source.shape[-2] // 2, source.shape[-1] // 2)
        with torch.autocast(device_type=source.device.type, enabled=False):
            coarse = matching_forms(resize_image(source, half), resize_image(target, half), motions, size)
            return coarse + matching_forms(source, target, motions, size)

    def forward_locality(
        self, keypoints_target: Float[Tensor, "b k 2"], size: tuple[int, int]
    ) -> Float[Tensor, "b k+1 h w"]:
        """Logarithm of the Gaussian around each keypoint, not below that of 1e-6; -2 everywhere for the zero motion."""
        across, down = _squared_offsets(keypoints_target, size)
        bells = (down[..., :, None] + across[..., None, :]).div_(-2 * self.locality**2).clamp_min_(math.log(1e-6))
        return F.pad(bells, (0, 0, 0, 0, 0, 1), value=-2.0)

    def forward_context(
        self,
        source: Float[Tensor, "b c h w"],
        keypoints_source: Float[Tensor, "b k 2"],
        keypoints_target: Float[Tensor, "b k 2"],
        motions: Float[Tensor, "b k+1 2"],
        forms: Sequence[Float[Tensor, "b 6 h//4 w//4"]],
    ) -> Float[Tensor, "b maps h//4 w//4"]:
        """The hourglass: from heatmaps, aligned frames and the errors of the coarsest matching form, if any, to K+1 logits
        and, with matching, the logarithm of each form's sharpness."""
        size = (source.shape[-2] // 4, source.shape[-1] // 4)
        heatmaps = gaussian_heatmaps(keypoints_target, size, self.variance) - gaussian_heatmaps(
            keypoints_source, size, self.variance
        )
        maps = [
            F.pad(heatmaps, (0, 0, 0, 0, 0, 1)),
            self.aligned_frames(resize_image(source, size), motions).flatten(1, 2),
        ]
        maps += [3 * (matching_errors(form, motions.detach()) - 1) for form in forms[:1]]
        features = self.hourglass(torch.cat(maps, dim=1))
        with torch.autocast(device_type=features.device.type, enabled=False):
            return self.head(features.float())

    def forward(
        self,
        source: Float[Tensor, "b c h w"],
        target: Float[Tensor, "b c h w"],
        keypoints_source: Float[Tensor, "b k 2"],
        keypoints_target: Float[Tensor, "b k 2"],
        context: Float[Tensor, "b maps h//4 w//4"] | None = None,
    ) -> Look:
        r"""Weights $\psi$ of the local motions.

        Args:
            source, target: frames, or their details.
            keypoints_source, keypoints_target: normalised.
            context: of an earlier look at the same frames, instead of asking the hourglass again. Matching compares anew.
        """
        size = (source.shape[-2] // 4, source.shape[-1] // 4)
        motions = local_motions(keypoints_source, keypoints_target)
        motions = torch.cat([motions, motions.new_zeros(len(motions), 1, 2)], dim=1)  # (b, k+1, 2)
        forms = self.forward_forms(source, target, motions, size)
        if context is None:
            context = self.forward_context(source, keypoints_source, keypoints_target, motions, forms)
        logits, log_sharpness = context.tensor_split([motions.shape[1]], dim=1)
        logits = logits + self.forward_locality(keypoints_target, size)
        if forms:  # all errors are of the same monomials, so that their weighted sum is one error
            sharpness = log_sharpness.exp().split(1, dim=1)  # (b, 1, h, w) each
            weighted = sum(sharp * form for sharp, form in zip(sharpness, forms))
            logits = logits - matching_errors(weighted, motions.detach())
        return Look(logits.softmax(1), motions, context)
