r"""The project's one coordinate convention, and every operation that depends on it.

* Images are `B C H W`, float32 in [0, 1].
* Flows are `B 2 H W`; channel 0 is x (columns, rightwards), channel 1 is y (rows, downwards), in pixels **of the flow's own
  lattice**.
* Motion is a *backward* flow: it is defined on the lattice of the frame being produced and points to where each pixel comes
  from,

  $$\hat x_t(u) = x_s(u + \Phi(u)).$$

* Pixel centres have integer coordinates. Normalised coordinates run from -1 (centre of the first pixel) to 1 (centre
  of the last), which is `align_corners=True` throughout. Building a grid by one rule and sampling it by the other shifts an
  image by up to half a pixel, as much as a micro-expression moves it.
"""

import functools
import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Images = Float[Tensor, "b c h w"]
Frames = Float[Tensor, "b 3 h w"]
Flow = Float[Tensor, "b 2 h w"]
Points = Float[Tensor, "b k 2"]

BAND = 32  # rows of a Gaussian matrix that are multiplied at once on a CPU: most of a large matrix is zero
FLOOR = 1e-3  # of local contrast, in squared grey values, which are in [0, 1]


@functools.lru_cache(maxsize=256)
@torch.inference_mode(False)  # what is cached in inference mode could not be used in training
def constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype) -> Float[Tensor, "n"]:
    """Numbers on a device, to which they are copied once. Not to be changed, and not for code that is compiled."""
    return torch.tensor(values, device=device, dtype=dtype)


def identity_grid(height: int, width: int, *, device=None, dtype=torch.float32) -> Float[Tensor, "2 h w"]:
    """Pixel coordinates of a lattice, x first."""
    y, x = torch.meshgrid(
        torch.arange(height, device=device, dtype=dtype), torch.arange(width, device=device, dtype=dtype), indexing="ij"
    )
    return torch.stack([x, y])


def normalised_grid(height: int, width: int, *, device=None) -> Float[Tensor, "h w 2"]:
    """Normalised coordinates of a lattice, (x, y) last."""
    return to_normalised(identity_grid(height, width, device=device).permute(1, 2, 0), height, width)


def to_normalised(points: Float[Tensor, "*b 2"], height: int, width: int) -> Float[Tensor, "*b 2"]:
    """Pixel coordinates (x, y) to normalised ones, with the corners at ±1."""
    return 2 * points / constant((width - 1, height - 1), points.device, points.dtype) - 1


def to_pixels(points: Float[Tensor, "*b 2"], height: int, width: int) -> Float[Tensor, "*b 2"]:
    """Normalised coordinates (x, y) to pixels: the inverse of `to_normalised`."""
    return (points + 1) / 2 * constant((width - 1, height - 1), points.device, points.dtype)


def warp(image: Images, flow: Float[Tensor, "_ 2 _ _"]) -> Images:
    r"""Backward warping $\hat x(u) = x(u + \Phi(u))$, bilinear; the border is replicated beyond the image.

    Args:
        image: what to sample; any number of channels.
        flow: where to sample it, in pixels.

    Raises:
        ValueError: image and flow have different lattices.
    """
    if image.shape[0] != flow.shape[0] or image.shape[-2:] != flow.shape[-2:]:
        raise ValueError(
            f"expected a flow of shape {image.shape[0]} 2 {image.shape[2]} {image.shape[3]}, "
            f"got {' '.join(map(str, flow.shape))}"
        )
    height, width = image.shape[-2:]
    position = identity_grid(height, width, device=flow.device, dtype=flow.dtype) + flow  # (b, 2, h, w)
    return _sample_image(image, to_normalised(position.permute(0, 2, 3, 1), height, width))


def translate(image: Images, displacement: Float[Tensor, "b 2"]) -> Images:
    """`warp` by a flow that is constant over each image, but cheaper; `displacement` (x, y) in normalised units."""
    lattice = normalised_grid(*image.shape[-2:], device=image.device)
    return _sample_image(image, lattice + displacement[:, None, None, :])


def _sample_image(image: Images, grid: Float[Tensor, "b h w 2"]) -> Images:
    return F.grid_sample(image, grid.to(image.dtype), mode="bilinear", padding_mode="border", align_corners=True)


