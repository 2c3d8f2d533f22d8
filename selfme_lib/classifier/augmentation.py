"""Random views of a motion, so that a classifier learns to ignore where on the image, how large and on which side it is."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def augment(
    inputs: Float[Tensor, "b c h w"],
    *,
    flip: bool,
    shift: float,
    zoom: float,
    motion: bool = True,
    generator: torch.Generator,
) -> Float[Tensor, "b c h w"]:
    r"""The same motion under another view: $\Phi'(u) = A^{-1} \Phi(A u + t)$ with a random diagonal $A$ per sample.

    A mirrored face (`flip`) has $A_{xx} < 0$, so the formula negates dx; an enlarged face moves by more pixels.

    Args:
        flip: mirror half of the samples.
        shift: maximum `|t|` along x and y, in pixels.
        zoom: maximum relative change of size.
        motion: the first two channels are a motion; any others, such as its strain, have no direction. False: none has.
    """
    batch, _, height, width = inputs.shape
    random = torch.rand(4, batch, generator=generator).to(inputs.device)
    side = torch.where(random[0] < 0.5, -1.0, 1.0) if flip else torch.ones_like(random[0])
    size = 1 + zoom * (2 * random[1] - 1)
    offset = shift * (2 * random[2:] - 1)  # (2, b)
    along_x = _line(side * size, offset[0], width)[:, None, :].expand(-1, height, -1)  # A is diagonal: x needs no y,
    along_y = _line(size, offset[1], height)[:, :, None].expand(-1, -1, width)  # which halves the time of affine_grid
    grid = torch.stack([along_x, along_y], dim=-1)
    seen = F.grid_sample(inputs, grid, padding_mode="border", align_corners=True)
    if motion:
        seen[:, :2] *= torch.stack([side / size, 1 / size], dim=1)[:, :, None, None]
    return seen


def _line(scale: Float[Tensor, "b"], offset: Float[Tensor, "b"], pixels: int) -> Float[Tensor, "b n"]:
    """Where to read along one axis: a x + t from edge to edge, in normalised coordinates."""
    edge_to_edge = torch.linspace(-1, 1, pixels, device=scale.device)
    return scale[:, None] * edge_to_edge + 2 * offset[:, None] / (pixels - 1)
