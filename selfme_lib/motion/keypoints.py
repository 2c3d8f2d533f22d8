r"""Keypoints without labels (Eq 1): $\{z_i^k\}_{k=1}^K = \mathcal F_{kp}(X_i),\ i \in \{s, t\}$.

Nobody says where the keypoints are. Reconstruction draws them to where a displacement explains most of the change between
two frames; the equivariance loss (Eq 7) keeps each on the same spot of the face.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import Images, Points, normalised_grid

from .hourglass import Hourglass, Stem
from .settings import LearnerConfig


def spatial_softargmax(logits: Float[Tensor, "b k h w"], temperature: float) -> Points:
    """The centre of mass of each heatmap after a softmax over the lattice, in normalised coordinates (x, y).

    Always in float32: in bfloat16 the displacement of a keypoint is off by tenths of a pixel.
    """
    probability = (logits.float() / temperature).flatten(2).softmax(-1)  # (b, k, h*w)
    places = normalised_grid(*logits.shape[-2:], device=logits.device).flatten(0, 1)  # (h*w, 2)
    with torch.autocast(device_type=logits.device.type, enabled=False):
        return probability @ places


class KeypointDetector(nn.Module):
    r"""$\mathcal F_{kp}$: an hourglass at a quarter of the image size, one heatmap per keypoint, and a soft-argmax.

    The head is padded. Without padding, as in first-order-model, the heatmap covers less of the face than the image but
    is read as if it covered all of it, and every displacement comes out 1.1 to 1.24 times too large. `channels` is that of the
    input maps (`learner.MotionLearner.detail`).
    """

    homes: Tensor

    def __init__(self, config: LearnerConfig, *, channels: int):
        super().__init__()
        self.stem = Stem(in_channels=channels, width=config.width)
        self.hourglass = Hourglass(
            in_channels=config.width, width=config.width, depth=config.depth, max_width=config.max_width
        )
        self.head = nn.Conv2d(self.hourglass.out_channels, config.keypoints, 3, padding=1)
        self.temperature, self.reach = config.temperature, config.reach
        self.register_buffer("homes", spread_out(config.keypoints))

    def forward_logits(self, detail: Images) -> Float[Tensor, "b k h//4 w//4"]:
        """Logarithms of the confidence maps, up to a constant; in float32."""
        features = self.hourglass(self.stem(detail))
        with torch.autocast(device_type=detail.device.type, enabled=False):
            logits = self.head(features.float()) / self.temperature
        if self.reach is None:
            return logits
        lattice = normalised_grid(*logits.shape[-2:], device=detail.device)
        distance = (lattice - self.homes[:, None, None, :]).square().sum(-1)  # (k, h, w)
        return logits - distance / (2 * self.reach**2)

    def forward(self, detail: Images) -> Points:
        """Keypoints in normalised coordinates, (x, y) in [-1, 1]."""
        return spatial_softargmax(self.forward_logits(detail), temperature=1.0)


def spread_out(count: int) -> Float[Tensor, "n 2"]:
    """`count` points in rows over [-0.8, 0.8]², as evenly as rows allow."""
    rows = round(count**0.5)
    lengths = [count // rows + (row < count % rows) for row in range(rows)]
    y = torch.linspace(-0.8, 0.8, rows) if rows > 1 else torch.zeros(1)
    lines = [torch.linspace(-0.8, 0.8, n + 2)[1:-1] if n < 2 else torch.linspace(-0.8, 0.8, n) for n in lengths]
    return torch.cat([torch.stack([x, height.expand(len(x))], dim=1) for x, height in zip(lines, y)])
