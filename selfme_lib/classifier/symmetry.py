r"""The symmetric contrastive loss, which teaches a transformer that a face has two halves (paper §3.3, Eq 12-14).

A transformer sees the patches of a motion as an unordered set of tokens. Here the patch embeddings are averaged over the four
quadrants of the image,

$$\bar\Phi^\alpha = \tfrac1{N_0} \sum_{i=1}^{N_0} \Phi_d^{\alpha i},\qquad \alpha \in R = \{UL, UR, BL, BR\},$$

and a quadrant is pulled towards the same quadrant, and the one across the face, of the samples of its class. As printed, the
ratio in Eq 14 has the same exponential in numerator and denominator: it is $1/|A|$ whatever the weights, and its gradient is
exactly zero. We read it as supervised contrastive learning (Khosla et al. 2020) for each ordered pair of regions
$(\alpha, \beta)$ that are identical or symmetrical:

$$L_{sc} = \operatorname{mean}_{(i,\alpha,\beta)} \frac{-1}{|P(i,\alpha,\beta)|} \sum_{p \in P(i,\alpha,\beta)}
  \log \frac{\exp(\bar\Phi_i^\alpha \cdot \bar\Phi_p^\beta / \tau)}
            {\sum_{a \in A(i,\alpha,\beta)} \exp(\bar\Phi_i^\alpha \cdot \bar\Phi_a^\beta / \tau)}$$

with unit vectors $\bar\Phi$; $P$ holds the samples of $i$'s class and $A$ the whole batch, both without $i$ itself where
$\alpha = \beta$. Pairs of regions that are neither identical nor symmetrical add nothing, anchors without positives are left out,
and the paper's sum is a mean here: the sum would be a hundred times the cross-entropy.

"Left" and "right" are those of the image. Motions are `b 2 h w`, x first (see `grids`).
"""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


def region_embeddings(patches: Float[Tensor, "b n d"]) -> Float[Tensor, "b 4 d"]:
    """Eq 12 and 13: the mean patch embedding of each quadrant, in the order UL, UR, BL, BR of the image.

    Raises:
        ValueError: the patches are not an even, square grid.
    """
    side = math.isqrt(patches.shape[1])
    if side * side != patches.shape[1] or side % 2:
        raise ValueError(f"expected an even, square grid of patches, got {patches.shape[1]} patches")
    grid = patches.unflatten(1, (2, side // 2, 2, side // 2))  # (b, 2, s/2, 2, s/2, d): half, row, half, column
    return grid.mean(dim=(2, 4)).flatten(1, 2)


def flip_motion(motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """The motion of the mirrored face: flipped left to right, with dx negated."""
    return torch.cat([-motion[:, :1], motion[:, 1:]], dim=1).flip(-1)


def mirror_right_half(motion: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Our extension `mirror`: the right half replaced by its own mirror image.

    When both corners of the mouth are pulled outwards, dx has opposite signs left and right, and the loss as written asks for
    equal embeddings of opposite inputs. After this, a motion that is symmetric about the middle has equal halves.
    """
    left, right = motion.chunk(2, dim=-1)
    return torch.cat([left, flip_motion(right)], dim=-1)


def symmetric_contrastive_loss(
    regions: Float[Tensor, "*s b 4 d"],
    labels: Int[Tensor, "*s b"],
    *,
    tau: float = 0.07,
    denominator: Literal["pair", "all"] = "pair",
) -> Float[Tensor, "*s"]:
    """Eq 14 as the module's docstring reads it, of one batch or of several that have nothing to do with each other.

    Args:
        regions: from `region_embeddings`; normalised here.
        labels: class of each sample.
        tau: temperature.
        denominator: `pair` compares an anchor with the regions β of the batch, one pair (α, β) at a time; `all` with all other
            4b-1 regions at once, which is SupCon whose classes are (label, upper or lower half).
    """
    unit, batch = F.normalize(regions.float(), dim=-1), regions.shape[-3]
    if denominator == "all":
        unit = unit.flatten(-3, -2)  # (*s, 4b, d)
        half = torch.arange(4, device=labels.device) // 2
        group = (2 * labels[..., None] + half).flatten(-2)  # label and half, (*s, 4b)
        itself = torch.eye(4 * batch, dtype=torch.bool, device=labels.device)
        positive = ~itself & (group[..., :, None] == group[..., None, :])
        return contrast(unit @ unit.mT / tau, positive=positive, candidate=~itself)
    # of each half its left regions, then its right ones: (*s, 2, 2b, d)
    unit = unit.unflatten(-2, (2, 2)).movedim(-4, -2).flatten(-3, -2)
    # of a half, an anchor (i, α) and β, the similarities to all samples: (*s, 2, 2b, 2, b)
    similarity = (unit @ unit.mT / tau).unflatten(-1, (2, batch))
    itself = torch.eye(2 * batch, dtype=torch.bool, device=labels.device).unflatten(-1, (2, batch))
    same = (labels[..., :, None] == labels[..., None, :]).repeat(*[1] * (labels.dim() - 1), 2, 1)  # (*s, 2b, b)
    positive = (~itself & same[..., None, :]).unsqueeze(-4).expand_as(similarity)
    rows = [each.flatten(-4, -2) for each in (similarity, positive, ~itself.expand_as(similarity))]  # (*s, 8b, b)
    return contrast(rows[0], positive=rows[1], candidate=rows[2])


def contrast(
    similarity: Float[Tensor, "*s n m"], *, positive: Bool[Tensor, "*s n m"], candidate: Bool[Tensor, "*#s n m"]
) -> Float[Tensor, "*s"]:
    """Supervised contrastive loss: -log softmax over the candidates, averaged over each anchor's positives, then over anchors.

    Rows are anchors. An anchor without positives is left out; if none has any, the loss is zero.
    """
    lowest = torch.finfo(similarity.dtype).min  # not -inf: the gradients of a row without candidates must not be NaN
    log_ratio = similarity.masked_fill(~candidate, lowest).log_softmax(-1)
    positives = positive.sum(-1)
    weight = positive / positives.clamp(min=1)[..., None]
    return -(log_ratio * weight).sum((-2, -1)) / (positives > 0).sum(-1).clamp(min=1)
