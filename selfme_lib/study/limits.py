"""What cannot fit into this machine's memory or disk is refused before it is tried.

The estimates are lower bounds, a few arrays of each step, so that nothing is refused that might fit.
"""

import shutil

from selfme_lib.runtime.device import memory
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.paths import DATA

from .profiles import Profile

_FLOAT = 4  # bytes
_CLIP_FRAMES = 50  # of a rendered clip, at least
_BYTES_PER_PIXEL = 0.1  # of a compressed frame, at least


def check_size(settings: Profile) -> None:
    """Refuse a study that this machine has no room for.

    Raises:
        UsageError: naming the values that make it so large, what they need, and what there is.
    """
    for what, needed in _memory(settings).items():
        _compare(what, needed, memory(), "of memory")
    disk = shutil.disk_usage(next(place for place in (DATA, *DATA.parents) if place.exists())).free
    for what, needed in _disk(settings).items():
        _compare(what, needed, disk, f"free at {DATA}")


def _compare(what: str, needed: float, there: float, where: str) -> None:
    if needed > there:
        raise UsageError(
            f"{what} need {needed / 2**30:,.0f} GiB or more, and there are {there / 2**30:,.0f} GiB {where}"
        )


def _memory(settings: Profile) -> dict[str, float]:
    data, motion, classifier, evaluation = settings.data, settings.motion, settings.classifier, settings.evaluation
    clips = data.subjects * data.clips if data.dataset == "synthme" else 1
    people = data.subjects if data.dataset == "synthme" else 2
    tokens = (classifier.image_size / classifier.patch_size) ** 2
    weights = 12 * classifier.depth * classifier.width**2  # of the encoder's blocks
    kept = classifier.batch_size * classifier.depth * tokens * classifier.width * 4  # for the backward pass
    learned = (
        motion.batch_size * 8 * 3 * data.size**2 if motion.steps else 0
    )  # frames of a pair, and their warped forms
    return {
        "data.subjects, data.clips and data.size": clips * 2 * data.size**2 * _FLOAT,
        "data.subjects, data.clips and classifier.image_size": clips * 2 * classifier.image_size**2 * _FLOAT,
        "motion.batch_size and data.size": learned * _FLOAT,
        "classifier.width, depth, image_size and batch_size": (4 * weights + kept) * _FLOAT,
        "evaluation.bootstrap and data.subjects": evaluation.bootstrap * people * 8,
    }


def _disk(settings: Profile) -> dict[str, float]:
    data, motion = settings.data, settings.motion
    faces = motion.persons * motion.pairs * 2 * 3 * data.size**2 if motion.steps and motion.frames == "rendered" else 0
    rendered = data.dataset == "synthme" and not data.root
    frames = data.subjects * data.clips * _CLIP_FRAMES * data.render_size**2 * _BYTES_PER_PIXEL
    return {
        "motion.persons, motion.pairs and data.size": faces,
        "data.subjects, data.clips and data.render_size": frames if rendered else 0,
    }
