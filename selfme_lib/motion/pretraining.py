"""A motion learner from nothing: many people who are in no evaluation set, and one training on them.

The people are rendered, as those of the checkpoint that comes with the package, or VoxCeleb's, as the paper's.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities.rank_zero import rank_zero_only
from safetensors import SafetensorError

from selfme_lib.data import voxceleb
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.synthme.pretraining import render_pairs

from . import checkpoint
from .learner import LearnerConfig, MotionLearner
from .pairs import FramePairs
from .training import TrainingConfig, train


@dataclass(frozen=True)
class VoxCeleb:
    """Faces of real people, brought by the user.

    Attributes:
        root: folder; `data.voxceleb` says how it may look inside.
        frames: at most so many of each sequence are looked at.
        skip_broken: leave out sequences that cannot be read, instead of stopping at the first.
    """

    root: Path
    frames: int = 8
    skip_broken: bool = False


SIZES = (128, 128, 192, 256)  # of frames, in pixels: half of the steps look at small ones


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """Those of `SIZES` that are not larger; if there are none, `largest` itself."""
    return tuple(size for size in SIZES if size <= largest) or (largest,)


@dataclass(frozen=True)
class PretrainingConfig:
    """Recipe; the defaults are that of the checkpoint that comes with the package.

    Attributes:
        persons: rendered people; the last `validation_persons` of them are not learned from.
        pairs: pairs of frames a person. In validation this holds for VoxCeleb's people too.
        learner: sizes of the networks.
        training: steps, losses and schedule.
        voxceleb: take these people instead; a tenth of them, at most `validation_persons`, are not learned from.
    """

    persons: int = 200
    validation_persons: int = 16
    pairs: int = 10
    learner: LearnerConfig = LearnerConfig()
    training: TrainingConfig = TrainingConfig(steps=1200, sizes=SIZES)
    voxceleb: VoxCeleb | None = None

    @property
    def face_size(self) -> int:
        """Side in pixels of the frames on disk: the largest that is learned from."""
        return max(self.training.sizes, default=self.learner.largest)


def pretrain(out: Path, config: PretrainingConfig, *, fabric: Fabric, workers: int | None = None) -> Path:
    """Get the faces ready, train on them, write `out`/motion.safetensors and the training curve. A killed one goes on.

    Args:
        out: folder; it keeps faces.npy or voxceleb.npy (the frames) and state.safetensors (for going on) too.
        config: the recipe.
        fabric: not launched; its processes start when the faces are ready, which may take hours.
        workers: processes that render, or threads that read; by default one a core.

    Raises:
        DataError: the folder belongs to another recipe, or VoxCeleb cannot be read.
    """
    _announce(*_prepare(out, config, workers))
    fabric.launch(_train, out, config)
    return out / "motion.safetensors"


def _prepare(out: Path, config: PretrainingConfig, workers: int | None = None) -> tuple[FramePairs, FramePairs, str]:
    """Pairs to learn from, pairs of other people, and both in words; what is on disk is not made again."""
    if config.voxceleb:
        return _prepare_voxceleb(out / "voxceleb.npy", config, config.voxceleb, workers)
    faces = render_pairs(
        out / "faces.npy",
        range(config.persons),
        pairs_per_identity=config.pairs,
        size=config.face_size,
        seed=config.training.seed,
        workers=workers,
    )
    learned_from = (config.persons - config.validation_persons) * config.pairs
    pairs = FramePairs.from_rendered(faces, slice(0, learned_from))
    validation = FramePairs.from_rendered(faces, slice(learned_from, None))
    return pairs, validation, f"{config.persons} rendered people"


def _prepare_voxceleb(
    path: Path, config: PretrainingConfig, source: VoxCeleb, workers: int | None
) -> tuple[FramePairs, FramePairs, str]:
    found = voxceleb.convert(
        source.root,
        path,
        size=config.face_size,
        frames=source.frames,
        skip_broken=source.skip_broken,
        workers=workers,
    )
    people = sorted(set(found.people))
    if len(people) < 2:
        broken = f"{len(found.skipped)} sequences were skipped, the first: {found.skipped[0]}"
        raise DataError(f"{source.root}: only one person, {people[0]}, can be read; {broken}")
    held_out = people[-min(config.validation_persons, max(1, len(people) // 10)) :]
    first = found.people.index(held_out[0])  # people lie one after the other, in the order of their names
    pairs = FramePairs(found.frames[: found.starts[first]], found.starts[: first + 1])
    theirs = [[index for index, name in enumerate(found.people) if name == person] for person in held_out]
    chosen = [some[at] for some in theirs for at in voxceleb.spread_evenly(len(some), config.pairs)]
    frames = [found.frames[found.starts[index] : found.starts[index + 1]] for index in chosen]
    validation = FramePairs(np.concatenate(frames), np.cumsum([0, *map(len, frames)]).tolist())
    skipped = f" ({len(found.skipped)} broken ones skipped, the first: {found.skipped[0]})" if found.skipped else ""
    return pairs, validation, f"{len(people)} people and {len(found.people)} sequences of VoxCeleb{skipped}"


@rank_zero_only
def _announce(pairs: FramePairs, validation: FramePairs, faces: str) -> None:
    print(f"{faces}: {len(pairs)} to learn from, {len(validation)} for validation", file=sys.stderr)


def _train(fabric: Fabric, out: Path, config: PretrainingConfig) -> None:
    """What every process does."""
    pairs, validation, faces = _prepare(out, config)
    torch.manual_seed(config.training.seed)
    learner = MotionLearner(config.learner)
    state = out / "state.safetensors"
    try:
        curve = train(learner, pairs, config.training, fabric=fabric, validation=validation, state=state)
    except SafetensorError as error:
        raise DataError(f"{state}: damaged ({error}); delete it and start the training again") from None
    if fabric.global_rank == 0:
        steps = f"{config.training.steps} steps of {config.training.batch_size * fabric.world_size} pairs"
        recipe = f"{steps}, {faces}"
        checkpoint.save(learner, out / "motion.safetensors", recipe=recipe, seed=str(config.training.seed))
        write_json(out / "curve.json", curve)
