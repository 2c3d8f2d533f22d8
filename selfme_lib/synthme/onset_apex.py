"""Onset and apex of every clip of a population, and the true motion between them: one file a person, and a table.

    FOLDER/onset_apex.json    version, fingerprint and settings
    FOLDER/clips.csv          one row a clip, by subject: labels, action units and frame numbers
    FOLDER/sub01.npz          the clips of a person in the order of the table: frames, true motion, masks

Some evaluations need no more than this of hundreds of people, for whom whole clips would take hours and tens of gigabytes.
A person's file appears whole or not at all, with a checksum behind it, so an interrupted run resumes where it stopped. Bytes
depend on the version and the configuration alone, never on the number of processes.
"""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, UInt8
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, read_arrays, read_json, write_json
from selfme_lib.runtime.kept import is_sealed, is_sound
from selfme_lib.runtime.locks import in_turn
from selfme_lib.runtime.processes import in_parallel

from .action_units import CLASS_OF_EMOTION
from .dataset import excerpt_arrays
from .ground_truth import save_arrays
from .plan import PlannedClip, SynthConfig, fingerprint, plan_clips
from .studio import renderer_of

DESCRIPTION, TABLE = "onset_apex.json", "clips.csv"
TITLES = (
    "subject", "clip", "emotion", "label", "action_units", "onset", "apex", "offset", "true_onset", "true_apex", "true_offset",
)  # fmt: skip


@dataclass(frozen=True)
class OnsetApex:
    """n clips, by subject.

    Attributes:
        table: a row per clip with the columns `TITLES`; `label` is the class of the emotion, `action_units` as in CASME II's
            label file, the rest are frame numbers.
        onset, apex: frames as the layout's files hold them, RGB.
        au_flow_backward, head_flow_backward: the parts of the motion on the lattice of the apex, apex(u) = onset(u + flow(u)),
            in pixels, x first.
        surface: apex pixels that show the head; visible: those whose point can also be seen in the onset.
    """

    table: pd.DataFrame
    onset: UInt8[np.ndarray, "n h w 3"]
    apex: UInt8[np.ndarray, "n h w 3"]
    au_flow_backward: Float[np.ndarray, "n 2 h w"]
    head_flow_backward: Float[np.ndarray, "n 2 h w"]
    surface: Bool[np.ndarray, "n h w"]
    visible: Bool[np.ndarray, "n h w"]

    @property
    def flow_backward(self) -> Float[np.ndarray, "n 2 h w"]:
        """The whole motion, float32."""
        return self.au_flow_backward.astype(np.float32) + self.head_flow_backward


def render_onset_apex(folder: Path | str, config: SynthConfig, *, workers: int | None = None) -> Path:
    """Render onset, apex and true motion of every clip of a configuration, pixel by pixel those that `write_dataset` would write.

    Args:
        folder: an empty or new folder, or one with the same configuration, whose sound files are kept; it is returned.
        config: of the whole data set.
        workers: processes; by default one per core.

    Raises:
        DataError: the folder holds something else.
        UsageError: the people are fresh, outside `final_tables`.
    """
    folder, clips = Path(folder), plan_clips(config)
    folder.mkdir(parents=True, exist_ok=True)
    with in_turn(folder):  # two runs that share a folder take turns
        _claim(folder, config)
        _write_table(folder / TABLE, clips)
        people = [(_file(folder, subject), config, list(some)) for subject, some in groupby(clips, key=_subject)]
        missing = [job for job in people if not is_sound(job[0])]
        with tqdm(
            total=len(people), initial=len(people) - len(missing), desc="SynthME", unit="person", disable=None
        ) as bar:
            for _ in in_parallel(_render_person, missing, workers):
                bar.update()
    return folder


def read_onset_apex(folder: Path | str, subjects: Collection[str] | None = None) -> OnsetApex:
    """Read what `render_onset_apex` wrote, of everybody or of some `subjects`, named as in the table.

    Raises:
        DataError: a file is missing, damaged, or does not fit the table.
    """
    folder = Path(folder)
    try:
        table = pd.read_csv(folder / TABLE, dtype={title: str for title in TITLES[:5]}, keep_default_na=False)
        people = table["subject"].unique().tolist() if subjects is None else list(subjects)
        table = pd.concat([table[table["subject"] == subject] for subject in people], ignore_index=True)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{folder / TABLE}: {error}; render the folder again") from None
    parts = [_read_person(_file(folder, subject), int((table["subject"] == subject).sum())) for subject in people]
    return OnsetApex(table, **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _read_person(path: Path, clips: int) -> dict[str, np.ndarray]:
    if not clips or not path.is_file() or not is_sealed(path, path.name):
        raise DataError(f"{path}: missing, unfinished or damaged; render the folder again")
    arrays = read_arrays(path)
    if any(len(values) != clips for values in arrays.values()):
        raise DataError(f"{path}: does not hold the {clips} clips of {TABLE}; render the folder again")
    return arrays


def _subject(clip: PlannedClip) -> str:
    return clip.files.subject


def _file(folder: Path, subject: str) -> Path:
    return folder / f"sub{subject}.npz"


def _claim(folder: Path, config: SynthConfig) -> None:
    """Make sure that the folder is empty or holds this configuration, and clear away what a killed run left."""
    path, wanted = folder / DESCRIPTION, fingerprint(config)
    if not path.is_file():
        if any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise DataError(
                f"{folder}: neither empty nor rendered as onsets and apexes; choose an empty or a new folder"
            )
        description = {"version": config.version or "own settings", "fingerprint": wanted, "config": config.to_plain()}
        return write_json(path, description)
    found = read_json(path)
    found = found.get("fingerprint") if isinstance(found, dict) else None
    if found != wanted:
        raise DataError(
            f"{path}: the folder holds other clips (fingerprint {found}, asked for {wanted}); choose another one"
        )
    for leftover in folder.glob(".*-*"):
        leftover.unlink()


def _write_table(path: Path, clips: Sequence[PlannedClip]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(TITLES)
        for clip in clips:
            script = clip.script
            labels = (script.emotion, CLASS_OF_EMOTION.get(script.emotion, script.emotion), script.action_units)
            numbers = (*script.frame_numbers, *script.true_frame_numbers)
            writer.writerow((clip.files.subject, clip.files.name, *labels, *numbers))


def _render_person(path: Path, config: SynthConfig, clips: Sequence[PlannedClip]) -> None:
    cv2.setNumThreads(1)
    renderer = renderer_of(clips[0].person, config.size)
    rendered = [excerpt_arrays(config, renderer, clip) for clip in clips]
    save_arrays(path, {name: np.stack([one[name] for one in rendered]) for name in rendered[0]}, sealed=True)
