"""`selfme align`: a tree of recorded frames, or a video, becomes a tree of faces in one place.

    SOURCE/CASME2_RAW_selected/sub01/EP02_01f/img46.jpg  →  OUT/CASME2_RAW_selected/sub01/EP02_01f/img46.png
    SOURCE/CASME2-coding-20140508.xlsx                   →  OUT/CASME2-coding-20140508.xlsx
    SOURCE/me.mp4                                        →  OUT/me/img1.png, img2.png, …

All images of a folder are cropped by one similarity, and so are all frames of a video. Label files are copied and
everything else is left behind, so that the readers read OUT as they read SOURCE. `aligned.json` says how each folder was
cropped, and in which frames no face was found. Folders that are finished are not repeated.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from selfme_lib.runtime.files import atomic_path, read_json, write_json

from .alignment import crop_face, find_alignment
from .faults import Fault, FaultyData, errors_first
from .images import read_pixels
from .tree import VIDEOS, list_images, walk
from .video import read_video

RECORD = "aligned.json"
_LABELS = {".xlsx", ".csv"}
_NOT_FACES = {"depth", "truth"}  # CAS(ME)³'s pictures of distances, SynthME's truth
_FAR = 0.5  # distances of the eyes: a face that moves farther leaves its place in the crop


@dataclass(frozen=True)
class _Recording:
    """Frames that are cropped alike: a folder with its images in the order of time, or a video, which has no images."""

    source: Path
    target: Path
    images: tuple[Path, ...] = ()

    def read(self) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        if not self.images:
            yield from read_video(self.source)
        first = None
        for path in self.images:
            pixels = read_pixels(path)
            first = first or pixels.shape
            if pixels.shape != first:
                problem = f"{pixels.shape[1]}x{pixels.shape[0]} pixels, the first frame {first[1]}x{first[0]}"
                raise FaultyData(path, problem, "keep the frames of each recording in its own folder")
            yield pixels

    def source_name(self, place: int) -> str:
        return self.images[place].name if self.images else f"frame {place + 1}"

    def target_name(self, place: int) -> str:
        return f"{self.images[place].stem}.png" if self.images else f"img{place + 1}.png"


def align_tree(source: Path, out: Path, *, size: int = 256) -> list[Fault]:
    """Crop the face in every folder of frames and every video.

    Args:
        source: a folder, or a video.
        out: a new or empty folder, or one that was begun with the same settings.
        size: side of the crops.

    Returns:
        An error for each recording without any face or with a broken frame; a note for each frame without a face and each
        recording in which the face does not stay in its place.

    Raises:
        DataError: there is nothing to align, or `out` holds something else.
    """
    recordings, labels = _find(source, out)
    if not recordings:
        raise FaultyData(source, "no images and no video in it", "give a folder of frames or a video")
    record = _open_record(out, {"source": source.resolve().name, "size": size})
    for path, target in labels:
        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)

    names = [recording.target.relative_to(out).as_posix() for recording in recordings]

    def work(name: str, recording: _Recording) -> dict[str, Any] | Fault:
        if recording.target.is_dir() and name in record["sequences"]:
            return record["sequences"][name]
        try:
            return _align(recording, size)
        except FaultyData as error:
            return error.fault

    faults: list[Fault] = []
    with ThreadPoolExecutor() as pool:
        done = zip(names, recordings, pool.map(work, names, recordings))
        for name, recording, found in tqdm(done, total=len(names), desc="faces", unit="folder", disable=None):
            if isinstance(found, Fault):
                faults.append(found)
                continue
            record["sequences"][name] = found
            write_json(out / RECORD, record)
            faults += _notes(recording, found)
    return errors_first(faults)


def _find(source: Path, out: Path) -> tuple[list[_Recording], list[tuple[Path, Path]]]:
    """What to align, and the label files to copy, with their targets."""
    if source.is_file():
        return [_Recording(source, out / source.stem)], []

    def skip(folder: Path) -> bool:
        return folder.name.lower() in _NOT_FACES or folder.resolve() == out.resolve()

    recordings, labels = [], []
    for folder, files in walk(source, skip=skip):
        target = out / folder.relative_to(source)
        if images := list_images(files):
            stems = [path.stem for path in images]
            if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
                problem = f"two images whose names differ only in their suffix would both become {twice}.png"
                raise FaultyData(folder, problem, "keep one of them")
            recordings.append(_Recording(folder, target, tuple(images)))
        recordings += [_Recording(path, target / path.stem) for path in files if path.suffix.lower() in VIDEOS]
        labels += [(path, target / path.name) for path in files if path.suffix.lower() in _LABELS]
    return recordings, labels


def _open_record(out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The record of what is done; it is written when the folder is new."""
    path = out / RECORD
    if path.is_file():
        record = read_json(path)
        if not isinstance(record, dict) or record.get("settings") != settings or "sequences" not in record:
            problem = "made of something else or at another size"
            raise FaultyData(path, problem, "choose another folder or delete this one")
        return record
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise FaultyData(out, "the folder is not empty", "choose an empty or a new one")
    record = {"settings": settings, "sequences": {}}
    write_json(path, record)
    return record


def _align(recording: _Recording, size: int) -> dict[str, Any]:
    """Two passes over the frames: find the face, then crop it. The folder appears whole or not at all."""
    found = find_alignment(recording.read())
    if found is None:
        raise FaultyData(recording.source, "no face in any frame", "give recordings of one face seen from the front")
    recording.target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=recording.target.parent))
    try:
        for place, pixels in enumerate(recording.read()):
            crop = crop_face(pixels, found.matrix, size)
            content = cv2.imencode(".png", crop[..., ::-1])[1].tobytes()
            (temporary / recording.target_name(place)).write_bytes(content)
        temporary.chmod(0o755)
        if recording.target.is_dir():  # from a run that was killed before it was recorded, or the parent of others
            for path in temporary.iterdir():
                os.replace(path, recording.target / path.name)
        else:
            os.replace(temporary, recording.target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    without = [recording.source_name(place) for place in found.without_face]
    return {"matrix": found.matrix.tolist(), "drift": round(found.drift, 3), "without_face": without}


def _notes(recording: _Recording, found: dict[str, Any]) -> Iterator[Fault]:
    remedy = "nothing to do if the face is there: the frame is cropped like its neighbours"
    for name in found["without_face"]:
        file = recording.source / name if recording.images else recording.source
        yield Fault("note", file, "no face" if recording.images else f"no face in {name}", remedy)
    if found["drift"] > _FAR:
        problem = f"the face moves by {found['drift']:.1f} times the distance of the eyes, too far for a fixed crop"
        yield Fault("note", recording.source, problem, "cut it into shorter pieces")
