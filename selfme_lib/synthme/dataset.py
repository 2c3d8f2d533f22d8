"""Write SynthME to disk: frames where CASME II, SMIC-HS or SAMM has them, the truth beside them; or excerpts of it.

Processes render clip by clip. A clip's folder and its truth appear whole or not at all, with a checksum beside the truth. A clip
that is there and sound is not rendered again, so an interrupted run resumes where it stopped. Bytes depend on the version and the
configuration alone, never on the number of processes.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_arrays, read_json, write_json
from selfme_lib.runtime.kept import is_sound, read_record, write_record
from selfme_lib.runtime.locks import in_turn
from selfme_lib.runtime.settings import from_plain, read_shaped

from .codec import through_h264
from .ground_truth import exact_flow, flow_arrays, save_arrays, truth_arrays
from .layouts import LABEL_SHEETS, write_label_sheet
from .plan import PlannedClip, SynthConfig, draw_labels, fingerprint, plan_clips
from .render import Renderer
from .sensor import decode
from .studio import film, film_clips
from .timeline import Script
from .truth import truth_path

DESCRIPTION = "synthme.json"
DISCLAIMER = (
    "Rendered faces. The labels come from our own recipes of action units: accuracy on this data proves that the pipeline "
    "works, and says nothing about recognising real micro-expressions."
)


def write_dataset(root: Path | str, config: SynthConfig, *, workers: int | None = None) -> Path:
    """Write a data set, or finish one that was begun.

    Args:
        root: an empty or new folder, or one with the same configuration; it is returned.
        config: what to write.
        workers: processes; by default one per core.

    Raises:
        DataError: the folder holds something else.
        UsageError: the configuration asks for H.264, and PyAV is not installed.
    """
    root, description = Path(root), _description(config)  # an encoder that is missing is named before there is a folder
    root.mkdir(parents=True, exist_ok=True)
    with in_turn(root):  # two runs that share a folder take turns
        claim(root, description)
        for leftover in root.glob(".unfinished-*"):
            shutil.rmtree(leftover)
        clips = plan_clips(config)
        missing = [clip for clip in clips if not _finished(root, config, clip)]
        film_clips(
            partial(_render_clip, root, config), missing, config.size, workers, title="SynthME", total=len(clips)
        )
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
    raise DataError(
        f"{path}: its clips cannot be rendered again by this version of the code; make it anew with `selfme synth`"
    )


def claim(root: Path, description: dict[str, Any]) -> None:
    """Make sure that a folder is empty or holds the data set with this `fingerprint`, and write down what it will hold.

    Raises:
        DataError: it holds something else.
    """
    path, wanted = root / DESCRIPTION, description["fingerprint"]
    if path.is_file():
        found = read_shaped(path, dict, remedy="choose another folder or delete this one").get("fingerprint")
        if found != wanted:
            raise DataError(
                f"{path}: the folder holds another data set (fingerprint {found}, asked for {wanted}); choose another folder "
                "or delete this one"
            )
        return
    if any(root.iterdir()):
        raise DataError(f"{root}: the folder is not empty and not a SynthME folder; choose an empty or a new one")
    write_json(path, description)


def _description(config: SynthConfig) -> dict[str, Any]:
    return {
        "version": config.version or "own settings",
        "fingerprint": fingerprint(config),
        "fps": config.fps,
        "layout": config.layout,
        "others": sum(emotions.count("others") for emotions in draw_labels(config)),
        "labels": DISCLAIMER,
        "config": config.to_plain(),
    }


def _label(clip: PlannedClip) -> tuple:
    """The clip's row in the label sheet; as in the originals, a single action unit is a number and several are text ('4+7')."""
    script, units = clip.script, clip.script.action_units
    cell = int(units) if units.isdigit() else units
    return (clip.files.subject, clip.files.name, *script.frame_numbers, cell, script.emotion)


def _finished(root: Path, config: SynthConfig, clip: PlannedClip) -> bool:
    truth = truth_path(root, clip.files.subject, clip.files.name)
    kept = read_record(truth.with_suffix(".json"))
    return kept is not None and kept == _checksum(root, config, clip)


def _written(config: SynthConfig, script: Script) -> Collection[int]:
    """Indices of the frames of a clip that go to disk."""
    return (script.onset, script.apex) if config.ends else range(len(script))


