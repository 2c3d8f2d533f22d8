"""The motion of videos, measured once and kept in parts: a run that is killed in the middle of a video goes on there."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from selfme_lib.data.contents import content_digest
from selfme_lib.data.long_videos import LongVideo
from selfme_lib.runtime.files import atomic_path, read_arrays
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.kept import is_sound, seal
from selfme_lib.runtime.locks import in_turn

from . import signal
from .signal import FaceMotion, Motion, Pixels, joined, measure_parts

Read = Callable[[], Iterable[tuple[int, Pixels]]]


def kept_motion(read: Read, *, fps: float, motion: Motion, path: Path, bar: Any = None) -> FaceMotion:
    """The motion of one video.

    Args:
        read: begins to read its frames, aligned faces and their numbers from 0.
        path: .npz file of the result, whose name tells what it is made of (video, method, code); beside it, parts wait in a
            folder until all are there.
        bar: a tqdm of samples, which is told of each part.

    Raises:
        DataError: a frame cannot be read.
    """
    with in_turn(path):
        if is_sound(path):
            return _load(path, fps)
        folder = path.with_suffix(".parts")
        folder.mkdir(parents=True, exist_ok=True)
        parts: list[FaceMotion] = []
        while is_sound(file := folder / f"{len(parts):06d}.npz"):
            parts.append(_load(file, fps))
        _tell(bar, sum(len(part) for part in parts))
        for part in measure_parts(read(), fps=fps, motion=motion, skip=len(parts)):
            file = folder / f"{len(parts):06d}.npz"
            _write(file, part)
            parts.append(_load(file, fps))  # as it is kept, so that a run that was killed gives the same
            _tell(bar, len(part))
        _write(path, joined(parts, fps))
        shutil.rmtree(folder)
        return _load(path, fps)


def motion_of_videos(
    videos: Iterable[LongVideo], *, method: str, motion: Motion, weights: Any, folder: Path
) -> dict[str, FaceMotion]:
    """The motion of each video of a data set, by its key; the faces in its frames must be aligned.

    Args:
        method: what the motion is called.
        weights: what determines it beside the code, such as a network's `state_dict()`.
        folder: where motions are kept.
    """
    code = fingerprint(code=[signal, "selfme_lib.motion.forms"], method=method, weights=weights)
    found = {}
    for video in tqdm(list(videos), desc=f"{method} motion", unit="video", disable=None):
        path = folder / f"{method}-{video_fingerprint(video)}-{code}.npz"

        def read(video: LongVideo = video) -> Iterable[tuple[int, Pixels]]:
            return enumerate(pixels for _, pixels in video.read())

        found[video.key] = kept_motion(read, fps=video.fps, motion=motion, path=path)
    return found


def video_fingerprint(video: LongVideo) -> str:
    """Of the names and contents of its files, and of its frame rate."""
    return f"{content_digest(video.frames or (video.place,))}-{video.fps:g}"


def _tell(bar: Any, count: int) -> None:
    if bar is not None:
        bar.update(count)


def _load(path: Path, fps: float) -> FaceMotion:
    arrays = read_arrays(path)
    return FaceMotion(arrays["frames"], fps, arrays["cells"].astype(np.float32), arrays["head"])


def _write(path: Path, motion: FaceMotion) -> None:
    """Cells in half precision: a minute at 30 frames a second takes 0.5 MB."""
    with atomic_path(path) as temporary:
        with temporary.open("wb") as file:
            np.savez(file, frames=motion.frames, cells=motion.cells.astype(np.float16), head=motion.head)
        seal(temporary, path.name)
