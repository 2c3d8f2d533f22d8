"""Networks on disk: safetensors, with the network's settings and the origin of its weights as metadata."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.kept import read_weights, write_weights
from selfme_lib.runtime.settings import from_plain

from .face_prior import FacePrior, FacePriorConfig
from .learner import MotionLearner
from .settings import LearnerConfig

CHECKPOINTS = Path(__file__).parent / "checkpoints"
PLUS = CHECKPOINTS / "plus.safetensors"
PRINTED = CHECKPOINTS / "printed.safetensors"
SHIPPED_FORMS = {"plus": PLUS, "printed": PRINTED, "first-order": CHECKPOINTS / "first_order.safetensors"}
"""What comes with the package, by its name in a profile: `plus` is SelfME+, `printed` the paper's own form."""

Estimator = MotionLearner | FacePrior
"""Whatever has `dense_motion` and `state_dict`."""

Network = TypeVar("Network", bound=nn.Module)


def save(learner: MotionLearner, path: Path | str, **origin: str) -> None:
    """Write a motion learner; `origin` describes how its weights were made."""
    save_network(learner, learner.config, path, **origin)


def load(path: Path | str, *, device="cpu") -> MotionLearner:
    """The motion learner of a checkpoint, in `eval` mode.

    Raises:
        DataError: the file is missing, or is not a checkpoint of a motion learner.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such checkpoint; give a file written by `selfme pretrain` or a run")
    return load_network(MotionLearner, LearnerConfig, path, what="a motion learner").to(device)


def load_estimator(path: Path | str, *, device="cpu") -> Estimator:
    """An estimator: a motion learner's checkpoint or a face prior's, as its settings say, in `eval` mode.

    Raises:
        DataError: the file is missing, or is neither.
    """
    if is_face_prior(path):
        return load_network(FacePrior, FacePriorConfig, path, what="a face prior").to(device)
    return load(path, device=device)


def is_face_prior(path: Path | str) -> bool:
    """Whether a checkpoint is SelfME+'s; False if it cannot be read, so that `load` says what is wrong."""
    try:
        return "lattice" in read_weights(path, sealed=False)[1].get("config", "")
    except DataError:
        return False


def start_of(name: str) -> Path:
    """The file that a profile calls `checkpoint`: one of `SHIPPED_FORMS`, or a path."""
    return SHIPPED_FORMS.get(name, Path(name))


def save_network(network: nn.Module, config: Any, path: Path | str, **metadata: str) -> None:
    """Write a network's weights and settings (a dataclass) atomically."""
    write_weights(path, network.state_dict(), {"config": json.dumps(asdict(config)), **metadata})


def load_network(build: Callable[[Any], Network], settings: type, path: Path | str, *, what: str) -> Network:
    """Read what `save_network` wrote: `build(config)` with its weights, in `eval` mode.

    Args:
        settings: the class of the settings.
        what: the network's name in an error message.

    Raises:
        DataError: the file holds something else, settings out of range, or weights that are not finite.
    """
    try:
        weights, metadata = read_weights(path, sealed=False)
        network = build(from_plain(settings, json.loads(metadata["config"])))
        network.load_state_dict(weights)
        if broken := [name for name, value in weights.items() if not value.isfinite().all()]:
            raise ValueError(f"{broken[0]} holds numbers that are not finite")
    except (DataError, KeyError, ValueError, RuntimeError, UsageError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        reason = f"no {reason} in its metadata" if isinstance(error, KeyError) else reason
        raise DataError(f"{path}: not a checkpoint of {what} ({reason}); give another file") from error
    return network.eval()
