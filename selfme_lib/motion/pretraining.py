"""A motion learner from scratch: many people who are in no evaluation set, and one training on them.

The people are rendered, like those behind the checkpoints that come with the package, or VoxCeleb's, like the paper's.
"""

import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.rank_zero import rank_zero_only

from selfme_lib.data import voxceleb
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.locks import in_use
from selfme_lib.synthme.pretraining import render_pairs

from . import checkpoint
from .face_prior import FacePriorConfig
from .face_prior_training import FacePriorTraining, learn
from .learner import MotionLearner
from .pairs import FramePairs
from .settings import PretrainingConfig, VoxCeleb
from .training import train


def pretrain(out: Path, config: PretrainingConfig, *, fabric: Fabric, workers: int | None = None) -> Path:
    """Prepare the faces, train on them, write `out`/motion.safetensors and the training curve; a killed run resumes.

    Args:
        out: folder; it also keeps the frames (faces.npy or voxceleb.npy) and the training state (state.ckpt).
        config: the recipe.
        fabric: not launched yet; its processes start once the faces are ready, which may take hours.
        workers: processes that render, or threads that read; by default one per core.

    Raises:
        DataError: another process uses the folder, or it belongs to another recipe; or VoxCeleb cannot be read.
    """
    with nullcontext() if getattr(rank_zero_only, "rank", 0) else in_use(out):  # the other processes run this, too
        _announce(*_prepare(out, config, workers))
        fabric.launch(partial(_train, out=out, config=config))
    return out / "motion.safetensors"


def pretrain_plus(
    out: Path,
    config: PretrainingConfig,
    prior: FacePriorConfig,
    training: FacePriorTraining,
    *,
    workers: int | None = None,
) -> Path:
    """As `pretrain`, for SelfME+; `out` also keeps the rounds of `face_prior_training.learn`.

    Args:
        config: whose faces, and the seed they are drawn with; its learner and losses are not used.
    """
    with in_use(out):
        pairs, validation, faces = _prepare(out, config, workers)
        _announce(pairs, validation, faces)
        learned, curve = learn(pairs, validation, prior, training, folder=out)
        recipe = f"{training.rounds} rounds of {training.pairs} pairs, {training.steps} steps, {faces}"
        path = out / "motion.safetensors"
        checkpoint.save_network(learned, prior, path, recipe=recipe, seed=str(training.seed))
        write_json(out / "curve.json", curve)
    return path


def _prepare(out: Path, config: PretrainingConfig, workers: int | None = None) -> tuple[FramePairs, FramePairs, str]:
    """Pairs to train on, pairs of other people, and a description of both; files that exist are reused."""
    if config.voxceleb:
        return _prepare_voxceleb(out / "voxceleb.npy", config, config.voxceleb, workers)
    faces = render_pairs(
        out / "faces.npy",
        range(config.persons),
        pairs_per_identity=config.pairs,
        size=config.face_size,
        seed=config.training.seed,
        world=config.world,
        workers=workers,
    )
    trained_on = (config.persons - config.validation_persons) * config.pairs
    pairs = FramePairs.from_rendered(faces, slice(0, trained_on))
    validation = FramePairs.from_rendered(faces, slice(trained_on, None))
    return pairs, validation, f"{config.persons} rendered people"


def _prepare_voxceleb(
    path: Path, config: PretrainingConfig, source: VoxCeleb, workers: int | None
) -> tuple[FramePairs, FramePairs, str]:
    found = voxceleb.convert(
        source.root, path, size=config.face_size, frames=source.frames, skip_broken=source.skip_broken, workers=workers
    )
    people = sorted(set(found.people))
    if len(people) < 2:
        broken = f"{len(found.skipped)} sequences were skipped, the first: {found.skipped[0].line}"
        raise DataError(f"{source.root}: only one person, {people[0]}, can be read; {broken}")
    held_out = people[-min(config.validation_persons, max(1, len(people) // 10)) :]
    first = found.people.index(held_out[0])  # people come one after the other, sorted by name
    pairs = FramePairs(found.frames[: found.starts[first]], found.starts[: first + 1])
    theirs = [[index for index, name in enumerate(found.people) if name == person] for person in held_out]
    chosen = [some[at] for some in theirs for at in voxceleb.spread_evenly(len(some), config.pairs)]
    frames = [found.frames[found.starts[index] : found.starts[index + 1]] for index in chosen]
    validation = FramePairs(np.concatenate(frames), np.cumsum([0, *map(len, frames)]).tolist())
    skipped = (
        f" ({len(found.skipped)} broken ones skipped, listed in {path.with_suffix('.json').name})"
        if found.skipped
        else ""
    )
    return pairs, validation, f"{len(people)} people and {len(found.people)} sequences of VoxCeleb{skipped}"


@rank_zero_only
def _announce(pairs: FramePairs, validation: FramePairs, faces: str) -> None:
    print(f"{faces}: {len(pairs)} to train on, {len(validation)} for validation", file=sys.stderr)


def _train(fabric: Fabric, out: Path, config: PretrainingConfig) -> None:
    """Run by every process."""
    pairs, validation, faces = _prepare(out, config)
    torch.manual_seed(config.training.seed)
    learner = MotionLearner(config.learner)
    curve = train(learner, pairs, config.training, fabric=fabric, validation=validation, state=out / "state.ckpt")
    if fabric.is_global_zero:
        steps = f"{config.training.steps} steps of {config.training.batch_size * fabric.world_size} pairs"
        seed = str(config.training.seed)
        checkpoint.save(learner, out / "motion.safetensors", recipe=f"{steps}, {faces}", seed=seed)
        write_json(out / "curve.json", curve)
