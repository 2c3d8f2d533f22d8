r"""Training the motion learner: the objective (Eq 8), the loop, and state on disk from which a killed run goes on.

The loop runs on whatever Lightning Fabric is given: a CPU, one GPU, several. Pairs of step n are drawn by a generator
seeded with (seed, n, rank), so that a resumed run sees what an uninterrupted one would have seen.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from selfme_lib.grids import resize_flow, resize_image, warp
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path

from .equivariance import RandomTransform, dense_equivariance_loss, equivariance_loss, random_displacement
from .learner import MotionLearner
from .losses import Features, reconstruction_loss
from .pairs import Augmentation, FramePairs
from .perceptual import features


@dataclass(frozen=True)
class TrainingConfig:
    r"""How a motion learner is trained. The defaults are for training from scratch.

    Attributes:
        steps: optimiser steps.
        batch_size: pairs a step and process.
        lr: (initial) learning rate of Adam.
        schedule: `one-cycle`, `constant`, or `multistep`: a tenth at 20/35 and again at 30/35 of the steps, the paper's
            epochs 20 and 30.
        lambda_rec, lambda_eqv: weights of the two losses (Eq 8).
        lambda_dense: weight of the dense motion's equivariance; 0 leaves it out, as the paper does.
        sizes: sides in pixels of the frames; one of them is drawn for each step, and of larger ones than the first a
            step takes as many fewer pairs as they have more pixels. Empty: the frames as they are.
        scales: ι of Eq 6.
        perceptual: feature maps of Eq 6, see `perceptual.features`.
        augmentation: what is done to pairs; None for nothing.
        seed: of weights, pairs and transformations.
    """

    steps: int
    batch_size: int = 8
    lr: float = 2e-3
    schedule: Literal["one-cycle", "constant", "multistep"] = "one-cycle"
    lambda_rec: float = 10.0
    lambda_eqv: float = 10.0
    lambda_dense: float = 1.0
    sizes: Sequence[int] = ()
    scales: Sequence[float] = (1, 0.5, 0.25, 0.125)
    perceptual: str = "contrast"
    augmentation: Augmentation | None = Augmentation()
    seed: int = 0

    def learning_rate(self, step: int) -> float:
        """Of step 0, 1, …, steps - 1."""
        progress = step / self.steps
        if self.schedule == "one-cycle":  # up over a twentieth, down along a cosine
            return self.lr * min(1, (step + 1) / max(1, 0.05 * self.steps)) * (0.5 + 0.5 * math.cos(math.pi * progress))
        if self.schedule == "multistep":
            return self.lr * 0.1 ** (int(progress >= 20 / 35) + int(progress >= 30 / 35))
        return self.lr


class Batch(SimpleNamespace):
    """What one step learns from: pairs of frames, and frames that were bent by known maps.

    Not a dataclass, of which Fabric would cast every tensor to the networks' precision: brightness and places need more
    than the eight bits of bfloat16.

    Attributes:
        source, target: pairs of frames of one sequence: what is warped, and what it has to become.
        seen_source, seen_target: the same, exposed again: what motion is looked for in.
        bent, transform: the targets, transformed and exposed again; by what (Eq 7).
        warped, displacement: the sources, warped and exposed again; by what, in pixels.
    """

    source: Float[Tensor, "b 3 h w"]
    target: Float[Tensor, "b 3 h w"]
    seen_source: Float[Tensor, "b 3 h w"]
    seen_target: Float[Tensor, "b 3 h w"]
    bent: Float[Tensor, "b 3 h w"]
    transform: RandomTransform
    warped: Float[Tensor, "b 3 h w"]
    displacement: Float[Tensor, "b 2 h w"]

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


class Objective(nn.Module):
    r"""$\mathcal L_{ml} = \lambda_{rec} \mathcal L_{rec} + \lambda_{eqv} \mathcal L_{eqv}$ (Eq 8) of a batch of pairs.

    With `lambda_dense` there is a third summand, the equivariance of the dense motion.
    """

    def __init__(self, learner: MotionLearner, config: TrainingConfig):
        super().__init__()
        self.learner = learner
        self.features: Features = features(config.perceptual)
        self.config = config

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Each summand of the loss, weighted."""
        learner, config, pairs = self.learner, self.config, len(batch.source)
        size = tuple(batch.source.shape[-2:])
        source, target = batch.seen_source, batch.seen_target
        if config.lambda_dense:  # the pairs and the warped frames at once
            source, target = torch.cat([source, source]), torch.cat([target, batch.warped])
        motion = learner.forward_motion(source, target, passes=learner.config.passes)
        flow = resize_flow(motion.dense, size)
        prediction = learner.generator(batch.source, flow[:pairs])
        reconstruction = reconstruction_loss(self.features, prediction, batch.target, config.scales)
        keypoints = learner.forward_keypoints(batch.bent)
        equivariance = equivariance_loss(keypoints, motion.keypoints_target[:pairs], batch.transform)
        losses = {
            "reconstruction": config.lambda_rec * reconstruction,
            "equivariance": config.lambda_eqv * equivariance,
        }
        if config.lambda_dense:
            losses["dense"] = config.lambda_dense * dense_equivariance_loss(flow[pairs:], batch.displacement)
        return losses


