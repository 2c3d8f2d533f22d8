"""Notebooks that somebody opens take over what runs of the same profile have computed: `make reproduce`, then `make lab`.

They work in a folder of their own, `runs/lab`, so that trying things out changes no report. Motions, folds and networks lie
under a fingerprint of all that determines them and are never changed, so a file of another run is as good as one's own. It is
linked where the disk can do that, and copied elsewhere.
"""

import logging
import os
import shutil
from pathlib import Path

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, finished

from .run_folder import RunFolder

logger = logging.getLogger(__name__)
_KEPT = (".npy", ".json", ".safetensors")  # not the states of trainings that are still going on


def adopt(run: RunFolder, profile: str) -> dict[str, int]:
    """Take over what `run` lacks from the runs beside it that have the same profile, and say so.

    A run of `selfme reproduce` or of a sweep adopts nothing: it is there to compute, and `make verify` would verify nothing else.

    Returns:
        How many files came from which run, by its name; empty if none.
    """
    if run.profile.exists() or run.shared.exists():
        return {}
    found = {}
    for path in sorted(run.path.parent.glob("*/profile.json"), key=lambda path: -path.stat().st_mtime):
        other = RunFolder(path.parent)
        try:
            same = other.read_settings()["profile"] == profile
        except DataError as error:
            logger.warning("%s", error)
            continue
        if same and (count := sum(map(_take_over, _places(other), _places(run)))):
            found[other.name] = count
            print(f"{run.path}: takes over {count} motions, folds and networks from the run {other.name}")
    return found


def _places(run: RunFolder) -> tuple[Path, ...]:
    return run.fields, run.folds, run.checkpoints


def _take_over(source: Path, target: Path) -> int:
    """Link or copy the finished files that `target` lacks; returns how many."""
    count = 0
    for path in finished(source, "*"):
        own = target / path.name
        if path.suffix not in _KEPT or path.name == "progress.json" or own.exists():
            continue
        target.mkdir(parents=True, exist_ok=True)
        try:
            os.link(path, own)
        except FileExistsError:  # a notebook beside this one was quicker
            continue
        except OSError:  # another disk, or one without links
            with atomic_path(own) as temporary:
                shutil.copyfile(path, temporary)
        count += 1
    return count
