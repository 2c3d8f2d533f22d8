r"""SelfME+: what faces do, learned without labels, weighed against what two frames say. Ours, within the paper's Eq 1 to 5.

*Keypoints* $z^k$ (Eq 1) lie on a lattice of 32 x 32 cells. In its cell each of them gathers Lucas and Kanade's evidence on
its own motion $v^k$ (`flow.lucas_kanade`), in units of the noise, which what no motion explains gives away:

$$-\log p(X \mid v^k) = \tfrac12 v^{k\top} A^k v^k - h^{k\top} v^k + \text{const}, \qquad
  A^k = \tfrac{n}{\sigma^2}\,\overline{\nabla X \nabla X^\top}, \quad h^k = \tfrac{n}{\sigma^2}\,\overline{(X_t - X_s)\nabla X}.$$

A cell with texture knows its motion well, a cell on a cheek hardly, and across an edge better than along it.

*Exchange.* Faces do not move at random: a few factors $c$ move all keypoints, and each strays a little,

$$v^k = B^k c + e^k, \qquad c \sim \mathcal N(0, s^2 I), \quad e^k \sim \mathcal N(0, \tau_k^2 I).$$

Given all evidence, $c$ and $e$ are known in closed form, and so are the *local motions* (Eq 2): every keypoint listens to
every other one, as much as they move together in faces and as much as the other one has seen. ($s$, how much this pair
moves at all, is found by a few rounds of its own.) Then the source is warped and evidence gathered anew: first between frames
of half the size, where a blink is a motion small enough to be seen as one, then between the frames themselves.

*Weights* (Eq 4). Of the K + 1 motions, the last is zero. A small network says from the look of the target alone where the head
is that moves, on a lattice twice as fine; elsewhere, at the wall, zero has the weight. *Dense motion* is their sum (Eq 5).

$B$, $\tau$ and the network are learned from pairs of frames of other people and nothing else: `face_prior_training`.
"""

from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from selfme_lib.grids import (
    Flow,
    Frames,
    Images,
    brightness,
    contrast_of,
    gradient_products,
    normalised_grid,
    resize_flow,
    resize_image,
    warp,
)
from selfme_lib.runtime.device import device_of
from selfme_lib.runtime.settings import STRICT

from .hourglass import Hourglass, conv_block

SIDE = 128  # pixels of the frame in which motions are counted here
ROUNDS = 4  # in which s is found
PIXELS = 16 * SIDE**2  # at once on a CPU: of more, what is in between is no longer in its cache
BLOCK = 32  # rows of the precision that are computed at once
RIDGE = 1e-4  # for cells without any texture
Halvings = Annotated[int, Field(ge=0, le=2, description="a cell has 4 x 4 pixels")]


@dataclass(frozen=True, config=STRICT)
class FacePriorConfig:
    r"""Choices, made on choice people.

    Attributes:
        lattice: keypoints along each side.
        factors: number of c.
        halvings: how often the sides of the frames are halved, in each pass.
        samples: n, independent pixels in a cell of 4 x 4: neighbouring pixels of local contrast resemble each other.
        windows, floor: of the two channels of local contrast that are compared, in pixels; see `grids.local_contrast`.
        width: of the network that finds the head; sharpness: factor on its logits, once it is learned.
    """

    lattice: Annotated[int, Field(ge=8, le=128, multiple_of=8)] = 32
    factors: Annotated[int, Field(ge=1, le=1000)] = 128
    halvings: Annotated[tuple[Halvings, ...], Field(min_length=1, max_length=10)] = (1, 0)
    samples: Annotated[float, Field(gt=0, le=100)] = 4.0
    windows: tuple[float, ...] = (2.0, 5.0)
    floor: Annotated[float, Field(gt=0, le=1)] = 3e-3
    width: Annotated[int, Field(ge=4, le=256)] = 16
    sharpness: Annotated[float, Field(gt=0, le=100)] = 4.0


class Evidence(NamedTuple):
    """What the frames say of each keypoint's motion, in pixels of a frame of `SIDE`."""

    information: Float[Tensor, "b n n 2 2"]  # A
    vector: Float[Tensor, "b n n 2"]  # h


