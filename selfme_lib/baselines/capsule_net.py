r"""CapsuleNet: capsules with dynamic routing on the apex frame alone.

N. Van Quang, J. Chun, T. Tokuyama. CapsuleNet for Micro-Expression Recognition. FG 2019. Routing and loss: S. Sabour, N. Frosst,
G. E. Hinton. Dynamic Routing Between Capsules. NeurIPS 2017.

Input: the apex frame, 224 x 224 px; no motion. The first three stages of ResNet-18 without its max pooling (28 x 28 x 256), a
9 x 9 convolution (to 20 x 20), then *primary capsules*: another 9 x 9 with stride 2, whose 256 channels at 6 x 6 places are 32
capsules of 8 numbers each. A capsule $u_i$ predicts the capsule of each class, $\hat u_{j|i} = W_{ij} u_i$; three rounds of
routing send its vote to the class on which the other capsules agree:

$$c_{ij} = \operatorname{softmax}_j b_{ij}, \quad v_j = \operatorname{squash}\Big(\sum_i c_{ij} \hat u_{j|i}\Big), \quad
b_{ij} \mathrel{+}= \hat u_{j|i} \cdot v_j, \qquad \operatorname{squash}(s) = \frac{\|s\|^2}{1 + \|s\|^2} \frac{s}{\|s\|}.$$

The length of $v_j$, below 1, says how present class $j$ is, and is learned by the margin loss $T_j \max(0, .9 - \|v_j\|)^2 +
.5\,(1 - T_j) \max(0, \|v_j\| - .1)^2$.

Parameters: 13,842,496. Unclear: none of that, but the authors' public code keeps, in each fold, the epoch that scores best on
the held-out subject, trains on further frames, and starts from weights of a facial expression data set; here the number of
epochs is fixed, with one frame per clip and ImageNet or random weights. Their $W_{ij}$ start at a hundredth, which from random
weights makes capsules of length .0003 that never wake up: squash has no slope at zero. Here a vote starts as long as the
capsule that casts it. Frames smaller than 224 px have proportionally smaller kernels.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from .training import Network, channels

CAPSULES, PRIMARY, CLASS = 32, 8, 16  # primary capsules per place, numbers in one, numbers in a class's
ROUNDS = 3


class CapsuleNet(Network):
    """Args: `size` of the frame, at least 32 px."""

    imagenet = "ResNet18_Weights.IMAGENET1K_V1"

    def __init__(self, *, size: int = 224, width: float = 1.0, classes: int = 3):
        super().__init__()
        from timm import create_model  # both are slow to import
        from torchvision.models.feature_extraction import create_feature_extractor

        stages = tuple(channels(number, width) for number in (64, 128, 256, 512))
        resnet = create_model("resnet18", channels=stages, num_classes=0, global_pool="")
        resnet.maxpool = nn.Identity()
        self.body = create_feature_extractor(resnet, {"layer3": "features"})
        side = -(-size // 8)
        kernel = max(2, round(9 * side / 28))
        capsules = channels(CAPSULES, width)
        self.conv = nn.Conv2d(stages[2], stages[2], kernel)
        self.primary = nn.Conv2d(stages[2], capsules * PRIMARY, kernel, stride=2)
        places = (side - 2 * kernel + 1) // 2 + 1
        self.votes = nn.Parameter(PRIMARY**-0.5 * torch.randn(classes, capsules * places**2, CLASS, PRIMARY))

    def forward_capsules(self, frames: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k d"]:
        """The capsule of each class."""
        features = self.conv(self.body(frames)["features"]).relu()
        primary = self.primary(features).permute(0, 2, 3, 1)  # (b, y, x, capsules * 8)
        primary = squash(primary.reshape(len(frames), -1, PRIMARY))  # (b, i, 8)
        return route(torch.einsum("jidp,bip->bjid", self.votes, primary), rounds=ROUNDS)

    def forward(self, frames: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        """The lengths of the class capsules."""
        return self.forward_capsules(frames).norm(dim=-1)

    def loss(self, frames: Float[Tensor, "b 3 h w"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        return margin_loss(self(frames), labels)


def squash(vectors: Float[Tensor, "*b d"]) -> Float[Tensor, "*b d"]:
    """The same direction; length l becomes l² / (1 + l²), below 1."""
    square = vectors.square().sum(-1, keepdim=True)
    return vectors * square.clamp_min(1e-12).sqrt() / (1 + square)


def route(votes: Float[Tensor, "b k i d"], *, rounds: int) -> Float[Tensor, "b k d"]:
    """Routing by agreement. Rounds before the last only find the couplings and carry no gradient."""
    agreement = torch.zeros_like(votes[..., 0])  # (b, k, i)
    for _ in range(rounds - 1):
        outputs = squash((agreement.softmax(1)[..., None] * votes.detach()).sum(2))
        agreement = agreement + (votes.detach() * outputs[:, :, None]).sum(-1)
    return squash((agreement.softmax(1)[..., None] * votes).sum(2))


def margin_loss(lengths: Float[Tensor, "b k"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
    """Zero once the right capsule is longer than .9 and all others are shorter than .1."""
    present = F.one_hot(labels, lengths.shape[1])
    missed, wrong = (0.9 - lengths).clamp_min(0) ** 2, (lengths - 0.1).clamp_min(0) ** 2
    return (present * missed + 0.5 * (1 - present) * wrong).sum(1).mean()
