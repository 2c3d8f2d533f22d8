"""What the classifier of a row sees of each clip: its motion, what is read of it, or what a rival looks at."""

from dataclasses import replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from selfme_lib.baselines import tcae
from selfme_lib.data.features import load_features
from selfme_lib.grids import resize_flow
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.fingerprint import fingerprint

from . import rival_inputs
from .by_folds import learned_by_folds, out_of_fold
from .frozen_rows import Reading, reading_of
from .rows import Row
from .store import stored_array


def inputs(study: Any, row: Row) -> Float[Tensor, "n *r"]:
    """Of every clip of a study.

    Raises:
        UsageError: what the row asks for contradicts the settings or the data.
    """
    if row.tested_under is not None:
        return inputs(study.under(row.tested_under), replace(row, tested_under=None))
    settings, reading = study.settings, reading_of(row, study.settings.classifier)
    if row.rival is not None and not row.rival.sees.startswith("flow"):
        model = tcae.load(study.tcae_file(), device=DEVICE) if row.rival.sees == "action vectors" else None
        return rival_inputs.from_frames(row.rival, study.clips, tcae=model)
    side = settings.classifier.image_size if row.rival is None else row.rival.settings.size
    if row.motion == "features":
        given = load_features(study.clips, side)
        if row.rival is not None and reading is None:
            return rival_inputs.from_features(row.rival, given)
        motion = row.gamma * given[:, :2]
        return motion if reading is None else reading.read(motion)
    if "faces" in settings.evaluation.leaks and row.rival is None:
        if not settings.motion.steps:
            raise UsageError(
                "evaluation.leaks: faces are seen by fine-tuning, and motion.steps is 0; set it to 1 or more"
            )
        study = study.changed(motion={"frames": "clips"})
    if reading is not None:
        return _read(study, row, reading)
    motion = study.motion(row.motion, bspline=row.bspline, gamma=row.gamma)
    return resize_flow(motion, (side, side)) if row.rival is None else rival_inputs.from_motion(row.rival, motion)


def _read(study: Any, row: Row, reading: Reading) -> Float[Tensor, "n *r"]:
    """What is read of a row's motion, kept under the motion's own name, so that neither is computed, read or hashed again."""
    if row.motion == "selfme" and learned_by_folds(study) and not study.held_out:
        return out_of_fold(study, lambda one: _read(one, row, reading))
    how = {"bspline": row.bspline, "gamma": row.gamma}
    name = study.motion_file(row.motion, **how).stem
    key = fingerprint(code=reading.code, motion=name, gamma=row.gamma, **reading.cause)
    return stored_array(
        study.run.fields / f"described-{key}.npy", lambda: reading.read(study.motion(row.motion, **how))
    )
