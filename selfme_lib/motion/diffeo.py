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

from selfme_lib.grids import Flow, constant, normalised_grid, pixel_ratio, resize_flow
from selfme_lib.runtime.errors import UsageError

LARGEST_GAMMA = 1_000  # far beyond any use: a motion of a pixel would leave the image
TOLERANCE = 0.05  # px, at the worst pixel of an exponential
MOST_SQUARINGS = 7  # as many as is usual, whatever a field may need


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


def exponential(velocity: Flow, steps: int | None = None) -> Flow:
    r"""$\exp(v)$: the displacement after unit time along a stationary velocity, by scaling and squaring.

    A short step of $h = 2^{-n}$ is doubled n times by $\phi \leftarrow \phi \circ \phi$. In pixels; the border's velocity is
    replicated beyond the lattice, so a constant velocity stays constant.

    Args:
        velocity: in pixels per unit of time.
        steps: n. The first step is then Euler's, $h v$, as is usual; $|v|/2^n$ should be well below a pixel. By default the first
            step is the midpoint rule's, $h\,v(u + \frac h2 v(u))$, and `squarings` chooses n for each field of the batch.
    """
    height, width = velocity.shape[-2:]
    lattice = normalised_grid(height, width, device=velocity.device).to(velocity.dtype)
    pixels = constant(((width - 1) / 2, (height - 1) / 2), velocity.device, velocity.dtype)[:, None, None]

    def after(flow: Flow, displacement: Flow) -> Flow:  # the flow where the displacement leads, both normalised
        place = lattice + displacement.permute(0, 2, 3, 1)
        return F.grid_sample(flow, place, padding_mode="border", align_corners=True)

    def squared(displacement: Flow) -> Flow:
        return displacement + after(displacement, displacement)

    displacement = velocity / pixels
    if steps is not None:
        displacement = displacement / 2**steps
        for _ in range(steps):
            displacement = squared(displacement)
        return displacement * pixels
    numbers = squarings(velocity)
    short = torch.exp2(-numbers)[:, None, None, None]
    displacement = short * after(displacement, displacement * (short / 2))
    if velocity.device.type == "cpu":
        fields = list(displacement.split(1))
        for index, number in enumerate(numbers.tolist()):
            for _ in range(int(number)):
                fields[index] = squared(fields[index])
        return torch.cat(fields) * pixels
    for left in range(MOST_SQUARINGS, 0, -1):  # a GPU does what is in vain faster than it can be asked what is not
        displacement = torch.where((numbers >= left)[:, None, None, None], squared(displacement), displacement)
    return displacement * pixels


@torch.no_grad()
def squarings(velocity: Flow) -> Float[Tensor, "b"]:
    r"""How many squarings keep the error of each field's exponential below `TOLERANCE`, at most `MOST_SQUARINGS`.

    Between pixels the velocity is bilinear. Let $M$ be its largest length, $L$ a bound of its slope, $J$ of the change of slope
    from one pixel to the next along x plus that along y (the border, beyond which the slope is 0, included), and $X$ of its mixed
    second difference. In a step of $h$ the midpoint rule looks up the velocity on a straight line instead of the path, which
    strays from it by at most $L M t^2 / 2$, and once instead of all along: an error of $J M h^2 / 8$ for each of the
    $M + 1$ pixels passed (along x and along y) in unit time, and of $X M^2 h^3 / 24$ within one. What a step does wrong
    grows by at most $e^L$ until the end. So in all

    $$|\phi - \exp v| \le e^L \left(\frac{J M (M + 1)}{8} + \frac{X M^2}{24} + \frac{L^2 M}{6}\right) 4^{-n}.$$

    Euler's step would leave $e^L\,\frac{L M}{2}\,2^{-n}$. Interpolation at each squaring adds up to $J/16$, whatever $h$: another
    reason for few. And $h L \le 1/2$, which keeps the first step, and so all, invertible.
    """
    along_x, along_y = velocity.diff(dim=3), velocity.diff(dim=2)
    length, slope = _largest(velocity), (_largest(along_x).square() + _largest(along_y).square()).sqrt()
    bend = sum(
        torch.stack([_largest(part) for part in (along.diff(dim=dim), *(along.narrow(dim, i, 1) for i in ends))]).amax(
            0
        )
        for along, dim in ((along_x, 3), (along_y, 2))
        for ends in [(0, along.shape[dim] - 1)]
    )
    mixed = _largest(along_x.diff(dim=2))
    error = slope.exp() * (bend * length * (length + 1) / 8 + mixed * length**2 / 24 + slope**2 * length / 6)
    needed = torch.maximum(torch.log2(error / TOLERANCE) / 2, torch.log2(2 * slope))
    return needed.ceil().nan_to_num(MOST_SQUARINGS).clamp(0, MOST_SQUARINGS)


def _largest(field: Flow) -> Float[Tensor, "b"]:
    """A bound of the lengths of vectors: that of a vector of both components' largest values."""
    flat = field.flatten(2)
    return torch.maximum(flat.amax(2), -flat.amin(2)).norm(dim=1)


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
