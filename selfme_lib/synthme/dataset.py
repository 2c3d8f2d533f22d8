"""Write SynthME to disk: frames where CASME II, SMIC-HS or SAMM has them, the truth beside them.

Processes render clip by clip. A clip's folder and its truth appear whole or not at all, and a clip that is there is not rendered
again, so an interrupted run resumes where it stopped. Bytes depend on the version and the configuration alone, never on the
number of processes.
"""

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path

from filelock import FileLock

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_json, write_json
from selfme_lib.runtime.settings import from_plain

from .layouts import LABEL_SHEETS, write_label_sheet
from .plan import VERSION, PlannedClip, SynthConfig, fingerprint, plan_clips
from .render import Renderer
from .studio import film, film_clips
from .truth import save_arrays, truth_arrays, truth_path

DESCRIPTION = "synthme.json"
DISCLAIMER = (
    "Rendered faces. The labels come from our own recipes of action units: accuracy on this data proves that the pipeline "
    "works, and says nothing about recognising real micro-expressions."
)


def write_dataset(root: Path | str, config: SynthConfig, *, workers: int | None = None) -> Path:
    """Write a data set, or finish one that was begun.

    Args:
        root: an empty or new folder, or one with the same configuration.
        config: what to write.
        workers: processes; by default one per core.

    Returns:
        The root.

    Raises:
        DataError: the folder holds something else.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_name(f".{root.name}.lock")):  # two runs that share a folder take turns
        _claim(root, config)
        for leftover in root.glob(".unfinished-*"):
            shutil.rmtree(leftover)
        clips = plan_clips(config)
        missing = [clip for clip in clips if not _finished(root, clip)]
        film_clips(partial(_render_clip, root), missing, config.size, workers, title="SynthME", total=len(clips))
        sheet = LABEL_SHEETS.get(config.layout)
        if sheet and (missing or not (root / sheet).is_file()):
            write_label_sheet(root / sheet, config.layout, [_label(clip) for clip in clips])
    return root


def stored_config(root: Path | str) -> SynthConfig:
    """The configuration that a folder was written with, enough to render its clips again.

    Raises:
        DataError: the folder was not rendered by this version, or its description is damaged.
    """
    path = Path(root) / DESCRIPTION
    try:
        description = read_json(path)
        config = from_plain(SynthConfig, description["config"])
        if description["fingerprint"] == fingerprint(config):
            return config
    except (OSError, KeyError, TypeError, DataError, UsageError):
        pass
    raise DataError(f"{path}: not a set rendered by {VERSION}; its clips cannot be rendered again")


def _claim(root: Path, config: SynthConfig) -> None:
    """Make sure that the folder is empty or holds this data set, and write down what it will hold."""
    path = root / DESCRIPTION
    wanted = fingerprint(config)
    if path.is_file():
        found = dict(read_json(path)).get("fingerprint")
        if found != wanted:
            raise DataError(
                f"{path}: the folder holds another data set (fingerprint {found}, asked for {wanted}); choose another folder "
                "or delete this one"
            )
        return
    if any(root.iterdir()):
        raise DataError(f"{root}: the folder is not empty and not a SynthME folder; choose an empty or a new one")
    description = {"version": VERSION, "fingerprint": wanted, "fps": config.fps, "layout": config.layout}
    write_json(path, description | {"labels": DISCLAIMER, "config": config.to_plain()})


def _label(clip: PlannedClip) -> tuple:
    """The clip's row in the label sheet; as in the originals, a single action unit is a number and several are text ('4+7')."""
    script, units = clip.script, clip.script.action_units
    cell = int(units) if units.isdigit() else units
    return (clip.files.subject, clip.files.name, *script.frame_numbers, cell, script.emotion)


def _truth_file(root: Path, clip: PlannedClip) -> Path:
    return truth_path(root, clip.files.subject, clip.files.name)


def _finished(root: Path, clip: PlannedClip) -> bool:
    folder, first = root / clip.files.folder, clip.script.first_frame
    frames = (folder / clip.files.frame_name(first + i) for i in range(len(clip.script)))
    return _truth_file(root, clip).is_file() and all(frame.is_file() for frame in frames)


def _render_clip(root: Path, renderer: Renderer, clip: PlannedClip) -> None:
    """Write the frames of a clip and then its truth."""
    script, files = clip.script, clip.files
    folder = root / files.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=root))
    try:
        for frame, picture in film(renderer, script):
            path = temporary / files.frame_name(script.first_frame + frame)
            path.write_bytes(files.encode(picture, script.jpeg_quality))
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    save_arrays(_truth_file(root, clip), truth_arrays(renderer, script))
