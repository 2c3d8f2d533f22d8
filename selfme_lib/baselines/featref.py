r"""FeatRef: features shared by all expressions, refined into features of each expression.

L. Zhou, Q. Mao, X. Huang, F. Zhang, Z. Zhang. Feature refinement: An expression-specific feature learning and fusion method
for micro-expression recognition. Pattern Recognition 122, 2022 (arXiv 2101.04838).

Input: u and v of TV-L1 at 28 x 28 px. Dual-Inception's streams and a fully connected layer give the *expression-shared*
feature $z$. The *expression proposal module* has a branch for each class $k$: attention factors $a_k = \sigma(A_k z)$ select
what matters for it, $z_k = \operatorname{ReLU}(W_k (a_k \odot z))$ is the *expression-specific* feature, and a detector proposes
how likely the sample is of this class, $p_k = \sigma(d_k^\top z_k)$. The *classification branch* predicts from all $z_k$,
concatenated. Objective: cross-entropy of the classification plus $\lambda$ times the proposal loss, the mean over $k$ of the
binary cross-entropy of $p_k$.

Parameters: 10,385,870 at these sizes; the paper prints no count. Unclear, as far as it can be read without the journal: sizes
behind the streams (here 1,024 and 256), the form of the attention, how the specific features are fused (here concatenated),
and the weight of the proposal loss (here 1).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from .dual_inception import InceptionStreams
from .training import Network, channels

PROPOSAL_WEIGHT = 1.0


class Proposal(nn.Module):
    """One expression's branch: attention, specific feature, and whether the sample shows this expression."""

    def __init__(self, shared: int, specific: int):
        super().__init__()
        self.attention = nn.Linear(shared, shared)
        self.refine = nn.Linear(shared, specific)
        self.detect = nn.Linear(specific, 1)

    def forward(self, shared: Float[Tensor, "b s"]) -> tuple[Float[Tensor, "b f"], Float[Tensor, "b"]]:
        """The specific feature and the proposal's logit."""
        chosen = self.attention(shared).sigmoid() * shared
        specific = self.refine(chosen).relu()
        return specific, self.detect(specific).squeeze(1)


class FeatRef(Network):
    """Args: `size` of the input in px."""

    def __init__(self, *, size: int = 28, width: float = 1.0, classes: int = 3):
        super().__init__()
        shared, specific = channels(1024, width), channels(256, width)
        self.streams = InceptionStreams(size=size, width=width)
        self.shared = nn.Sequential(nn.Linear(self.streams.features, shared), nn.ReLU())
        self.proposals = nn.ModuleList(Proposal(shared, specific) for _ in range(classes))
        self.classify = nn.Linear(classes * specific, classes)

    def forward_expressions(
        self, inputs: Float[Tensor, "b 2 h w"]
    ) -> tuple[Float[Tensor, "b k"], Float[Tensor, "b k"]]:
        """Logits of the classification, and of each expression's proposal."""
        shared = self.shared(self.streams(inputs))
        specific, proposed = zip(*(branch(shared) for branch in self.proposals))
        return self.classify(torch.cat(specific, dim=1)), torch.stack(proposed, dim=1)

    def forward(self, inputs: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b k"]:
        return self.forward_expressions(inputs)[0]

    def loss(self, inputs: Float[Tensor, "b 2 h w"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        logits, proposed = self.forward_expressions(inputs)
        return F.cross_entropy(logits, labels) + PROPOSAL_WEIGHT * proposal_loss(proposed, labels)


def proposal_loss(proposed: Float[Tensor, "b k"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
    """Binary cross-entropy of every branch, its own expression or not; log 2 for branches that know nothing."""
    return F.binary_cross_entropy_with_logits(proposed, F.one_hot(labels, proposed.shape[1]).to(proposed))