def _checksum(root: Path, config: SynthConfig, clip: PlannedClip) -> str:
    """Of the frames of a clip and its truth; empty if one of them is missing."""
    files, first, digest = clip.files, clip.script.first_frame, hashlib.sha256()
    frames = (root / files.folder / files.frame_name(first + i) for i in _written(config, clip.script))
    for path in (*frames, truth_path(root, files.subject, files.name)):
        if not path.is_file():
            return ""
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _recorded(
    config: SynthConfig, renderer: Renderer, clip: PlannedClip, wanted: Collection[int]
) -> Iterator[tuple[int, bytes]]:
    """Indices and files of the `wanted` frames of a clip, in order."""
    script, files = clip.script, clip.files
    if config.codec == "none":
        frames = film(renderer, script, wanted=wanted)
    else:  # every frame depends on those before it
        shown = (picture for _, picture in film(renderer, script))
        frames = enumerate(through_h264(shown, config.size, config.fps))
    for frame, picture in frames:
        if frame in wanted:
            yield frame, files.encode(picture, script.jpeg_quality)


def _render_clip(root: Path, config: SynthConfig, renderer: Renderer, clip: PlannedClip) -> None:
    """Write the frames of a clip and then its truth."""
    script, files = clip.script, clip.files
    folder = root / files.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = root / f".unfinished-{uuid.uuid4().hex[:12]}"
    temporary.mkdir()
    try:
        for frame, content in _recorded(config, renderer, clip, _written(config, script)):
            (temporary / files.frame_name(script.first_frame + frame)).write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    truth = truth_path(root, files.subject, files.name)
    save_arrays(truth, truth_arrays(renderer, script))
    write_record(truth.with_suffix(".json"), _checksum(root, config, clip))


@dataclass(frozen=True)
class Excerpt:
    """Two frames of a clip, RGB, and the motion between them as in `truth.Truth`."""

    onset: UInt8[np.ndarray, "h w 3"]
    apex: UInt8[np.ndarray, "h w 3"]
    flow_backward: Float[Tensor, "2 h w"]
    au_flow_backward: Float[Tensor, "2 h w"]


def render_excerpts(
    folder: Path | str, config: SynthConfig, clips: Collection[tuple[str, str]], *, workers: int | None = None
) -> dict[tuple[str, str], Path]:
    """Render onset, apex and true motion of some clips, pixel by pixel those that `write_dataset` would write.

    Args:
        folder: of one `.npz` per clip, which is not rendered again unless it is damaged; it serves one configuration, so
            name it by its fingerprint.
        config: of the whole data set.
        clips: subject and name of each clip; the result has the file of each, for `load_excerpt`.
        workers: processes; by default one per core.

    Raises:
        UsageError: the configuration has no such clip.
    """
    paths = {(subject, name): Path(folder) / f"sub{subject}" / f"{name}.npz" for subject, name in clips}
    missing = {clip for clip, path in paths.items() if not is_sound(path)}
    if not missing:
        return paths
    planned = {(clip.files.subject, clip.files.name): clip for clip in plan_clips(config)}
    for unknown in missing - set(planned):
        raise UsageError(f"the configuration has no clip {'/'.join(unknown)}")
    chosen = [clip for key, clip in planned.items() if key in missing]
    title = f"rendering at yaw {config.yaw:g}°"
    film_clips(partial(_render_excerpt, paths, config), chosen, config.size, workers, title=title, total=len(chosen))
    return paths


def load_excerpt(path: Path) -> Excerpt:
    """Read what `render_excerpts` wrote."""
    try:
        return to_excerpt(read_arrays(path))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: damaged ({error}); delete it and run the command again") from None


def to_excerpt(arrays: Mapping[str, np.ndarray]) -> Excerpt:
    """From what `excerpt_arrays` gives. Raises KeyError, TypeError or ValueError if something is missing or wrong."""
    action, head = (torch.from_numpy(arrays[f"{part}_flow_backward"].astype(np.float32)) for part in ("au", "head"))
    return Excerpt(onset=arrays["onset"], apex=arrays["apex"], flow_backward=action + head, au_flow_backward=action)


def _render_excerpt(
    paths: Mapping[tuple[str, str], Path], config: SynthConfig, renderer: Renderer, clip: PlannedClip
) -> None:
    path = paths[clip.files.subject, clip.files.name]
    save_arrays(path, excerpt_arrays(config, renderer, clip), sealed=True)


def excerpt_arrays(config: SynthConfig, renderer: Renderer, clip: PlannedClip) -> dict[str, np.ndarray]:
    """Onset and apex of a clip as its files hold them, the motion between them as in `flow_arrays`, and masks of the apex."""
    script = clip.script
    frames = _recorded(config, renderer, clip, (script.onset, script.apex))
    onset, apex = (decode(content) for _, content in frames)
    flow = exact_flow(renderer, script.state(script.apex), script.state(script.onset))
    masks = {"surface": flow.surface, "visible": flow.visible}
    return {"onset": onset, "apex": apex, **flow_arrays(flow, "backward"), **masks}
