"""What a study computes once and keeps: who computes it, and how it gets onto the disk whole."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from lightning_fabric import Fabric
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
from selfme_lib.runtime.files import atomic_path, write_json


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Lock `path`; True if this process must create it. Rows of a sweep that need the same file take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield not path.exists()


def stored_array(path: Path, compute: Callable[[], Tensor]) -> Tensor:
    """The array in `path`, computed and saved first if it is not there."""
    with locked(path) as missing:
        if missing:
            values = compute().numpy()
            with atomic_path(path) as temporary:
                np.save(temporary, values)
    return torch.from_numpy(np.load(path, allow_pickle=False))


def stored_learner(
    path: Path, begin: Callable[[], tuple[MotionLearner, FramePairs]], config: TrainingConfig, *, origin: str
) -> Path:
    """A checkpoint of a motion learner, trained first if it is not there; its curve lies beside it.

    A training that was killed resumes.

    Args:
        path: of the checkpoint.
        begin: gives the learner to start from and the pairs it learns from; called only when there is something to do.
        config: of the training.
        origin: written into the checkpoint: how it was made.
    """
    with locked(path) as missing:
        if missing:
            learner, pairs = begin()
            state = path.with_suffix(".state")
            fabric = Fabric(accelerator=DEVICE, devices=1)
            fabric.launch()
            curve = train(learner, pairs, config, fabric=fabric, state=state, every=max(1, config.steps // 20))
            write_json(path.with_suffix(".json"), curve)
            checkpoint.save(learner, path, origin=origin)
            state.unlink(missing_ok=True)
    return path


def stored_tcae(path: Path, config: TCAEConfig, pairs: Callable[[], FramePairs], *, seed: int) -> Path:
    """A checkpoint of TCAE, trained from random weights first if it is not there; its curve lies beside it."""
    with locked(path) as missing:
        if missing:
            model, curve = train_tcae(config, pairs(), seed=seed, device=DEVICE)
            write_json(path.with_suffix(".json"), curve)
            tcae.save(model, path, origin=f"{config.steps} steps from random weights on rendered faces")
    return path


def stored_frames(path: Path, clips: Sequence[Clip], size: int) -> np.ndarray:
    """Every frame of the clips, one after the other: uint8 (n, size, size, 3) RGB, memory-mapped."""
    with locked(path) as missing, atomic_path(path) if missing else nullcontext() as temporary:
        if temporary is not None:
            wanted = [(clip, number) for clip in clips for number in clip.frame_numbers]
            frames = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=(len(wanted), size, size, 3))
            for index, (clip, number) in enumerate(tqdm(wanted, desc="frames", unit="frame", disable=None)):
                frames[index] = (read_clip_frame(clip, number, size) * 255).round().byte().permute(1, 2, 0).numpy()
            frames.flush()
    return np.load(path, mmap_mode="r", allow_pickle=False)
