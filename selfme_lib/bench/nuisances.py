r"""What makes motion harder to find without being motion of the face, applied to pairs whose motion is known.

Each nuisance maps `Pairs` to `Pairs`, at the size at which motion is measured. Its random numbers depend on the clip's name
alone, so every method and every run sees the same. The strengths are those of recordings that are bad but still usable.

`light`, `noise`, `jpeg` and `grey` change frames and leave the truth; `drift` moves the apex and changes the truth with it.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.grids import brightness, compose, identity_grid, to_normalised, warp
from selfme_lib.synthme.sensor import expose, through_jpeg

from .pairs import Pairs

GAIN, GAMMA, GRADIENT = 0.03, 0.03, 0.03  # largest logarithm of gain and gamma; share of brightness, middle to edge
NOISE = 0.02  # at mid-grey; SynthME's own is .008
JPEG_QUALITY = 60
SHIFT, TURN, ZOOM = 1.5, 0.004, 0.004  # pixels of a 256-pixel frame; radians; share

Nuisance = Callable[[Pairs], Pairs]


def light(pairs: Pairs) -> Pairs:
    r"""The light changes between the frames: the apex becomes $g\,(1 + a\,\langle d, u \rangle)\,x^\gamma$.

    Gain g, gamma and the direction d of the gradient are drawn for each clip; u are normalised coordinates.
    """
    height, width = pairs.apex.shape[-2:]
    place = to_normalised(identity_grid(height, width).permute(1, 2, 0), height, width)  # (h, w, 2)
    draws = [(*rng.uniform(-1, 1, 2), rng.uniform(0, 2 * np.pi)) for rng in _generators("light", pairs)]
    gain, gamma, angle = torch.tensor(draws, dtype=torch.float32).T[..., None, None, None]  # (b, 1, 1, 1) each
    gradient = 1 + GRADIENT * (torch.cos(angle) * place[..., 0] + torch.sin(angle) * place[..., 1])
    apex = torch.exp(GAIN * gain) * gradient * pairs.apex ** torch.exp(GAMMA * gamma)
    return replace(pairs, apex=apex.clamp(0, 1))


def noise(pairs: Pairs) -> Pairs:
    """A sensor two and a half times as noisy as SynthME's; see `synthme.sensor`."""
    drawn = list(_generators("noise", pairs))

    def exposed(picture: Float[np.ndarray, "h w 3"], index: int) -> UInt8[np.ndarray, "h w 3"]:
        return expose(picture, drawn[index], noise=NOISE)

    return replace(pairs, onset=_each(pairs.onset, exposed), apex=_each(pairs.apex, exposed))


def jpeg(pairs: Pairs) -> Pairs:
    """Both frames strongly compressed, with 8 x 8 blocks that do not move with the face."""

    def compressed(picture: Float[np.ndarray, "h w 3"], _: int) -> UInt8[np.ndarray, "h w 3"]:
        return through_jpeg((picture * 255 + 0.5).astype(np.uint8), JPEG_QUALITY)

    return replace(pairs, onset=_each(pairs.onset, compressed), apex=_each(pairs.apex, compressed))


def grey(pairs: Pairs) -> Pairs:
    """Both frames without colour, as from SMIC's near-infrared camera or from SAMM."""
    onset, apex = (brightness(images).expand_as(images).contiguous() for images in (pairs.onset, pairs.apex))
    return replace(pairs, onset=onset, apex=apex)


def drift(pairs: Pairs) -> Pairs:
    r"""The head drifts before the apex: a similarity $S$ of the whole frame, wall included, about its middle.

    The new apex is $x'_a(u) = x_a(u + S(u))$ and $x_a(v) = x_o(v + \Phi(v))$, so the new truth is $S$ composed with
    $\Phi$: $\Phi'(u) = S(u) + \Phi(u + S(u))$. The face's own motion is carried along and still marks what moves.
    """
    height, width = pairs.apex.shape[-2:]
    moved = torch.cat([_similarity(rng, height, width) for rng in _generators("drift", pairs)])
    apex = _each(pairs.apex, lambda picture, index: _resampled(picture, moved[index]))
    truth, action = compose(moved, pairs.truth), warp(pairs.action, moved)
    return replace(pairs, apex=apex, truth=truth, action=action, moving=warp(pairs.moving, moved))


def _similarity(generator: np.random.Generator, height: int, width: int) -> Float[Tensor, "1 2 h w"]:
    """A shift in a random direction, with a turn and a zoom about the middle, as a flow in pixels."""
    direction = generator.uniform(0, 2 * np.pi)
    turn, zoom = generator.choice([-1.0, 1.0], 2).tolist()
    matrix = torch.tensor([[ZOOM * zoom, -TURN * turn], [TURN * turn, ZOOM * zoom]])
    middle = torch.tensor([(width - 1) / 2, (height - 1) / 2])[:, None, None]
    shift = SHIFT * width / 256 * torch.tensor([np.cos(direction), np.sin(direction)], dtype=torch.float32)
    place = identity_grid(height, width) - middle
    return (torch.einsum("ij,jhw->ihw", matrix, place) + shift[:, None, None])[None]


def _resampled(picture: Float[np.ndarray, "h w 3"], flow: Float[Tensor, "2 h w"]) -> Float[np.ndarray, "h w 3"]:
    """Like `grids.warp`, but with Lanczos' kernel: a bilinear one would blur the apex, a nuisance of its own."""
    x, y = (identity_grid(*picture.shape[:2]) + flow).numpy()
    return cv2.remap(picture, x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE).clip(0, 1)


def _generators(name: str, pairs: Pairs) -> Iterator[np.random.Generator]:
    """One for each clip, seeded by the names of nuisance and clip."""
    for key in pairs.keys:
        yield np.random.default_rng(list(hashlib.sha256(f"{name} {key}".encode()).digest()[:8]))


def _each(
    images: Float[Tensor, "b 3 h w"], change: Callable[[np.ndarray, int], np.ndarray]
) -> Float[Tensor, "b 3 h w"]:
    """Each picture (h, w, 3) passed through `change`, with its index; the result may be bytes."""
    pictures = images.permute(0, 2, 3, 1).numpy()
    changed = np.stack([change(np.ascontiguousarray(picture), index) for index, picture in enumerate(pictures)])
    if changed.dtype == np.uint8:
        changed = changed.astype(np.float32) / 255
    return torch.from_numpy(changed).permute(0, 3, 1, 2).contiguous()


ON_FRAMES: dict[str, Nuisance] = {"light": light, "noise": noise, "jpeg": jpeg, "grey": grey, "drift": drift}