def sample(flow: Flow, points: Float[Tensor, "b n 2"]) -> Float[Tensor, "b n 2"]:
    """The flow at normalised points, itself in normalised units (the lattice is 2 units wide)."""
    values = F.grid_sample(flow, points[:, None].to(flow.dtype), padding_mode="border", align_corners=True)
    height, width = flow.shape[-2:]
    return values[:, :, 0].mT * 2 / constant((width - 1, height - 1), flow.device, flow.dtype)  # from (b, 2, 1, n)


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _gaussian_matrix(
    size: int, places: int, sigma: float, device: torch.device, dtype: torch.dtype
) -> Float[Tensor, "places size"]:
    """Gaussian weights of `size` pixels at each of `places` evenly spaced places; the border pixel is replicated."""
    centres = torch.linspace(0, size - 1, places, dtype=torch.float64)
    radius = math.ceil(4 * sigma)
    taps = centres.round()[:, None] + torch.arange(-radius, radius + 1)
    weights = torch.exp(-(taps - centres[:, None]).square() / (2 * sigma**2))
    weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(places, size, dtype=torch.float64)
    return matrix.scatter_add_(1, taps.clamp(0, size - 1).long(), weights).float().to(device, dtype)


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _gaussian_bands(
    size: int, places: int, sigma: float, device: torch.device, dtype: torch.dtype
) -> list[tuple[slice, Float[Tensor, "_ _"]]]:
    """`_gaussian_matrix` in bands of `BAND` rows: for each the pixels that it looks at, and their weights."""
    bands = []
    for weights in _gaussian_matrix(size, places, sigma, device, dtype).split(BAND):
        seen = weights.any(0).nonzero()
        pixels = slice(int(seen[0]), int(seen[-1]) + 1)
        bands.append((pixels, weights[:, pixels].contiguous()))
    return bands


def _resample(image: Tensor, size: tuple[int, int], sigma: tuple[float, float]) -> Tensor:
    """A separable Gaussian filter and resize as two small matrix products.

    Written here because its backward pass is many times faster than that of a convolution such as kornia's. It keeps the
    image's own precision under autocast: the changes that matter here are below the resolution of bfloat16.
    """
    along_y = image.shape[-2], size[0], sigma[0], image.device, image.dtype
    along_x = image.shape[-1], size[1], sigma[1], image.device, image.dtype
    with torch.autocast(device_type=image.device.type, enabled=False):
        if image.requires_grad or image.device.type != "cpu" or min(image.shape[-2:]) < 4 * BAND:
            return _gaussian_matrix(*along_y) @ image @ _gaussian_matrix(*along_x).T
        image = torch.cat([weights @ image[..., rows, :] for rows, weights in _gaussian_bands(*along_y)], dim=-2)
        return torch.cat([image[..., columns] @ weights.T for columns, weights in _gaussian_bands(*along_x)], dim=-1)


def gaussian_blur(image: Images, sigma: float) -> Images:
    """Gaussian blur; `sigma` in pixels; the border is replicated."""
    height, width = image.shape[-2:]
    return _resample(image, (height, width), (sigma, sigma))


def brightness(image: Frames) -> Float[Tensor, "b 1 h w"]:
    """Luma of ITU-R BT.601."""
    weights = constant((0.299, 0.587, 0.114), image.device, image.dtype)
    return (image * weights[:, None, None]).sum(1, keepdim=True)


def local_contrast(image: Frames, sigma: float = 2.0, floor: float = FLOOR) -> Float[Tensor, "b 1 h w"]:
    """`contrast_of` of a picture's grey values, encoded RGB in [0, 1]."""
    return contrast_of(brightness(image), sigma, floor)


def contrast_of(grey: Float[Tensor, "b 1 h w"], sigma: float = 2.0, floor: float = FLOOR) -> Float[Tensor, "b 1 h w"]:
    """Grey value minus its neighbourhood's mean, over its standard deviation: what remains when the light changes.

    Args:
        grey: in [0, 1].
        sigma: standard deviation in pixels of the Gaussian neighbourhood.
        floor: added to the variance, so that noise in flat regions is not blown up to full contrast.
    """
    mean = gaussian_blur(grey, sigma)
    variance = gaussian_blur(grey.square(), sigma).sub_(mean.square()).clamp_min_(0)
    return (grey - mean).div_(variance.add_(floor).sqrt_())


