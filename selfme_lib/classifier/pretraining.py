r"""What a classifier can learn before it sees a label of an expression: our stand-in for ImageNet, on motions of faces.

Two tasks, on motions of people who are in no evaluation:

* `units`: how far each action unit has moved the skin, left and right. These are labels, but the renderer's: the network sees
  motions of random action units and never an expression.
* `motion`: masked motion modelling, without any label. Most patches are replaced by one learned token, and the network tells the
  motion everywhere, in cells a quarter of a patch large. (After K. He et al., Masked Autoencoders Are Scalable Vision Learners,
  CVPR 2022, and Z. Xie et al., SimMIM, CVPR 2022. Theirs tell each patch from its own token; here all of it goes through what the
  head reads, so that this must know the whole face.)

Any network that takes a motion and gives as many numbers as there are targets can be trained; only `SCViT` can be masked.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from tqdm import tqdm

from selfme_lib.grids import resize_flow
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.finite import require_finite
from selfme_lib.runtime.kept import is_sealed, seal
from selfme_lib.runtime.settings import STRICT

from .augmentation import augment
from .network import SCViT
from .symmetry import flip_motion

Task = Literal["units", "motion"]
POSITIONS = 0.5  # deviation of the first position embeddings: at timm's .02 what a patch shows drowns where it is
FINER = 2  # cells along the side of a patch, of what masked modelling tells


@dataclass(frozen=True, config=STRICT)
class ClassifierPretraining:
    """How it is trained.

    Attributes:
        task: what is learned.
        steps, batch_size, lr, weight_decay: of AdamW, whose rate rises for 100 steps and falls along a cosine.
        masked: share of the patches that are hidden (`motion`).
        strength: range of the random factor on each motion, drawn on a logarithmic scale.
        shift, zoom: of augmentation, as shares of the side; half of the faces are mirrored.
        seed: of weights and batches.
    """

    task: Task = "units"
    steps: Annotated[int, Field(ge=1, le=10**8)] = 10_000
    batch_size: Annotated[int, Field(ge=1, le=10**5)] = 32
    lr: Annotated[float, Field(gt=0, le=10)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.05
    masked: Annotated[float, Field(ge=0, lt=1)] = 0.6
    strength: tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]] = (0.75, 2.7)
    shift: Annotated[float, Field(ge=0, le=1)] = 0.03
    zoom: Annotated[float, Field(ge=0, lt=1)] = 0.08
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    def learning_rate(self, step: int) -> float:
        """Of a step, counted from 0."""
        return self.lr * min(1.0, (step + 1) / 100) * (0.5 + 0.5 * float(np.cos(np.pi * step / self.steps)))


class _Task(nn.Module):
    """A network, and the token that stands for hidden patches."""

    def __init__(self, network: nn.Module, config: ClassifierPretraining):
        super().__init__()
        self.network, self.config = network, config
        self.hidden = nn.Parameter(torch.zeros(network.vit.num_features if isinstance(network, SCViT) else 1))

    def forward(
        self, motion: Float[Tensor, "b 2 s s"], units: Float[Tensor, "b u 2"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "b t"], Float[Tensor, "b t"]]:
        """What the network tells, and what it should."""
        if self.config.task == "units":
            return self.network(motion), units.flatten(1)
        assert isinstance(self.network, SCViT)
        patches = self.network.embed_patches(motion)  # (b, n, d)
        shown = torch.rand(patches.shape[:2], generator=generator).to(patches.device) >= self.config.masked
        patches = torch.where(shown[..., None], patches, self.hidden)
        cells = FINER * round(patches.shape[1] ** 0.5)
        told = self.network.classify(self.network.encode(patches))
        return told, F.adaptive_avg_pool2d(motion, cells).flatten(1)


@dataclasses.dataclass(frozen=True)
class Examples:
    """What is learned from: motions in pixels of their own lattice, and how far each unit moves the skin, left and right."""

    motion: Float[np.ndarray, "n 2 s s"]
    units: Float[np.ndarray, "n u 2"]


def targets_of(task: Task, *, units: int, patches: int) -> int:
    """How many numbers the network has to give, its `classes`."""
    return 2 * units if task == "units" else 2 * (FINER * patches) ** 2


def learn(
    network: nn.Module,
    examples: Examples,
    validation: Examples,
    config: ClassifierPretraining,
    *,
    side: int,
    state: Path,
    device: str = "cpu",
    every: int = 250,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train `network` in place; it is in `eval` mode and on `device` afterwards. The same command goes on after a kill.

    Args:
        network: motion (b, 2, side, side) -> (b, targets).
        examples: of some people; validation: of others.
        side: of the motions that the network takes.
        state: file from which a killed training resumes; the caller deletes it.
        every: steps between records, and between states.
        progress: show a bar when the output is a terminal.

    Returns:
        The training curve: `step`, `loss` (mean since the last record), and on the validation people `explained`, the share of
        the targets' variance.

    Raises:
        DataError: the training diverges, or `state` belongs to another one or is damaged.
    """
    spread = examples.units.std(axis=(0, 2), keepdims=True)
    scale = torch.from_numpy(spread).float().clamp_min(1e-6)  # units weigh alike
    if isinstance(network, SCViT) and network.vit.pos_embed is not None:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            nn.init.normal_(network.vit.pos_embed, std=POSITIONS)
    trained = _Task(network, config).to(device).train()
    optimiser = torch.optim.AdamW(trained.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    identity = fingerprint(code=__name__, config=config, network=repr(network), examples=vars(examples))
    begin, curve = _resume(state, trained, optimiser, identity) if state.is_file() else (0, [])
    losses: list[Tensor] = []
    bar = tqdm(
        range(begin, config.steps),
        "pre-training",
        config.steps,
        initial=begin,
        unit="step",
        disable=None if progress else True,
    )
    for step in bar:
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate(step)
        motion, units, generator = _draw(examples, config, side, step)
        told, wanted = trained(motion.to(device), (units / scale).to(device), generator)
        loss = F.smooth_l1_loss(told, wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.detach())
        if (step + 1) % every == 0 or step + 1 == config.steps:
            require_finite(f"classifier, step {step + 1}", [*losses, *trained.state_dict().values()])
            record = {"step": step + 1, "loss": float(torch.stack(losses).mean())}
            curve.append(record | _explained(trained, validation, config, side, scale, device))
            losses.clear()
            _save(state, trained, optimiser, identity, curve)
    network.eval()
    return curve


def _draw(
    examples: Examples, config: ClassifierPretraining, side: int, step: int
) -> tuple[Float[Tensor, "b 2 s s"], Float[Tensor, "b u 2"], torch.Generator]:
    """What step `step` learns from: a function of the seed and the step."""
    generator = torch.Generator().manual_seed(int(np.random.default_rng((config.seed, step)).integers(2**62)))
    rows = torch.randint(len(examples.motion), (config.batch_size,), generator=generator).numpy()
    motion, units = _read(examples, rows, side)
    mirrored = torch.rand(len(rows), generator=generator) < 0.5
    motion = torch.where(mirrored[:, None, None, None], flip_motion(motion), motion)
    units = torch.where(mirrored[:, None, None], units.flip(-1), units)
    motion = augment(motion, flip=False, shift=config.shift * side, zoom=config.zoom, generator=generator)
    low, high = np.log(config.strength)
    factor = torch.exp(torch.empty(len(rows)).uniform_(low, high, generator=generator))
    return motion * factor[:, None, None, None], units * factor[:, None, None], generator


def _read(examples: Examples, rows: np.ndarray, side: int) -> tuple[Float[Tensor, "b 2 s s"], Float[Tensor, "b u 2"]]:
    motion = torch.from_numpy(np.stack([examples.motion[row] for row in rows]).astype(np.float32))
    return resize_flow(motion, (side, side)), torch.from_numpy(examples.units[rows].astype(np.float32))


@torch.no_grad()
def _explained(
    trained: _Task,
    validation: Examples,
    config: ClassifierPretraining,
    side: int,
    scale: Tensor,
    device: str,
) -> dict[str, float]:
    trained.eval()
    generator = torch.Generator().manual_seed(config.seed)
    pairs = []
    for rows in _parts(len(validation.motion)):
        motion, units = _read(validation, rows, side)
        pairs.append(trained(motion.to(device), (units / scale).to(device), generator))
    trained.train()
    told, wanted = (torch.cat(parts).double() for parts in zip(*pairs))
    left = (told - wanted).square().mean(0)
    return {"explained": 1 - float(left.sum() / wanted.var(0, correction=0).sum())}


def _parts(count: int, size: int = 128) -> Iterator[np.ndarray]:
    for begin in range(0, count, size):
        yield np.arange(begin, min(begin + size, count))


def _save(
    path: Path, trained: nn.Module, optimiser: torch.optim.Optimizer, identity: str, curve: list[dict[str, float]]
) -> None:
    content = {"trained": trained.state_dict(), "optimiser": optimiser.state_dict(), "of": identity, "curve": curve}
    with atomic_path(path) as file:
        torch.save(content, file)
        seal(file, path.name)


def _resume(
    path: Path, trained: nn.Module, optimiser: torch.optim.Optimizer, identity: str
) -> tuple[int, list[dict[str, float]]]:
    remedy = "delete it or choose another folder"
    if not is_sealed(path, path.name):
        raise DataError(f"{path}: damaged since it was written; {remedy}")
    saved = torch.load(path, weights_only=True, map_location="cpu")
    if saved["of"] != identity:
        raise DataError(f"{path}: belongs to a training with other settings; {remedy}")
    trained.load_state_dict(saved["trained"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["curve"][-1]["step"]), saved["curve"]
