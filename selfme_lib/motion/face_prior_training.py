r"""How `face_prior.FacePrior` is learned: from pairs of frames, without labels, by maximum likelihood.

*Factors and strays*, by expectation and maximisation (Dempster, Laird, Rubin 1977; for factors without missing evidence it is
probabilistic principal components, Tipping and Bishop 1999). Expectation: the factors of each pair given its evidence, in closed
form. Maximisation: for each keypoint a small linear system,

$$\sum_i \left(\mathbb E[c_i c_i^\top] \otimes \tilde A_i^k\right) \operatorname{vec} B^k =
  \sum_i \operatorname{vec}\left(\tilde h_i^k\, \mathbb E[c_i]^\top\right),$$

with $\tilde A$ and $\tilde h$ the evidence once the strays are integrated out.

*The head.* Of each place the frames say how much likelier it moves with the face than it stands still. The network sees the look
of one frame alone, so it cannot copy noise: it learns what, in all those pictures, moves along. Two weak beliefs help where
nothing is to be seen: what shows nothing stands still, and the edge of what moves is an edge of the picture (as in Godard et
al., CVPR 2017, for depth).
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor
from tqdm import tqdm

from selfme_lib.grids import Frames, brightness, gaussian_blur, local_contrast, resize_image, warp
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.runtime.settings import STRICT, to_plain

from .checkpoint import load_network, save_network
from .face_prior import SIDE, Evidence, FacePrior, FacePriorConfig
from .pairs import FramePairs

LIKELIEST = 6.0  # log ratio at which the evidence of a single cell is cut off
SAMPLES = 1.5  # independent pixels in a cell of 2 x 2, as heavy as `FacePriorConfig.samples`
COARSE = (1.0, 1.0)  # deviation, in cells, of the blur over B after the first rounds
SMOOTH = 0.6  # after all others
NARROW = 1.0  # window in pixels of the contrast in which the head is told from the wall
GREY = 0.3  # share of the batches without colour
EDGE = 0.04  # difference of brightness at which an edge of the picture is one


@dataclass(frozen=True, config=STRICT)
class FacePriorTraining:
    """How long, and how much at a time.

    Attributes:
        rounds: of expectation and maximisation; pairs: new ones in each (a third as many in the first three).
        steps: of the head's network; batch: pairs at once; lr: of AdamW, up and down a cosine.
        rest: weight of the belief that what shows nothing stands still; edges: of the other one.
        noise: most noise, as a share of full brightness, that is added to what the network sees.
    """

    rounds: Annotated[int, Field(ge=1, le=1000)] = 14
    pairs: Annotated[int, Field(ge=1, le=10**6)] = 3000
    steps: Annotated[int, Field(ge=1, le=10**7)] = 1200
    batch: Annotated[int, Field(ge=1, le=10_000)] = 32
    lr: Annotated[float, Field(gt=0, le=1)] = 3e-3
    rest: Annotated[float, Field(ge=0, le=10)] = 0.09
    edges: Annotated[float, Field(ge=0, le=100)] = 0.3
    noise: Annotated[float, Field(ge=0, le=1)] = 0.02
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0


def learn(
    pairs: FramePairs,
    validation: FramePairs,
    config: FacePriorConfig,
    training: FacePriorTraining,
    *,
    folder: Path,
    progress: bool = True,
) -> tuple[FacePrior, list[dict[str, float]]]:
    """Learn from pairs of people; a killed run resumes after its last round.

    Args:
        pairs: to learn from; validation: of other people, on which `left` is measured.
        folder: keeps `rounds.safetensors` and its record.
        progress: show a bar when the output is a terminal.

    Returns:
        The prior in `eval` mode, and a record per round: `round`, `stray` (root mean square in pixels of a 128-px frame), `left`
        (share of the squared difference between validation frames that the found motion leaves).

    Raises:
        DataError: the folder belongs to another training.
    """
    state, record = folder / "rounds.safetensors", folder / "rounds.json"
    wanted = {"config": to_plain(config), "training": to_plain(training), "frames": list(pairs.frames.shape)}
    curve: list[dict[str, float]] = []
    torch.manual_seed(training.seed)
    prior = FacePrior(config)
    prior.basis.copy_(_random_basis(config, training.seed))
    if state.is_file() and record.is_file():
        kept = read_json(record)
        if kept["request"] != wanted:
            raise DataError(f"{folder}: belongs to another training; choose another folder or delete it")
        prior, curve = load_network(FacePrior, FacePriorConfig, state, what="a face prior"), kept["curve"]
    prior.eval()
    quiet = None if progress else True
    for turn in tqdm(range(len(curve), training.rounds), "rounds", training.rounds, initial=len(curve), disable=quiet):
        _one_round(prior, pairs, training, turn)
        stray = float(prior.stray.mean().sqrt())
        curve.append({"round": turn + 1, "stray": stray, "left": _left(prior, validation, training)})
        save_network(prior, config, state)
        write_json(record, {"request": wanted, "curve": curve})
    _find_head(prior, pairs, training, quiet)
    return prior.eval(), curve


def _random_basis(config: FacePriorConfig, seed: int) -> Float[Tensor, "n n 2 r"]:
    """Smooth fields of a third of a pixel to begin with."""
    generator, n = torch.Generator().manual_seed(seed), config.lattice
    total = torch.zeros(config.factors, 2, n, n)
    for cells, share in ((2, 0.09), (4, 0.06), (8, 0.03)):
        field = share * torch.randn(config.factors, 2, cells, cells, generator=generator)
        total += F.interpolate(field, (n, n), mode="bicubic", align_corners=True)
    return total.permute(2, 3, 1, 0)


def _draws(
    pairs: FramePairs, count: int, batch: int, generator: np.random.Generator
) -> Iterator[tuple[Frames, Frames]]:
    """`count` random pairs, half of them mirrored."""
    for start in range(0, count, batch):
        source, target = pairs.draw(min(batch, count - start), generator)
        both = resize_image(torch.cat([source, target]), (SIDE, SIDE))
        source, target = (both.flip(-1) if start // batch % 2 else both).chunk(2)
        yield source, target


@torch.no_grad()
def _one_round(prior: FacePrior, pairs: FramePairs, training: FacePriorTraining, turn: int) -> None:
    n, r = prior.config.lattice, prior.config.factors
    system, right = torch.zeros(n * n, 2, r, 2, r), torch.zeros(n * n, 2, r)
    strays, count = torch.zeros(n, n), 0
    early = turn < 3
    drawn = max(1, training.pairs // 3) if early else training.pairs
    generator = np.random.default_rng((training.seed, turn))
    for source, target in _draws(pairs, drawn, training.batch, generator):
        evidence, found, motion = prior.gather(source, target)
        second = found.covariance + found.mean[:, :, None] * found.mean[:, None]
        shared = Evidence(*(part.flatten(1, 2) for part in found.shared))
        system += torch.einsum("bkij,brs->kirjs", shared.information, second)
        right += torch.einsum("bki,br->kir", shared.vector, found.mean)
        stray = prior.strays(evidence, motion)
        unsure = torch.linalg.inv(evidence.information + torch.eye(2) / prior.stray[..., None, None])
        strays += (stray.square().sum(-1) / 2 + unsure.diagonal(dim1=-2, dim2=-1).mean(-1)).sum(0)
        count += len(source)
    system = system.flatten(3, 4).flatten(1, 2)  # (k, 2r, 2r)
    ridge = 1e-3 * system.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-3)
    basis = torch.linalg.solve(system + ridge[:, None, None] * torch.eye(2 * r), right.flatten(1)).view(n, n, 2, r)
    blur = COARSE[turn] if turn < len(COARSE) else SMOOTH
    prior.basis.copy_(gaussian_blur(basis.permute(3, 2, 0, 1), blur).permute(2, 3, 1, 0))
    prior.stray.copy_((strays / count).clamp(1e-4, 0.2))


@torch.no_grad()
def _left(prior: FacePrior, pairs: FramePairs, training: FacePriorTraining) -> float:
    """Share of the squared difference of local contrast that remains once the source is warped by the motion found."""
    before = after = 0.0
    for source, target in _draws(pairs, len(pairs), training.batch, np.random.default_rng(training.seed)):
        details = prior.detail(brightness(torch.cat([source, target]))).chunk(2)
        motion = prior.to_frame(prior.forward_motion(source, target), SIDE)
        before += float((details[0] - details[1]).square().mean()) * len(source)
        after += float((warp(details[0], motion) - details[1]).square().mean()) * len(source)
    return after / before


@torch.no_grad()
def _likelier(prior: FacePrior, source: Frames, target: Frames) -> Float[Tensor, "b m m"]:
    """Log ratio: a place moves as the others say, over: it stands still.

    Interpolation takes noise away, and whoever moves would win by it. So for either all frames are moved, by half of the motion.
    """
    _, _, motion = prior.gather(source, target)
    half = prior.to_frame(motion, SIDE) / 2
    details = [gaussian_blur(local_contrast(frame, NARROW, prior.config.floor), 0.7) for frame in (source, target)]
    (source_on, target_on), (source_back, target_back) = ([warp(one, way * half) for one in details] for way in (1, -1))
    stands = ((source_on - target_on).square() + (source_back - target_back).square()) / 2
    moves = (source_on - target_back).square()
    cell = SIDE // (2 * prior.config.lattice)
    stands, moves = (F.avg_pool2d(left, cell)[:, 0] for left in (stands, moves))
    noise = torch.minimum(stands, moves).flatten(1).median(1).values.clamp_min(1e-6)[:, None, None]
    unlikely = [2 * torch.log1p(left / (4 * noise)) for left in (stands, moves)]  # heavy tails: of what is no motion
    return (SAMPLES * (unlikely[0] - unlikely[1])).clamp(-LIKELIEST, LIKELIEST)


def _across_edges(weights: Float[Tensor, "b m m"], frames: Frames) -> Float[Tensor, ""]:
    """How much the weights change where the picture does not."""
    picture = gaussian_blur(resize_image(frames, (weights.shape[-2], weights.shape[-1])), 0.5)
    total = weights.new_zeros(())
    for axis in (-1, -2):
        edge = picture.diff(dim=axis).abs().amax(1)
        total = total + (weights.diff(dim=axis).abs() * torch.exp(-edge / EDGE)).mean()
    return total


def _find_head(prior: FacePrior, pairs: FramePairs, training: FacePriorTraining, quiet: bool | None) -> None:
    """Train `prior.head`. Its batches come from a store of evidence, which is gathered once."""
    generator = np.random.default_rng((training.seed, 10**6))
    ratios, looks = [], []
    draws = _draws(pairs, training.pairs, training.batch, generator)
    for source, target in tqdm(draws, "evidence", math.ceil(training.pairs / training.batch), disable=quiet):
        for one, other in ((source, target), (target, source)):
            ratios.append(_likelier(prior, one, other).half())
            looks.append((other * 255).round().byte())
    ratio, look = torch.cat(ratios), torch.cat(looks)
    torch.manual_seed(training.seed)
    optimiser = torch.optim.AdamW(prior.head.parameters(), lr=training.lr, weight_decay=1e-3)
    prior.head.train()
    for step in tqdm(range(training.steps), "head", disable=quiet):
        for group in optimiser.param_groups:
            progress = step / training.steps
            group["lr"] = training.lr * min(1, (step + 1) / 30) * (0.5 + 0.5 * math.cos(math.pi * progress))
        chosen = torch.from_numpy(generator.integers(len(ratio), size=max(2, training.batch // 2)))
        frames, likelier = look[chosen].float() / 255, ratio[chosen].float()
        if generator.random() < GREY:
            frames = frames.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        gain, noise = np.exp(generator.normal(0, 0.1)), generator.uniform(0, training.noise)
        belongs = prior.head(frames * float(gain) + float(noise) * torch.randn_like(frames))
        loss = -torch.logaddexp(F.logsigmoid(belongs) + likelier, F.logsigmoid(-belongs)).mean()
        weights, ramp = torch.sigmoid(belongs), min(1.0, max(0.0, (step / training.steps - 0.07) * 6))
        loss = loss + training.rest * weights.mean() + training.edges * ramp * _across_edges(weights, frames)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
