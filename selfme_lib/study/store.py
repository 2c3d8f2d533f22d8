"""What a study computes once and keeps. Rows of a sweep that need the same file take turns, and only the first makes it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from selfme_lib.baselines import tcae
from selfme_lib.baselines.tcae import TCAEConfig
from selfme_lib.baselines.tcae_training import train_tcae
from selfme_lib.data import Clip, read_clip_frame
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.motion.settings import TrainingConfig
from selfme_lib.motion.training import train
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.kept import (
    are_sound_weights,
    new_array,
    read_array,
    read_record,
    seal,
    write_array,
    write_record,
)
from selfme_lib.runtime.locks import in_turn


def stored_array(path: Path, compute: Callable[[], Tensor]) -> Tensor:
    """The array in `path`, computed and saved first if it is not there or damaged."""
    with in_turn(path):
        values = read_array(path)
        if values is None:
            values = compute().numpy()
            write_array(path, values)
    return torch.from_numpy(values)


def stored_learner(
    path: Path, begin: Callable[[], tuple[MotionLearner, FramePairs]], config: TrainingConfig, *, origin: str
) -> Path:
    """A checkpoint of a motion learner, trained first if it is not there or damaged; its curve lies beside it.

    A training that was killed resumes.

    Args:
        path: of the checkpoint.
        begin: gives the learner to start from and the pairs it learns from; called only when there is something to do.
        config: of the training.
        origin: written into the checkpoint: how it was made.
    """
    with in_turn(path):
        if not _is_trained(path):
            from lightning_fabric import Fabric  # slow to import

            learner, pairs = begin()
            state = path.with_suffix(".state")
            fabric = Fabric(accelerator=DEVICE, devices=1)
            fabric.launch()
            curve = train(learner, pairs, config, fabric=fabric, state=state, every=max(1, config.steps // 20))
            write_record(path.with_suffix(".json"), curve)
            checkpoint.save(learner, path, origin=origin)
            state.unlink(missing_ok=True)
    return path


def stored_tcae(path: Path, config: TCAEConfig, pairs: Callable[[], FramePairs], *, seed: int) -> Path:
    """A checkpoint of TCAE, trained from random weights first if it is not there or damaged; its curve lies beside it."""
    with in_turn(path):
        if not _is_trained(path):
            model, curve = train_tcae(config, pairs(), seed=seed, device=DEVICE)
            write_record(path.with_suffix(".json"), curve)
            tcae.save(model, path, origin=f"{config.steps} steps from random weights on rendered faces")
    return path


def _is_trained(path: Path) -> bool:
    return are_sound_weights(path) and read_record(path.with_suffix(".json")) is not None


def stored_frames(path: Path, clips: Sequence[Clip], size: int) -> np.ndarray:
    """Every frame of the clips, one after the other: uint8 (n, size, size, 3) RGB, memory-mapped."""
    wanted = [(clip, number) for clip in clips for number in clip.frame_numbers]
    with in_turn(path):
        if (kept := read_array(path, mapped=True)) is not None:
            return kept
        with atomic_path(path) as temporary:
            frames = new_array(temporary, (len(wanted), size, size, 3))
            for index, (clip, number) in enumerate(tqdm(wanted, desc="frames", unit="frame", disable=None)):
                frames[index] = (read_clip_frame(clip, number, size) * 255).round().byte().permute(1, 2, 0).numpy()
            frames.flush()
            del frames  # closes the file, which some systems require before it is renamed
            seal(temporary, path.name)
    return np.load(path, mmap_mode="r", allow_pickle=False)