def train(
    learner: MotionLearner,
    pairs: FramePairs,
    config: TrainingConfig,
    *,
    fabric: Fabric,
    validation: FramePairs | None = None,
    state: Path | None = None,
    every: int = 200,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train `learner` in place; it is in `eval` mode afterwards.

    Args:
        learner: on any device; Fabric moves it.
        pairs: what is learned from.
        config: how.
        fabric: launched; decides device, precision and number of processes.
        validation: pairs of people who are not learned from; their reconstruction loss is recorded.
        state: file in which everything is kept that a killed run needs; removed by nobody.
        every: steps between records, and between states.
        progress: show a bar when the output is a terminal.

    Returns:
        The training curve: step, reconstruction, equivariance, dense (means since the last record), validation.

    Raises:
        DataError: `state` belongs to another training.
    """
    torch.manual_seed(config.seed)
    objective = Objective(learner, config)
    maps = objective.features
    optimiser = torch.optim.Adam(learner.parameters(), lr=config.lr, betas=(0.9, 0.99))
    identity = _described(config, fabric.world_size)
    begin, curve = _restore(state, learner, optimiser, identity) if state and state.is_file() else (0, [])
    objective, optimiser = fabric.setup(objective, optimiser)
    learner.train()
    recent: list[dict[str, float]] = []
    quiet = None if progress and fabric.global_rank == 0 else True
    for step in tqdm(range(begin, config.steps), initial=begin, total=config.steps, desc="motion", disable=quiet):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate(step)
        batch = draw_batch(pairs, config, step, fabric.global_rank).to(fabric.device)
        optimiser.zero_grad(set_to_none=True)
        losses = objective(batch)
        fabric.backward(sum(losses.values()))
        fabric.clip_gradients(objective, optimiser, max_norm=1.0)
        optimiser.step()
        recent.append({name: loss.item() for name, loss in losses.items()})
        if (step + 1) % every == 0 or step + 1 == config.steps:
            means = {name: float(np.mean([losses[name] for losses in recent])) for name in recent[0]}
            record = {"step": step + 1, **means}
            if validation is not None:
                record["validation"] = validation_loss(learner, maps, validation, config)
            curve.append(record)
            recent.clear()
            if state and fabric.global_rank == 0:
                _keep(state, learner, optimiser, identity, step + 1, curve)
    learner.eval()
    return curve


def draw_batch(pairs: FramePairs, config: TrainingConfig, step: int, rank: int) -> Batch:
    """What step `step` of process `rank` learns from: a function of (seed, step, rank) and nothing else."""
    generator = np.random.default_rng((config.seed, step, rank))
    count = config.batch_size
    if config.sizes:
        size = int(generator.choice(config.sizes))
        count = max(1, round(count * (config.sizes[0] / size) ** 2))
    source, target = pairs.draw(count, generator)
    if config.sizes:
        source, target = (resize_image(frame, (size, size)) for frame in (source, target))
    if config.augmentation:
        source, target = config.augmentation((source, target), generator)
    torch_generator = torch.Generator().manual_seed(int(generator.integers(2**62)))
    transform = RandomTransform(count, generator=torch_generator)
    displacement = random_displacement(count, source.shape[-1], torch_generator)
    looks = [source, target, transform.transform_frame(target), warp(source, displacement)]
    if config.augmentation:
        looks = config.augmentation.look_again(looks, torch_generator)
    seen_source, seen_target, bent, warped = looks
    return Batch(
        source=source,
        target=target,
        seen_source=seen_source,
        seen_target=seen_target,
        bent=bent,
        transform=transform,
        warped=warped,
        displacement=displacement,
    )


@torch.no_grad()
def validation_loss(learner: MotionLearner, maps: Features, pairs: FramePairs, config: TrainingConfig) -> float:
    """Mean reconstruction loss over all sequences of `pairs`, one fixed pair of frames of each."""
    device = next(learner.parameters()).device
    learner.eval()
    total = 0.0
    for begin in range(0, len(pairs), config.batch_size):
        sequences = np.arange(begin, min(begin + config.batch_size, len(pairs)))
        source, target = pairs.at(sequences, np.random.default_rng((config.seed, begin)))
        if config.sizes:
            size = (config.sizes[0], config.sizes[0])
            source, target = resize_image(source, size), resize_image(target, size)
        prediction, _ = learner(source.to(device), target.to(device))
        total += reconstruction_loss(maps, prediction, target.to(device), config.scales).item() * len(sequences)
    learner.train()
    return config.lambda_rec * total / len(pairs)


def _keep(
    path: Path, learner: MotionLearner, optimiser: torch.optim.Optimizer, identity: str, step: int, curve: list
) -> None:
    """Weights, Adam's moments, step and curve, in one safetensors file."""
    tensors = {f"learner.{name}": value.contiguous() for name, value in learner.state_dict().items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{index}.{name}": value.contiguous() for name, value in moments.items()}
    metadata = {"config": identity, "step": str(step), "curve": json.dumps(curve)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata=metadata)


def _restore(path: Path, learner: MotionLearner, optimiser: torch.optim.Optimizer, identity: str) -> tuple[int, list]:
    """Put back what `_keep` wrote; the step to go on with and the curve so far."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("config") != identity:
        raise DataError(f"{path}: belongs to a training with other settings; delete it or choose another folder")
    tensors = load_file(path)
    learner.load_state_dict({n.removeprefix("learner."): v for n, v in tensors.items() if n.startswith("learner.")})
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("adam."):
            _, index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return int(metadata["step"]), json.loads(metadata["curve"])


def _described(config: TrainingConfig, processes: int) -> str:
    """What a training must have in common with the one that it continues: with other processes, other pairs are drawn."""
    return json.dumps(asdict(config) | {"processes": processes})
