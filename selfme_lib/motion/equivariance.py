r"""Equivariance: whatever is found in a frame has to move with it when the frame is deformed by a known map.

No labels are needed, because the map is ours. The paper requires it of keypoints (Eq 7). The dense motion can be held to it
too: between a frame and its deformed self, the motion has to be the map.
"""

import math
from collections.abc import Callable
from copy import copy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import Flow, Images, Points, identity_grid, normalised_grid, resize_flow, to_pixels, warp


class RandomTransform:
    r"""$\mathcal T_{rand}$: a random affine map and thin-plate spline of the plane, one for each image of a batch.

    It maps places of the transformed frame to places of the original: $X'(u) = X(\mathcal T(u))$. So a point of the
    face at $z$ in the original is at $\mathcal T^{-1}(z)$ in $X'$.

    Args:
        batch: number of maps.
        affine, spline: standard deviations of the affine coefficients and of the control points' displacements, in
            normalised units.
        points: the control points are points x points.
        generator: source of randomness.
    """

    def __init__(
        self,
        batch: int,
        *,
        affine: float = 0.05,
        spline: float = 0.005,
        points: int = 5,
        generator: torch.Generator | None = None,
    ):
        from kornia.geometry.transform import get_tps_transform  # slow to import

        noise = torch.randn(batch, 2, 3, generator=generator) * affine
        self.affine = torch.eye(2, 3) + noise  # (b, 2, 3)
        places = normalised_grid(points, points).flatten(0, 1)
        self.control = places.expand(batch, -1, -1).contiguous()  # (b, points², 2)
        self.moved = self.control + torch.randn(batch, points**2, 2, generator=generator) * spline
        self.kernel_weights, self.affine_weights = get_tps_transform(self.control, self.moved)

    def __call__(self, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2"]:
        """Normalised places of the transformed frame to the original's."""
        from kornia.geometry.transform import warp_points_tps

        bent = warp_points_tps(points, self.moved, self.kernel_weights, self.affine_weights)
        return bent @ self.affine[:, :, :2].mT + self.affine[:, None, :, 2]

    def transform_frame(self, image: Images) -> Images:
        """$X'$, the frames bent by their maps."""
        batch, _, height, width = image.shape
        size = (math.ceil(height / 4) + 1, math.ceil(width / 4) + 1)  # the map is smooth: a coarse lattice will do
        grid = identity_grid(*size, device=image.device)
        lattice = normalised_grid(*size, device=image.device).flatten(0, 1).expand(batch, -1, -1)  # (b, n, 2)
        origin = to_pixels(self(lattice), *size).mT.reshape(batch, 2, *size)
        return warp(image, resize_flow(origin - grid, (height, width)))

    def to(self, device: torch.device, *, non_blocking: bool = False) -> "RandomTransform":
        """The same map on another device."""
        return self._changed(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "RandomTransform":
        """The same map in memory from which a GPU copies while it computes."""
        return self._changed(Tensor.pin_memory)

    def _changed(self, change: Callable[[Tensor], Tensor]) -> "RandomTransform":
        other = copy(self)
        for name, value in vars(self).items():
            setattr(other, name, change(value))
        return other


def equivariance_loss(
    keypoints_transformed: Points, keypoints: Points, transform: RandomTransform
) -> Float[Tensor, ""]:
    r"""$|\mathcal T_{rand}(F_{kp}(\mathcal T_{rand}(X))) - F_{kp}(X)|$, mean over points and coordinates (Eq 7).

    Keypoints of the transformed frame are mapped back before the comparison. In the order in which the equation is printed,
    even perfect keypoints would have a loss, because a frame is transformed by looking backwards.
    """
    return (transform(keypoints_transformed) - keypoints).abs().mean()


def random_displacement(
    batch: int, size: int, generator: torch.Generator, *, peak: tuple[float, float] = (0.0008, 0.031)
) -> Float[Tensor, "b 2 s s"]:
    """Smooth random flows as small as those of faces: slight rotation, zoom and shift, plus local bumps.

    Bumps are noise at three scales times a soft mask, a model of skin over a few muscles that knows nothing of faces. In
    seven of ten fields everything outside a ragged oval stands still, like the background behind a face. No data set's
    motion went into it.

    Args:
        batch, size: of the result.
        generator: source of randomness.
        peak: least and greatest length of the longest bump vector, as a fraction of the size; log-uniform in between.
    """

    def noise(cells: int, channels: int) -> Tensor:
        coarse = torch.randn(batch, channels, cells, cells, generator=generator)
        return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)

    def uniform(low: float, high: float) -> Float[Tensor, "b 1 1 1"]:
        return low + (high - low) * torch.rand(batch, 1, 1, 1, generator=generator)

    flow = sum(noise(cells, 2) * uniform(0, 1) for cells in (4, 7, 12))
    flow = flow * torch.sigmoid(4 * (noise(6, 1) + uniform(-1, 1)))
    longest = flow.square().sum(1, keepdim=True).amax((2, 3), keepdim=True).sqrt().clamp_min(1e-6)
    flow = flow / longest * size * uniform(*map(math.log, peak)).exp()
    lattice = normalised_grid(size, size)  # (s, s, 2)
    linear = 0.002 * size * uniform(-3, 0).exp()[:, :, 0] * torch.randn(batch, 2, 2, generator=generator)
    shift = 0.0023 * size * uniform(-3, 0).exp() * torch.randn(batch, 2, 1, 1, generator=generator)
    flow = flow + torch.einsum("bij,hwj->bihw", linear, lattice) + shift
    x, y = lattice.unbind(-1)
    radius = ((x - uniform(-0.15, 0.15)) / uniform(0.5, 0.9)).square() + (
        (y - uniform(-0.15, 0.15)) / uniform(0.7, 1.2)
    ).square()
    oval = torch.sigmoid(uniform(8, 25) * (1 - radius.sqrt() + 0.15 * noise(6, 1)))
    return flow * torch.maximum(oval, (uniform(0, 1) < 0.3).float())


def dense_equivariance_loss(flow: Flow, displacement: Flow) -> Float[Tensor, ""]:
    r"""$\frac{1}{n}\sum_u w(u)\,|\Phi(X, X')(u) - \mathcal T(u)|$ with $X'(u) = X(u + \mathcal T(u))$: Eq 7 for the dense motion.

    Args:
        flow: found between a frame and its warped self, in pixels of the image.
        displacement: $\mathcal T$, by which it was warped.

    Returns:
        The weighted mean length of the difference, in hundredths of the image's width;
        $w = 1 + \frac12 |\mathcal T| / \overline{|\mathcal T|}$.
    """
    length = displacement.square().sum(1).sqrt()  # (b, h, w)
    error = (flow - displacement).square().sum(1).add(1e-6).sqrt()
    weight = 1 + 0.5 * length / length.mean((1, 2), keepdim=True).clamp_min(1e-6)
    return 100 / flow.shape[-1] * (error * weight).mean()
