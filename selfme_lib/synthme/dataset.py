"""Write SynthME to disk: frames where CASME II, SMIC-HS or SAMM has them, the truth beside them.

Work is cut into clips, rendered by several processes. A clip's folder and its truth appear whole or not at all, and a clip
that is there is not rendered again, so an interrupted run goes on where it stopped. Bytes depend on the configuration alone,
never on the number of processes.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path, read_json, write_json
from selfme_lib.runtime.processes import in_parallel

from .action_units import code
from .ground_truth import exact_flow
from .identity import Identity, create_identity
from .layouts import (
    CLASS_COUNTS,
    CODING_SHEET,
    FACS_SHEET,
    LAYOUTS,
    ClipFiles,
    action_units_cell,
    clip_files,
    write_coding_sheet,
    write_facs_sheet,
)
from .render import Renderer
from .sensor import expose
from .studio import set_up
from .timeline import UNITS, Difficulty, Script, write_script
from .truth import truth_path

VERSION = "synthme-1"
DISCLAIMER = (
    "Rendered faces. The labels come from our own recipes of action units: accuracy on this data proves that the pipeline "
    "works, and says nothing about recognising real micro-expressions."
)
NEGATIVE_EMOTIONS = {"disgust": 0.7, "repression": 0.3}  # as in CASME II: 63 and 27 clips
STREAM = {"labels": 11, "clips": 12}
LARGEST_YAW = 45  # degrees; beyond, half of the face is hidden
CHUNK = 6  # clips that one task renders, so that a person is painted rarely


@dataclass(frozen=True)
class SynthConfig:
    """What is to be written.

    Attributes:
        subjects, clips: number of persons, and of labelled clips of each.
        size: width and height of a frame in pixels.
        seed: another seed gives other persons and other clips.
        layout: "casme2", "smic" or "samm".
        first_identity: the first person; sets whose ranges of persons do not meet have no person in common.
        fps: frames a second; a movement takes 8 to 16 frames.
        difficulty: what stands between frames and label.
        yaw: degrees by which every head is turned sideways, to the picture's right; the clips stay the same otherwise.
    """

    subjects: int = 12
    clips: int = 12
    size: int = 256
    seed: int = 0
    layout: str = "casme2"
    first_identity: int = 0
    fps: int = 50
    difficulty: Difficulty = field(default_factory=Difficulty)
    yaw: float = 0.0

    def __post_init__(self):
        if self.layout not in LAYOUTS:
            raise UsageError(f"layout {self.layout!r} is unknown; choose one of {', '.join(LAYOUTS)}")
        for name, least in (
            ("subjects", 1),
            ("clips", 1),
            ("size", 32),
            ("seed", 0),
            ("first_identity", 0),
            ("fps", 1),
        ):
            if getattr(self, name) < least:
                raise UsageError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if not abs(self.yaw) <= LARGEST_YAW:
            raise UsageError(f"yaw must lie between -{LARGEST_YAW} and {LARGEST_YAW} degrees, got {self.yaw}")


def fingerprint(config: SynthConfig) -> str:
    """A short hash of the version and the configuration: equal for equal data."""
    text = json.dumps({"version": VERSION, **_settings(config)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _settings(config: SynthConfig) -> dict:
    """The configuration as it is written down; a yaw of 0 is left out, as in folders older than the setting."""
    settings = json.loads(json.dumps(asdict(config)))
    if not config.yaw:
        del settings["yaw"]
    return settings


def stored_config(root: Path | str) -> SynthConfig:
    """The configuration that a folder was written with, enough to render its clips again.

    Raises:
        DataError: the folder was not rendered by this version, or its description is damaged.
    """
    path = Path(root) / "synthme.json"
    try:
        description = read_json(path)
        settings = dict(description["config"])
        ranges = {
            name: tuple(value) if isinstance(value, list) else value for name, value in settings["difficulty"].items()
        }
        config = SynthConfig(**{**settings, "difficulty": Difficulty(**ranges)})
        known = description["fingerprint"] == fingerprint(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, DataError, UsageError):
        known = False
    if not known:
        raise DataError(f"{path}: not a set rendered by {VERSION}; its clips cannot be rendered again")
    return config


def write_dataset(root: Path | str, config: SynthConfig, *, workers: int | None = None) -> Path:
    """Write a data set, or finish one that was begun.

    Args:
        root: an empty or new folder, or one with the same configuration.
        config: what to write.
        workers: processes; by default one a core.

    Returns:
        The root.

    Raises:
        DataError: the folder holds something else.
    """
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root.with_name(f".{root.name}.lock")):  # two runs that share a folder take turns
        _write(root, config, workers)
    return root


def _write(root: Path, config: SynthConfig, workers: int | None) -> None:
    _claim(root, config)
    for leftover in root.glob(".unfinished-*"):
        shutil.rmtree(leftover)
    clips = plan(config)
    missing = [clip for clip in clips if not _finished(root, clip)]
    names = [(clip.files.subject, clip.number) for clip in missing]
    jobs = [(root, config, names[i : i + CHUNK]) for i in range(0, len(names), CHUNK)]
    with tqdm(total=len(clips), initial=len(clips) - len(missing), desc="SynthME", unit="clip", disable=None) as bar:
        for done in in_parallel(_render_chunk, jobs, workers):
            bar.update(done)
    sheets = {"casme2": (CODING_SHEET, write_coding_sheet), "samm": (FACS_SHEET, write_facs_sheet)}
    if config.layout in sheets:
        name, write = sheets[config.layout]
        if missing or not (root / name).is_file():
            write(root, [_coding_row(clip) for clip in clips])


@dataclass(frozen=True)
class PlannedClip:
    """A clip to be: who shows what, and where it is written."""

    identity: tuple[int, ...]
    number: int
    files: ClipFiles
    script: Script


@lru_cache(maxsize=4)  # asked for again whenever somebody wants to know where the data set lies
def plan(config: SynthConfig) -> tuple[PlannedClip, ...]:
    """The scripts of all clips, by subject; nothing is rendered."""
    clips = []
    for subject, emotions in enumerate(draw_labels(config), start=1):
        key = (config.seed, config.first_identity + subject - 1)
        identity = create_identity(key)
        count: Counter[str] = Counter()
        for number, emotion in enumerate(emotions):
            kind = "negative" if emotion in NEGATIVE_EMOTIONS else emotion
            count[kind] += 1
            script = write_script(identity, emotion, config.difficulty, (STREAM["clips"], *key, number))
            if config.layout == "smic":
                script = script.trimmed()
            if config.yaw:
                script = script.turned(identity, math.radians(config.yaw))
            files = clip_files(config.layout, subject, number, emotion, count[kind])
            clips.append(PlannedClip(identity=key, number=number, files=files, script=script))
    return tuple(clips)


def draw_labels(config: SynthConfig) -> list[list[str]]:
    """The emotions of each subject's clips.

    Class totals are those of the real data set, scaled; subjects have tastes, so some lack a class altogether.
    """
    generator = np.random.default_rng((STREAM["labels"], config.seed, config.first_identity))
    shares = CLASS_COUNTS[config.layout]
    exact = np.array(list(shares.values())) / sum(shares.values()) * config.subjects * config.clips
    left = np.floor(exact).astype(int)
    short = config.subjects * config.clips - left.sum()
    left[np.argsort(left - exact, kind="stable")[:short]] += 1
    labels: list[list[str]] = [[] for _ in range(config.subjects)]
    taste = generator.dirichlet([0.9] * 3, config.subjects)
    for _ in range(config.clips):
        for subject in range(config.subjects):  # in turns, so that the last subject is not left with the remainder
            chances = left * taste[subject]
            chances = chances / chances.sum() if chances.sum() > 1e-9 else left / left.sum()
            kind = generator.choice(3, p=chances)
            left[kind] -= 1
            labels[subject].append(("negative", "happiness", "surprise")[kind])
    emotions, chances = zip(*NEGATIVE_EMOTIONS.items())
    return [[str(generator.choice(emotions, p=chances)) if e == "negative" else e for e in row] for row in labels]


def _claim(root: Path, config: SynthConfig) -> None:
    """Make sure that the folder is ours, and write what it is going to hold."""
    description = {
        "version": VERSION,
        "fingerprint": fingerprint(config),
        "fps": config.fps,
        "layout": config.layout,
        "labels": DISCLAIMER,
        "config": _settings(config),
    }
    path = root / "synthme.json"
    if path.is_file():
        found = dict(read_json(path)).get("fingerprint")
        if found != description["fingerprint"]:
            raise DataError(
                f"{path}: the folder holds another data set (fingerprint {found}, asked for "
                f"{description['fingerprint']}); choose another folder or delete this one"
            )
        return
    if root.exists() and any(root.iterdir()):
        raise DataError(f"{root}: the folder is not empty and not a SynthME folder; choose an empty or a new one")
    write_json(path, description)


def _truth_file(root: Path, clip: PlannedClip) -> Path:
    return truth_path(root, clip.files.subject, clip.files.name)


def _finished(root: Path, clip: PlannedClip) -> bool:
    folder, first = root / clip.files.folder, clip.script.first_frame
    frames = (folder / clip.files.frame_name(first + i) for i in range(len(clip.script)))
    return _truth_file(root, clip).is_file() and all(frame.is_file() for frame in frames)


def _coding_row(clip: PlannedClip) -> tuple:
    script = clip.script
    numbers = [script.first_frame + index for index in (script.onset, script.apex, script.offset)]
    return (
        clip.files.subject,
        clip.files.name,
        None,
        *numbers,
        None,
        action_units_cell(script.action_units),
        script.emotion,
    )


@lru_cache(maxsize=1)
def plan_by_number(config: SynthConfig) -> dict[tuple[str, int], PlannedClip]:
    """The plan by subject and number within the subject; kept, so that a process plans once."""
    return {(clip.files.subject, clip.number): clip for clip in plan(config)}


@lru_cache(maxsize=2)
def renderer_of(identity: tuple[int, ...], size: int) -> Renderer:
    """A person before the camera; kept for the next clips of the same person."""
    person: Identity = create_identity(identity)
    return set_up(person, size)


def _render_chunk(root: Path, config: SynthConfig, names: list[tuple[str, int]]) -> int:
    cv2.setNumThreads(1)
    for name in names:
        _render_clip(root, config, plan_by_number(config)[name])
    return len(names)


def _render_clip(root: Path, config: SynthConfig, clip: PlannedClip) -> None:
    """Write the frames of a clip and then its truth."""
    renderer, script = renderer_of(clip.identity, config.size), clip.script
    generator = np.random.default_rng(script.seed)
    folder = root / clip.files.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=root))
    try:
        for frame in range(len(script)):
            picture = renderer.render(script.expression(frame), script.poses[frame], gain=script.gain[frame])
            picture = expose(picture, generator, noise=script.noise)
            path = temporary / clip.files.frame_name(script.first_frame + frame)
            path.write_bytes(clip.files.encode(picture, script.jpeg_quality))
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    with atomic_path(_truth_file(root, clip)) as path:
        np.savez_compressed(path, **_truth_arrays(renderer, script))


def _truth_arrays(renderer: Renderer, script: Script) -> dict[str, np.ndarray]:
    onset, apex = ((script.expression(index), script.poses[index]) for index in (script.onset, script.apex))
    backward, forward = exact_flow(renderer, apex, onset), exact_flow(renderer, onset, apex)
    return {
        "au_flow_backward": backward.action_unit.astype(np.float16),
        "head_flow_backward": backward.head.astype(np.float16),
        "au_flow_forward": forward.action_unit.astype(np.float16),
        "head_flow_forward": forward.head.astype(np.float16),
        "surface": backward.surface,
        "visible": backward.visible,
        "surface_onset": forward.surface,
        "visible_onset": forward.visible,
        "au_names": np.array([code({unit: 1}, side) for unit in UNITS for side in "LR"]),
        "au_intensity": script.intensity.reshape(len(script), -1).astype(np.float32),
        "pose": np.array([pose.as_array() for pose in script.poses], np.float32),
        "onset": np.array(script.first_frame + script.onset),
        "apex": np.array(script.first_frame + script.apex),
        "offset": np.array(script.first_frame + script.offset),
        "first_frame": np.array(script.first_frame),
    }


__all__ = [
    "CODING_SHEET",
    "VERSION",
    "SynthConfig",
    "draw_labels",
    "fingerprint",
    "plan",
    "stored_config",
    "write_dataset",
]
