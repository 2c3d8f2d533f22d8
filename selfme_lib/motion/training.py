r"""Training the motion learner: the objective (Eq 8), the loop, and a state on disk from which a killed run resumes.

The loop runs on whatever Lightning Fabric is given: a CPU, one GPU, several. The pairs of step n are drawn by a generator
seeded with (seed, n, rank), so a resumed run sees what an uninterrupted one would have seen.
"""

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from selfme_lib.grids import Flow, Frames, resize_flow, resize_image, warp
from selfme_lib.runtime.device import device_of
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.finite import require_finite
from selfme_lib.runtime.kept import is_sealed, seal

from .equivariance import RandomTransform, dense_equivariance_loss, equivariance_loss, random_displacement
from .learner import MotionLearner
from .losses import Features, reconstruction_loss
from .pairs import FramePairs
from .perceptual import features
from .settings import TrainingConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # slow to import

AHEAD = 4  # batches that are drawn while a GPU works


class Batch(SimpleNamespace):
    """What one step learns from: pairs of frames, and frames deformed by known maps.

    Not a dataclass, because Fabric would cast each of its tensors to the networks' precision: brightness and places need
    more than the eight bits of bfloat16.
    """

    source: Frames  # of one sequence each: what is warped
    target: Frames  # and what it should become
    exposed_source: Frames  # the same, exposed again: motion is estimated in these
    exposed_target: Frames
    bent: Frames  # the targets, transformed and exposed again
    transform: RandomTransform  # by this map (Eq 7)
    warped: Frames  # the sources, warped and exposed again
    displacement: Flow  # by this flow, in pixels

    def to(self, device: torch.device) -> "Batch":
        return Batch(**{name: value.to(device, non_blocking=True) for name, value in vars(self).items()})

    def pinned(self) -> "Batch":
        """In memory from which a GPU copies while it computes."""
        return Batch(**{name: value.pin_memory() for name, value in vars(self).items()})