def gradient_products(
    source: Images, target: Images, *, per_pixel: tuple[float, float] = (1.0, 1.0), cell: int = 1
) -> Float[Tensor, "b 6 h//{cell} w//{cell}"]:
    r"""What two images say of a small motion between them, as the terms of Lucas and Kanade's quadratic form.

    $X_x^2, X_x X_y, X_y^2, X_x D, X_y D, D^2$, averaged over channels and over square cells of `cell` pixels a side, with
    $X_x, X_y$ central differences of the mean of both images and $D$ source minus target. `per_pixel`: pixels along x and y in
    one unit of the motion.
    """
    mean = F.pad((source + target) / 2, (1, 1, 1, 1), mode="replicate")
    dx = (mean[..., 1:-1, 2:] - mean[..., 1:-1, :-2]) * (per_pixel[0] / 2)
    dy = (mean[..., 2:, 1:-1] - mean[..., :-2, 1:-1]) * (per_pixel[1] / 2)
    dt = source - target
    pairs = ((dx, dx), (dx, dy), (dy, dy), (dx, dt), (dy, dt), (dt, dt))
    if cell == 1:
        return torch.stack([(one * other).mean(1) for one, other in pairs], dim=1)
    rows = [(one * other).unflatten(2, (-1, cell)).sum(3).mean(1) for one, other in pairs]  # (b, h//cell, w) each
    return F.avg_pool2d(torch.stack(rows, dim=1), (1, cell)) / cell


def resize_image(image: Images, size: tuple[int, int]) -> Float[Tensor, "b c h2 w2"]:
    """Resize to a lattice of `size` (height, width) with the same corners, smoothing when shrinking."""
    height, width = image.shape[-2:]
    if (height, width) == tuple(size):
        return image
    if size[0] > height or size[1] > width:
        return F.interpolate(image, size=size, mode="bilinear", align_corners=True)
    return _resample(image, size, (0.4 * height / size[0], 0.4 * width / size[1]))


def resize_flow(flow: Flow, size: tuple[int, int]) -> Float[Tensor, "b 2 h2 w2"]:
    """Bilinear resize to a lattice of `size` (height, width); values are rescaled to pixels of the new lattice."""
    height, width = flow.shape[-2:]
    if (height, width) == tuple(size):
        return flow
    resized = F.interpolate(flow, size=size, mode="bilinear", align_corners=True)
    return resized * pixel_ratio(flow, size)


def pixel_ratio(flow: Flow, size: tuple[int, int]) -> Float[Tensor, "2 1 1"]:
    """How many pixels of a lattice of `size` (height, width) one pixel of the flow's lattice spans, along x and y."""
    height, width = flow.shape[-2:]
    ratio = ((size[1] - 1) / (width - 1), (size[0] - 1) / (height - 1))
    return constant(ratio, flow.device, flow.dtype)[:, None, None]


def compose(first: Flow, second: Flow) -> Flow:
    r"""The displacement of $u \mapsto g(f(u))$ with $f = id + first$ and $g = id + second$.

    For images, `warp(x, compose(first, second))` is `warp(warp(x, second), first)` up to interpolation.
    """
    return first + warp(second, first)


def jacobian_determinant(flow: Flow) -> Float[Tensor, "b h-1 w-1"]:
    r"""$\det J$ of $u \mapsto u + \Phi(u)$ in each cell, by forward differences; where it is ≤ 0 the map folds."""
    dx = flow[:, :, :-1, 1:] - flow[:, :, :-1, :-1]  # (b, 2, h-1, w-1): derivative along x
    dy = flow[:, :, 1:, :-1] - flow[:, :, :-1, :-1]
    return (1 + dx[:, 0]) * (1 + dy[:, 1]) - dx[:, 1] * dy[:, 0]


def end_point_error(flow: Flow, truth: Flow) -> Float[Tensor, "b h w"]:
    """Length of the difference between two flows, in pixels."""
    return torch.linalg.vector_norm(flow - truth, dim=1)


def optical_strain(motion: Flow) -> Float[Tensor, "b 1 h w"]:
    r"""Magnitude of the strain, $\sqrt{u_x^2 + v_y^2 + \frac12 (u_y + v_x)^2}$: how much the skin stretches."""
    along_y, along_x = torch.gradient(motion, dim=(-2, -1))  # each (b, 2, h, w)
    shear = along_y[:, 0] + along_x[:, 1]
    return (along_x[:, 0] ** 2 + along_y[:, 1] ** 2 + shear**2 / 2).sqrt().unsqueeze(1)
