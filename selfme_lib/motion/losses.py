r"""What the motion learner is trained with: reconstruction in feature space (Eq 6), equivariance (Eq 7), their sum (Eq 8)."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from kornia.geometry.transform import get_tps_transform, warp_points_tps
from torch import Tensor

from selfme_lib.grids import gaussian_blur, identity_grid, resize_image, to_normalised, to_pixels, warp

Features = Callable[[Float[Tensor, "b 3 h w"]], list[Tensor]]


def local_contrast(image: Float[Tensor, "b 3 h w"], sigma: float = 2.0) -> Float[Tensor, "b 1 h w"]:
    """Grey value minus its neighbourhood's mean, over its deviation: what is left when the light changes."""
    grey = (image * image.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    mean = gaussian_blur(grey, sigma)
    deviation = (gaussian_blur(grey.square(), sigma) - mean.square()).clamp_min(0).add(1e-3).sqrt()
    return (grey - mean) / deviation


def contrast_features(image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
    """Features that need no network: the image and its local contrast, one map each."""
    return [image, 0.1 * local_contrast(image)]


def reconstruction_loss(
    features: Features,
    prediction: Float[Tensor, "b 3 h w"],
    target: Float[Tensor, "b 3 h w"],
    scales: Sequence[float] = (1, 0.5, 0.25, 0.125),
) -> Float[Tensor, ""]:
    r"""$\sum_\iota \sum_m \frac{1}{n_m^\iota}\,|F^{\iota,m}(\hat X_t) - F^{\iota,m}(X_t)|$ (Eq 6 and 8 without $\lambda$).

    Args:
        features: the network $F_{VGG}$: an image to its feature maps, m = 1, 2, …
        scales: ι, sizes of the image relative to its full size.
    """
    height, width = target.shape[-2:]
    loss = prediction.new_zeros(())
    for scale in scales:
        size = (round(height * scale), round(width * scale))
        with torch.no_grad():
            wanted = features(resize_image(target, size))
        got = features(resize_image(prediction, size))
        loss = loss + sum((a - b).abs().mean() for a, b in zip(got, wanted))
    return loss


class RandomTransform:
    r"""$\mathcal T_{rand}$: a random affine map and thin-plate spline of the plane, one for each image of a batch.

    It maps places of the transformed frame to places of the original: $X'(u) = X(\mathcal T(u))$. So a point of the
    face at $z$ in the original is at $\mathcal T^{-1}(z)$ in $X'$.

    Args:
        batch: how many.
        affine, spline: standard deviations of the affine coefficients and of the displacements of the control points,
            in normalised units.
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
        device=None,
    ):
        noise = torch.randn(batch, 2, 3, generator=generator).to(device) * affine
        self.affine = torch.eye(2, 3, device=device) + noise  # (b, 2, 3)
        places = to_normalised(identity_grid(points, points, device=device).flatten(1).T, points, points)
        self.control = places.expand(batch, -1, -1).contiguous()  # (b, points², 2)
        moved = self.control + torch.randn(batch, points**2, 2, generator=generator).to(device) * spline
        self.kernel_weights, self.affine_weights = get_tps_transform(self.control, moved)
        self.moved = moved

    def __call__(self, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2"]:
        """Normalised places of the transformed frame → the original's."""
        bent = warp_points_tps(points, self.moved, self.kernel_weights, self.affine_weights)
        return bent @ self.affine[:, :, :2].mT + self.affine[:, None, :, 2]

    def transform_frame(self, image: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        batch, _, height, width = image.shape
        grid = identity_grid(height, width, device=image.device)
        lattice = to_normalised(grid.flatten(1).T, height, width).expand(batch, -1, -1)  # (b, h*w, 2)
        looked_at = to_pixels(self(lattice), height, width).mT.reshape(batch, 2, height, width)
        return warp(image, looked_at - grid)


def equivariance_loss(
    keypoints_transformed: Float[Tensor, "b k 2"], keypoints: Float[Tensor, "b k 2"], transform: RandomTransform
) -> Float[Tensor, ""]:
    r"""$|\mathcal T_{rand}(F_{kp}(\mathcal T_{rand}(X))) - F_{kp}(X)|$, mean over points and coordinates (Eq 7).

    Keypoints of the transformed frame are mapped back before they are compared. In the order in which the equation is
    printed, even perfect keypoints would not make it zero, because a frame is transformed by looking backwards.
    """
    return (transform(keypoints_transformed) - keypoints).abs().mean()