class Posterior(NamedTuple):
    """What is known of the factors, given the evidence."""

    mean: Float[Tensor, "b r"]
    root: Float[Tensor, "b r r"]  # R, upper triangular, of the precision R^T R
    shared: Evidence  # on B c alone: what the strays e leave of the evidence

    @property
    def covariance(self) -> Float[Tensor, "b r r"]:
        return torch.cholesky_inverse(self.root, upper=True)


class HeadNetwork(nn.Module):
    """Where the head is that moves, from the look of a frame: logits on a lattice twice as fine. It sees no motion."""

    def __init__(self, config: FacePriorConfig):
        super().__init__()
        width = config.width
        self.at_whole = conv_block(4, 8)
        self.at_half = conv_block(8, width)
        self.at_quarter = conv_block(width, width)
        self.hourglass = Hourglass(in_channels=width + 2, width=2 * width, depth=3, max_width=4 * width)
        self.up = conv_block(3 * width, width)
        self.out = nn.Conv2d(width, 1, 3, padding=1)
        self.lattice = config.lattice

    def forward(self, frame: Frames) -> Float[Tensor, "b m m"]:
        frame = resize_image(frame, (4 * self.lattice, 4 * self.lattice))
        grey = brightness(frame)
        centred = grey - grey.mean((2, 3), keepdim=True)
        spread = (
            centred.square().sum((2, 3), keepdim=True) / (centred[0].numel() - 1)
        ).sqrt()  # a fifteenth of std's time
        colour = 5 * (frame[:, ::2] - grey)  # red and blue
        look = torch.cat([centred / (spread + 1e-3), contrast_of(grey), colour], dim=1)
        look = look.contiguous(memory_format=torch.channels_last)  # a third faster on a CPU
        half = self.at_half(F.avg_pool2d(self.at_whole(look), 2))
        quarter = self.at_quarter(F.avg_pool2d(half, 2))
        x, y = normalised_grid(self.lattice, self.lattice, device=frame.device).unbind(-1)
        place = torch.stack([x.abs(), y]).expand(len(frame), -1, -1, -1)  # faces are as good as mirrored ones
        place = place.contiguous(memory_format=torch.channels_last)
        whole = self.hourglass.forward_channels_last(torch.cat([quarter, place], dim=1))
        whole = F.interpolate(whole, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.out(self.up(torch.cat([whole, half], dim=1)))[:, 0]


class FacePrior(nn.Module):
    r"""Motion by evidence and by what faces do. Has `dense_motion` as `learner.MotionLearner` has it.

    `basis` (n, n, 2, r) is B and `stray` (n, n) is $\tau^2$, both in pixels of a frame of `SIDE`.
    """

    basis: Tensor
    stray: Tensor

    def __init__(self, config: FacePriorConfig):
        super().__init__()
        self.config = config
        n = config.lattice
        self.register_buffer("basis", torch.zeros(n, n, 2, config.factors))
        self.register_buffer("stray", torch.full((n, n), 0.01))
        self.head = HeadNetwork(config)

    def detail(self, grey: Float[Tensor, "b 1 h w"]) -> Images:
        """The channels that are compared, of the brightness of frames."""
        return torch.cat([contrast_of(grey, window, self.config.floor) for window in self.config.windows], dim=1)

    def forward_evidence(
        self, source: Images, target: Images, about: Float[Tensor, "b n n 2"] | None = None
    ) -> Evidence:
        """Evidence on the whole motion between details, linearised about a motion of the lattice (none: about zero)."""
        side = source.shape[-1]
        if about is not None:
            source = warp(source, self.to_frame(about, side))
        products = gradient_products(source, target, cell=side // self.config.lattice)
        xx, xy, yy, xt, yt, tt = products.unbind(1)
        information, vector = _symmetric(xx, xy, yy), _vectors(-xt, -yt)
        unexplained = (tt - (vector * _solve(information, vector, RIDGE)).sum(-1)).clamp_min(1e-8)
        noise = unexplained.flatten(1).median(1).values[:, None, None]
        trust = self.config.samples * (side / SIDE) ** 2 / noise * (2 * noise / unexplained).clamp_max(1)  # less where
        scale = side / SIDE  # something happens that is no motion
        information, vector = information * (trust * scale**2)[..., None, None], vector * (trust * scale)[..., None]
        if about is not None:
            vector = vector + _times(information, about)
        return Evidence(information, vector)

    def forward_posterior(self, evidence: Evidence, *, rounds: int = ROUNDS) -> Posterior:
        """The factors, the strays integrated out; s is found in so many rounds, of which the first takes it to be 1."""
        left = _inverse(evidence.information * self.stray[..., None, None], 1.0)  # of the evidence, by the strays
        shared = Evidence(_product(evidence.information, left), _times(left, evidence.vector))
        precision = self._precision(shared.information)
        pull = (shared.vector.flatten(1) @ self.basis.flatten(0, 2))[..., None]
        unit = torch.eye(pull.shape[1], dtype=pull.dtype, device=pull.device)

        def known(size: Float[Tensor, "b"]) -> tuple[Tensor, Tensor, Tensor]:  # if s² were so large
            root, failed = torch.linalg.cholesky_ex(precision + unit / size[:, None, None], upper=True)
            return torch.cholesky_solve(pull, root, upper=True)[..., 0], root, failed

        mean, root, failed = known(pull.new_ones(len(pull)))
        for _ in range(rounds - 1):
            inverse = torch.linalg.solve_triangular(root, unit, upper=True, left=False)  # R^-1 R^-T is the covariance
            spread = mean.square().sum(1) + inverse.square().sum((1, 2))
            mean, root, failed = known(((spread + 2) / (len(unit) + 2)).clamp(0.02, 50))  # with a weak belief in 1
        return Posterior(mean.masked_fill(failed[:, None] > 0, torch.nan), root, shared)

    def _precision(self, information: Float[Tensor, "b n n 2 2"]) -> Float[Tensor, "b r r"]:
        r"""$\sum_k B^{k\top} A^k B^k$, which is symmetric: what is left of its diagonal is copied, in blocks."""
        basis = self.basis.flatten(0, 1)  # (k, 2, r)
        flat = basis.flatten(0, 1).T  # (r, p): p counts both components of all keypoints
        precision = basis.new_empty(len(information), *2 * basis.shape[-1:])
        at_once = 1 if basis.device.type == "cpu" else max(1, len(information))  # A B of one pair fills a core's cache
        matrices = information.flatten(1, 2).contiguous()
        for some, result in zip(matrices.split(at_once), precision.split(at_once)):
            seen = (some @ basis).flatten(1, 2)  # A B: (b, p, r)
            for start in range(0, len(flat), BLOCK):
                end = start + BLOCK
                result[:, start:end, start:] = flat[start:end] @ seen[..., start:]
                result[:, end:, start:end] = result[:, start:end, end:].mT
        return precision

    def shared_motion(self, factors: Float[Tensor, "b r"]) -> Float[Tensor, "b n n 2"]:
        """B c."""
        return torch.einsum("xyir,br->bxyi", self.basis, factors)

    def strays(self, evidence: Evidence, shared: Float[Tensor, "b n n 2"]) -> Float[Tensor, "b n n 2"]:
        """e, given B c: what the evidence still asks for, as far as keypoints stray."""
        left = evidence.vector - _times(evidence.information, shared)
        return _solve(evidence.information, left, 1 / self.stray)

    def to_frame(self, motion: Float[Tensor, "b n n 2"], side: int) -> Flow:
        """A motion of the lattice as a flow in pixels of a frame with so many on a side."""
        cells = self.config.lattice
        motion = motion.permute(0, 3, 1, 2).contiguous()  # as it is, it would be resized four times as slowly
        return resize_flow(motion * ((cells - 1) / (SIDE - 1)), (side, side))

    def gather(self, source: Frames, target: Frames) -> tuple[Evidence, Posterior, Float[Tensor, "b n n 2"]]:
        """Evidence about the motion that the factors of the pass before explain, the factors it leads to, and their motion."""
        grey, about = torch.cat([brightness(source), brightness(target)]), None
        for halvings in self.config.halvings:
            side = grey.shape[-1] // 2**halvings
            source_detail, target_detail = self.detail(resize_image(grey, (side, side))).chunk(2)
            evidence = self.forward_evidence(source_detail, target_detail, about)
            found = self.forward_posterior(evidence)
            shared = about = self.shared_motion(found.mean)
        return evidence, found, shared

    def forward_motion(self, source: Frames, target: Frames) -> Float[Tensor, "b n n 2"]:
        """The motion of each keypoint of the head, wherever it is: before the weights."""
        evidence, _, shared = self.gather(source, target)
        return shared + self.strays(evidence, shared)

    def weights(self, target: Frames) -> Float[Tensor, "b m m"]:
        """Of motion against standing still.

        What the network learned from reaches a little beyond the edge of the head, as contrast does; so it takes back one cell.
        """
        logits = F.pad(self.head(target)[:, None], (1, 1, 1, 1), mode="replicate")
        # minima of three by three, in a twentieth of the time of max_pool2d
        rows = torch.minimum(torch.minimum(logits[..., :-2, :], logits[..., 1:-1, :]), logits[..., 2:, :])
        shrunk = torch.minimum(torch.minimum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])[:, 0]
        return torch.sigmoid(self.config.sharpness * shrunk)

    def working_side(self, frames: Frames) -> int:
        """128 or 256 pixels, for the default lattice: the nearer one to the frames' own size."""
        cell = 4 * self.config.lattice
        return cell * max(1, min(2, round(frames.shape[-1] / cell)))

    @torch.inference_mode()
    def dense_motion(self, onset: Frames, apex: Frames) -> Float[Tensor, "b 2 m m"]:
        r"""$\tilde\Phi$ from onset to apex: a backward flow in pixels of its lattice. The model must be in `eval` mode."""
        on_cpu = device_of(self).type == "cpu"
        at_once = max(1, PIXELS // self.working_side(onset) ** 2) if on_cpu else max(1, len(onset))
        found = [self._weighted_motion(*some) for some in zip(onset.split(at_once), apex.split(at_once))]
        return torch.cat(found).to(onset.device)

    def _weighted_motion(self, onset: Frames, apex: Frames) -> Float[Tensor, "b 2 m m"]:
        """`dense_motion` of as many pairs as are computed at once; it stays where the model is."""
        side, device = self.working_side(onset), device_of(self)
        source, target = (resize_image(frames.to(device), (side, side)) for frames in (onset, apex))
        with torch.autocast(device_type=device.type, enabled=False):
            motion = self.to_frame(self.forward_motion(source, target), 2 * self.config.lattice)
            return self.weights(target)[:, None] * motion


# Matrices of 2 x 2 by the thousand: written out, they are several times as fast as calls to LAPACK and BLAS. In memory, each of
# their entries is a plane of the lattice.


def _vectors(x: Float[Tensor, "b n n"], y: Float[Tensor, "b n n"]) -> Float[Tensor, "b n n 2"]:
    return torch.stack([x, y], dim=1).permute(0, 2, 3, 1)


def _symmetric(
    xx: Float[Tensor, "b n n"], xy: Float[Tensor, "b n n"], yy: Float[Tensor, "b n n"]
) -> Float[Tensor, "b n n 2 2"]:
    return torch.stack([xx, xy, xy, yy], dim=1).unflatten(1, (2, 2)).permute(0, 3, 4, 1, 2)


def _product(matrix: Float[Tensor, "*b 2 2"], other: Float[Tensor, "*b 2 2"]) -> Float[Tensor, "*b 2 2"]:
    """A B."""
    return matrix[..., :1] * other[..., :1, :] + matrix[..., 1:] * other[..., 1:, :]


def _inverse(matrix: Float[Tensor, "b n n 2 2"], ridge: float | Tensor) -> Float[Tensor, "b n n 2 2"]:
    """(A + ridge I)^-1 of a symmetric A."""
    xx, xy, yy = matrix[..., 0, 0] + ridge, matrix[..., 0, 1], matrix[..., 1, 1] + ridge
    return _symmetric(yy, -xy, xx) / (xx * yy - xy.square())[..., None, None]


def _times(matrix: Float[Tensor, "*b 2 2"], vector: Float[Tensor, "*b 2"]) -> Float[Tensor, "*b 2"]:
    return matrix[..., 0] * vector[..., :1] + matrix[..., 1] * vector[..., 1:]


def _solve(
    information: Float[Tensor, "b n n 2 2"], vector: Float[Tensor, "b n n 2"], ridge: float | Tensor
) -> Float[Tensor, "b n n 2"]:
    return _times(_inverse(information, ridge), vector)
