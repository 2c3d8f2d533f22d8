"""Reconstruction in feature space (Eq 6), and the features in which images are compared without a network."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import Frames, local_contrast, resize_image

Features = Callable[[Frames], list[Tensor]]


def contrast_features(image: Frames) -> list[Tensor]:
    """Features that need no network: the image and its local contrast, one map each."""
    return [image, 0.1 * local_contrast(image)]


def reconstruction_loss(
    features: Features, prediction: Frames, target: Frames, scales: Sequence[float] = (1, 0.5, 0.25, 0.125)
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