class Objective(nn.Module):
    r"""$\mathcal L_{ml} = \lambda_{rec} \mathcal L_{rec} + \lambda_{eqv} \mathcal L_{eqv}$ (Eq 8) of a batch of pairs.

    `lambda_dense` adds a third term, the equivariance of the dense motion.
    """

    def __init__(self, learner: MotionLearner, config: TrainingConfig):
        super().__init__()
        self.learner = learner
        self.features: Features = features(config.perceptual)
        self.config = config

    def forward(self, batch: Batch) -> dict[str, Float[Tensor, ""]]:
        """Each term of the loss, weighted."""
        learner, config, pairs = self.learner, self.config, len(batch.source)
        height, width = batch.source.shape[-2:]
        source, target = batch.exposed_source, batch.exposed_target
        if config.lambda_dense:  # the pairs and the warped frames in one batch
            source, target = torch.cat([source, source]), torch.cat([target, batch.warped])
        motion = learner.forward_motion(source, target, passes=learner.config.passes)
        flow = resize_flow(motion.dense, (height, width))
        prediction = learner.generator(batch.source, flow[:pairs])
        reconstruction = reconstruction_loss(self.features, prediction, batch.target, config.scales)
        reconstruction = reconstruction + 0 * flow.detach().sum()  # a frame that is warped by NaN does not show it
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
    fabric: "Fabric",
    validation: FramePairs | None = None,
    state: Path | None = None,
    every: int = 200,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Train `learner` in place; it is in `eval` mode afterwards.

    Args:
        learner: on any device; Fabric moves it.
        pairs: the training data.
        config: the recipe.
        fabric: launched; decides device, precision and number of processes.
        validation: pairs of people who are not trained on; their reconstruction loss is recorded.
        state: file from which a killed run resumes; the caller deletes it.
        every: steps between records, and between states.
        progress: show a bar when the output is a terminal.

    Returns:
        The training curve: step, reconstruction, equivariance, dense (means since the last record), validation.

    Raises:
        DataError: the training diverges (`state` is then the last sound one), or `state` belongs to another one, or is damaged.
    """
    torch.manual_seed(config.seed)
    objective = Objective(learner, config)
    maps = objective.features
    optimiser = torch.optim.Adam(learner.parameters(), lr=config.lr, betas=(0.9, 0.99))
    objective, optimiser = fabric.setup(objective, optimiser)
    identity = json.dumps(asdict(config) | {"processes": fabric.world_size})  # other processes would draw other pairs
    begin = 0
    curve: list[dict[str, float]] = []
    if state and state.is_file():
        begin, curve = _resume(fabric, state, learner, optimiser, identity)
    learner.train()
    recent: list[Tensor] = []  # losses since the last record
    late = int(fabric.device.type != "cpu")  # steps until they are looked at: a GPU need not wait for that
    steps = range(begin, config.steps)
    quiet = None if progress and fabric.is_global_zero else True
    bar = tqdm(steps, initial=begin, total=config.steps, desc="motion", disable=quiet)
    for step, batch in zip(bar, batches(pairs, config, steps, fabric)):
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate(step)
        optimiser.zero_grad(set_to_none=True)
        losses = objective(batch)
        recent.append(torch.stack([loss.detach() for loss in losses.values()]))
        if len(recent) > late:  # before the backward pass: on a CPU, that of warping crashes if a flow is NaN
            require_finite(f"motion learner, step {step + 1 - late}", [recent[-1 - late]])
        fabric.backward(sum(losses.values()))
        fabric.clip_gradients(objective, optimiser, max_norm=1.0, error_if_nonfinite=False)
        optimiser.step()
        if (step + 1) % every == 0 or step + 1 == config.steps:
            require_finite(f"motion learner, step {step + 1}", [*recent, *learner.state_dict().values()])
            means = torch.stack(recent, dim=1).double().cpu().numpy().mean(1).tolist()
            record = {"step": step + 1, **dict(zip(losses, means))}
            if validation is not None:
                record["validation"] = validation_loss(learner, maps, validation, config)
            curve.append(record)
            recent.clear()
            if state:
                _save(fabric, state, {"learner": learner, "optimiser": optimiser, "config": identity, "curve": curve})
    learner.eval()
    return curve


def _save(fabric: "Fabric", path: Path, content: dict[str, Any]) -> None:
    """Called by every process; the first one writes."""
    with atomic_path(path) if fabric.is_global_zero else nullcontext(path) as file:
        fabric.save(file, content)
        if fabric.is_global_zero:
            seal(file, path.name)


def _resume(
    fabric: "Fabric", path: Path, learner: MotionLearner, optimiser: torch.optim.Optimizer, identity: str
) -> tuple[int, list[dict[str, float]]]:
    """Restore what `train` saved: the step to continue with, and the curve so far."""
    remedy = "delete it and start the training again"
    if not is_sealed(path, path.name):
        raise DataError(f"{path}: damaged since it was written; {remedy}")
    try:
        saved = fabric.load(path, weights_only=True)  # tensors and plain values; nothing else is unpickled
        if saved["config"] != identity:
            raise DataError(f"{path}: belongs to a training with other settings; delete it or choose another folder")
        learner.load_state_dict(saved["learner"])
        optimiser.load_state_dict(saved["optimiser"])
        return saved["curve"][-1]["step"], saved["curve"]
    except (UnpicklingError, EOFError, LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path}: damaged ({reason}); {remedy}") from None


def batches(pairs: FramePairs, config: TrainingConfig, steps: range, fabric: "Fabric") -> Iterator[Batch]:
    """The batches of these steps on the fabric's device. For a GPU, threads draw the next few while it works."""

    def draw(step: int) -> Batch:
        batch = draw_batch(pairs, config, step, fabric.global_rank)
        return batch.pinned() if fabric.device.type == "cuda" else batch

    if fabric.device.type == "cpu":  # whose cores are busy with the training itself
        yield from map(draw, steps)
        return
    with ThreadPoolExecutor(AHEAD) as threads:
        waiting = deque(threads.submit(draw, step) for step in steps[:AHEAD])
        try:
            for step in steps:
                batch = waiting.popleft().result()
                if step + AHEAD in steps:
                    waiting.append(threads.submit(draw, step + AHEAD))
                yield batch.to(fabric.device)
        finally:
            threads.shutdown(cancel_futures=True)


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
    frames = [source, target, transform.transform_frame(target), warp(source, displacement)]
    if config.augmentation:
        frames = config.augmentation.expose_again(frames, torch_generator)
    names = ("exposed_source", "exposed_target", "bent", "warped")
    return Batch(
        source=source, target=target, transform=transform, displacement=displacement, **dict(zip(names, frames))
    )


@torch.no_grad()
def validation_loss(learner: MotionLearner, maps: Features, pairs: FramePairs, config: TrainingConfig) -> float:
    """Mean reconstruction loss over all sequences of `pairs`, with one fixed pair of frames from each."""
    device = device_of(learner)
    learner.eval()
    total = 0.0
    for begin in range(0, len(pairs), config.batch_size):
        sequences = np.arange(begin, min(begin + config.batch_size, len(pairs)))
        source, target = pairs.at(sequences, np.random.default_rng((config.seed, begin)))
        if config.sizes:
            size = (config.sizes[0], config.sizes[0])
            source, target = resize_image(source, size), resize_image(target, size)
        target = target.to(device)
        prediction, _ = learner(source.to(device), target)
        total += reconstruction_loss(maps, prediction, target, config.scales).item() * len(sequences)
    learner.train()
    return config.lambda_rec * total / len(pairs)
