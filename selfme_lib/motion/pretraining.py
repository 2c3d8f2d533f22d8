"""The shipped motion learner, made again: many rendered people who are in no evaluation set, and one training on them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric

from selfme_lib.files import write_json
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import LearnerConfig, MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.motion.training import TrainingConfig, train
from selfme_lib.synthme.pretraining import render_pairs


@dataclass(frozen=True)
class PretrainingConfig:
    """Recipe of the checkpoint that comes with the package.

    Attributes:
        persons: rendered people; the last `validation_persons` of them are not learned from.
        pairs: pairs of frames a person.
        size: of a frame in pixels.
        learner: sizes of the networks.
        training: steps, losses and schedule.
    """

    persons: int = 200
    validation_persons: int = 16
    pairs: int = 10
    size: int = 128
    learner: LearnerConfig = LearnerConfig()
    training: TrainingConfig = TrainingConfig(steps=1500)


def pretrain(out: Path, config: PretrainingConfig, *, fabric: Fabric, workers: int | None = None) -> Path:
    """Render the faces, train on them, write `out`/motion.safetensors and the training curve. A killed one goes on.

    Args:
        out: folder; it keeps faces.npy (the rendered pairs) and state.safetensors (for going on) too.
        config: the recipe.
        fabric: launched.
        workers: processes that render.

    Raises:
        DataError: the folder belongs to another recipe.
    """
    faces = out / "faces.npy"
    if fabric.global_rank == 0:
        render_pairs(
            faces,
            range(config.persons),
            pairs_per_identity=config.pairs,
            size=config.size,
            seed=config.training.seed,
            workers=workers,
        )
    fabric.barrier()
    learned_from = (config.persons - config.validation_persons) * config.pairs
    pairs = FramePairs.from_rendered(faces, slice(0, learned_from))
    validation = FramePairs.from_rendered(faces, slice(learned_from, None))
    torch.manual_seed(config.training.seed)
    learner = MotionLearner(config.learner)
    curve = train(
        learner, pairs, config.training, fabric=fabric, validation=validation, state=out / "state.safetensors"
    )
    path = out / "motion.safetensors"
    if fabric.global_rank == 0:
        recipe = (
            f"{config.training.steps} steps of {config.training.batch_size} pairs, {config.persons} rendered people"
        )
        checkpoint.save(learner, path, recipe=recipe, seed=str(config.training.seed))
        write_json(out / "curve.json", curve)
    return path
