"""Motion learners on disk: safetensors, with the networks' sizes and where the weights come from in its metadata."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path

from .learner import LearnerConfig, MotionLearner

CHECKPOINTS = Path(__file__).parent / "checkpoints"
SHIPPED = CHECKPOINTS / "synthme_faces.safetensors"


def save(learner: MotionLearner, path: Path | str, **origin: str) -> None:
    """Write weights and sizes atomically; `origin` says in words how the weights were made."""
    state = {name: value.contiguous() for name, value in learner.state_dict().items()}
    with atomic_path(path) as temporary:
        save_file(state, temporary, metadata={"config": json.dumps(asdict(learner.config)), **origin})


def load(path: Path | str | None = None, *, device="cpu") -> MotionLearner:
    """The motion learner of a checkpoint, in `eval` mode; by default the one that comes with the package.

    Raises:
        DataError: the file is missing, or is not a checkpoint of a motion learner.
    """
    path = Path(path) if path else SHIPPED
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint; give a file that `selfme pretrain` or a run has written")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        learner = MotionLearner(LearnerConfig(**json.loads(metadata["config"])))
        learner.load_state_dict(load_file(path))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        reason = f"no {reason} in its metadata" if isinstance(error, KeyError) else reason
        raise DataError(f"{path}: not a checkpoint of a motion learner ({reason}); give another file") from error
    return learner.to(device).eval()
