"""Under which names a study keeps what it computes: fingerprints of all that determines it. The functions take a `Study`."""

from pathlib import Path
from typing import Any

from selfme_lib.baselines import tcae_training
from selfme_lib.data import dataset_fingerprint, images
from selfme_lib.motion import checkpoint, face_prior
from selfme_lib.motion import learner as motion_learner
from selfme_lib.motion import training as motion_training
from selfme_lib.runtime.device import DEVICE
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.synthme import pretraining as synthme_faces
from selfme_lib.synthme.head import HEAD

from . import extraction
from .by_folds import seen_clips
from .profiles import Profile


def faces_key(settings: Profile) -> str:
    """Of the rendered faces to learn motion from."""
    motion, size = settings.motion, settings.data.size
    return fingerprint(code=synthme_faces, head=HEAD, persons=motion.persons, pairs=motion.pairs, size=size)


def tcae_key(settings: Profile) -> str:
    """Of TCAE."""
    cause = {"tcae": settings.evaluation.rivals.tcae, "faces": faces_key(settings), "seed": settings.seed}
    return fingerprint(code=tcae_training, device=DEVICE, **cause)


def motion_key(study: Any, method: str, *, bspline: bool, gamma: float) -> str:
    """Of the motion of every clip. Arguments as in `Study.motion`."""
    cause = _measured(study)
    if method == "tcae":
        cause["tcae"] = tcae_key(study.settings)
    if method in extraction.LEARNED:
        cause |= {"bspline": bspline, "gamma": gamma, "learner": _estimator_key(study, method)}
    return fingerprint(code=extraction, **cause)


def dense_key(study: Any, method: str) -> str:
    """Of `Study.dense_motion`."""
    return fingerprint(code=extraction, learner=_estimator_key(study, method), **_measured(study))


def _measured(study: Any) -> dict[str, Any]:
    return {"clips": study.clips_key, "size": study.settings.data.size, "device": DEVICE}


def _estimator_key(study: Any, method: str) -> str:
    return learner_key(study) if method == "selfme" else _shipped_key(checkpoint.SHIPPED_FORMS[method])


def start_of(settings: Profile) -> Path:
    """The checkpoint that the profile starts from.

    Raises:
        DataError: there is none.
    """
    start = checkpoint.start_of(settings.motion.checkpoint)
    if not start.is_file():
        raise DataError(f"{start}: no such checkpoint of a motion learner; correct motion.checkpoint")
    return start


def fine_tuned(study: Any) -> Path:
    """The file of the motion learner that the profile fine-tunes."""
    return study.run.checkpoints / f"motion-{learner_key(study)}.safetensors"


def learner_key(study: Any) -> str:
    """Of the motion learner."""
    motion, size = study.settings.motion, study.settings.data.size
    if not motion.steps:
        return _shipped_key(start_of(study.settings))
    frames = faces_key(study.settings)
    seen = frames if motion.frames == "rendered" else [dataset_fingerprint(seen_clips(study)), size]
    cause = {"training": motion.training(study.settings.seed), "frames": seen, "device": DEVICE}
    return fingerprint(code=[motion_training, images], checkpoint=start_of(study.settings), **cause)


def _shipped_key(path: Path) -> str:
    """Of an estimator that is used as it is."""
    return fingerprint(code=[motion_learner, face_prior], checkpoint=path)
