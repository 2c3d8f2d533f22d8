r"""From a small dense motion to a smooth, invertible one at image size (Eq 9 and the exponential that follows it).

A cubic B-spline expands the field: each point of the control grid $G$ spreads its value over the four cells around it along
each axis. The result is read as a stationary velocity and integrated for unit time by scaling and squaring (Arsigny et al.
2006), which turns a smooth velocity into a diffeomorphism: $\det J > 0$ everywhere.
"""

import functools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from selfme_lib.grids import Flow, compose, pixel_ratio, resize_flow
from selfme_lib.runtime.errors import UsageError

LARGEST_GAMMA = 1_000  # far beyond any use: a motion of a pixel would leave the image


def cubic_bspline(t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    r"""The cubic B-spline $\beta(t)$ with knots at the integers; zero outside (-2, 2)."""
    t = t.abs()
    inner = 2 / 3 - t.square() + t.pow(3) / 2
    outer = (2 - t).clamp_min(0).pow(3) / 6
    return torch.where(t < 1, inner, outer)


@functools.lru_cache(maxsize=32)
@torch.inference_mode(False)  # a matrix cached in inference mode could not be used in training
def _expansion_matrix(
    points: int, size: int, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "places controls"]:
    """Weights of the control points, padded by one at each end, at `size` places; the corners of both lattices coincide."""
    places = torch.linspace(0, points - 1, size, dtype=torch.float64)  # in units of the control grid
    controls = torch.arange(-1, points + 1, dtype=torch.float64)
    return cubic_bspline(places[:, None] - controls[None, :]).float().to(device, dtype)


def expand_bspline(motion: Flow, size: tuple[int, int]) -> Float[Tensor, "b 2 H W"]:
    r"""Cubic B-spline expansion (Eq 9) of motion on a control grid to the image's lattice:

    $$\Phi(v) = \sum_{u \in G} \tilde\Phi(u) \prod_{\delta=1}^{2} \beta\!\left(v^\delta - u^\delta\right).$$

    The product is separable, so the sum is two small matrix products. Inside, a value depends on the four nearest control
    points along each axis; at the border the outermost ones are repeated. The spline approximates its control points,
    smoothing them, and does not pass through them.

    Args:
        motion: control points, in pixels of their own lattice.
        size: (height, width) of the result, which is in pixels of that size.
    """
    height, width = motion.shape[-2:]
    rows = _expansion_matrix(height, size[0], motion.device, motion.dtype)
    columns = _expansion_matrix(width, size[1], motion.device, motion.dtype)
    padded = F.pad(motion, (1, 1, 1, 1), mode="replicate")  # (b, 2, h+2, w+2)
    return rows @ padded @ columns.T * pixel_ratio(motion, size)


def exponential(velocity: Flow, steps: int = 7) -> Flow:
    r"""$\exp(v)$: the displacement after unit time along a stationary velocity, by scaling and squaring.

    $\phi_0 = v / 2^n$, then $n$ times $\phi \leftarrow \phi \circ \phi$. In pixels; the border's velocity is replicated
    beyond the lattice, so a constant velocity stays constant.

    Args:
        velocity: in pixels per unit of time.
        steps: n; $|v|/2^n$ should be well below a pixel.
    """
    displacement = velocity / 2**steps
    for _ in range(steps):
        displacement = compose(displacement, displacement)
    return displacement


def diffeomorphic_motion(
    motion: Flow, size: tuple[int, int], *, gamma: float = 1.0, bspline: bool = True
) -> Float[Tensor, "b 2 H W"]:
    r"""The classifier's input: $\gamma\tilde\Phi$, expanded and exponentiated.

    Amplification scales the dense motion $\tilde\Phi$, whose weights come from frames that are not amplified, before the
    spline and the exponential.

    Args:
        motion: $\tilde\Phi$, in pixels of its own lattice.
        size: (height, width) of the image.
        gamma: motion amplification factor (Eq 2).
        bspline: if False, bilinear expansion and no exponential, as in Table 1's rows without B-spline.

    Raises:
        UsageError: $\gamma$ is negative, above `LARGEST_GAMMA` or no number.
    """
    if not 0 <= gamma <= LARGEST_GAMMA:
        raise UsageError(f"gamma {gamma}: expected a number from 0 to {LARGEST_GAMMA:,}")
    if not bspline:
        return resize_flow(gamma * motion, size)
    return exponential(expand_bspline(gamma * motion, size))
