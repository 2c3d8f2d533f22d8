"""`selfme align`: a tree of recorded frames, or a video, becomes a tree of faces in one place.

    SOURCE/CASME2_RAW_selected/sub01/EP02_01f/img46.jpg  →  OUT/CASME2_RAW_selected/sub01/EP02_01f/img46.png
    SOURCE/CASME2-coding-20140508.xlsx                   →  OUT/CASME2-coding-20140508.xlsx
    SOURCE/me.mp4                                        →  OUT/me/img1.png, img2.png, …

All images of a folder are cropped by one similarity, and so are all frames of a video. Label files are copied and
everything else is left behind, so that the readers read OUT as they read SOURCE. `aligned.json` says how each folder was
cropped, and in which frames no face was found. Folders that are finished are not repeated, unless their source has changed or
their crops are not as they were written.
"""

import os
import shutil
import time
import uuid
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
from selfme_lib.runtime.locks import in_turn

from .alignment import crop_face, find_alignment
from .contents import content_digest
from .faults import Fault, FaultyData, errors_first
from .images import read_pixels
from .tree import list_images, list_videos, walk
from .video import read_video

RECORD = "aligned.json"
_LABELS = {".xlsx", ".csv"}
_NOT_FACES = {"depth", "truth"}  # CAS(ME)³'s pictures of distances, SynthME's truth
_FACTS = {"source", "names", "crops", "matrix", "drift", "without_face", "doubt"}  # of a recording in the record
_UNFINISHED = ".unfinished-"
_RECORD_EVERY = 5.0  # seconds between records of what is done: what a kill may cost
_FAR = 0.5  # distances of the eyes: a face that moves farther leaves its place in the crop


@dataclass(frozen=True)
class _Recording:
    """Frames that are cropped alike: a folder with its images in the order of time, or a video, which has no images."""

    source: Path
    target: Path
    images: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        return self.images or (self.source,)

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
        An error for each recording without any face, with a broken frame or in a format that is not read; a note for each frame
        without a face, and for each recording in which the face does not stay in its place, which may be stored sideways, or
        which has gone from `source` while its crops are still there.

    Raises:
        DataError: there is nothing to align, or `out` holds something else.
    """
    recordings, labels = _find(source, out)
    if not recordings:
        raise FaultyData(source, "no images and no video in it", "give a folder of frames or a video")
    names = {recording.target.relative_to(out).as_posix(): recording for recording in recordings}
    settings = {"source": os.path.basename(os.path.realpath(source)), "size": size}
    _open_record(out, settings)  # before a lock is put into a folder that holds something else
    with in_turn(out / RECORD):  # two runs that share a folder take turns
        record = _open_record(out, settings)
        for parent in {recording.target.parent for recording in recordings}:
            for left in parent.glob(f"{_UNFINISHED}*"):  # by a run that was killed
                shutil.rmtree(left)
        for unwritten in out.glob(f".{Path(RECORD).stem}-*"):
            unwritten.unlink()
        for path, target in labels:
            with atomic_path(target) as temporary:
                shutil.copyfile(path, temporary)
        faults = _align_all(names, out, record, size)
    for name in sorted(record["sequences"].keys() - names.keys()):
        problem = f"crops of a recording that is no longer in {source}"
        faults.append(Fault("note", out / name, problem, "delete them, unless they should count"))
    return errors_first(faults)


def _align_all(names: dict[str, _Recording], out: Path, record: dict[str, Any], size: int) -> list[Fault]:
    """Align by threads what is not done yet, and keep the record."""
    sequences = record["sequences"]

    def work(name: str) -> dict[str, Any] | Fault:
        try:
            source, before = content_digest(names[name].files), sequences.get(name, {})
            return before if _is_done(names[name], source, before) else _align(names[name], size, source, before)
        except FaultyData as error:
            return error.fault

    faults: list[Fault] = []
    last = time.monotonic()
    try:
        with ThreadPoolExecutor() as pool:
            done = zip(names, pool.map(work, names))
            for name, found in tqdm(done, total=len(names), desc="faces", unit="folder", disable=None):
                if isinstance(found, Fault):
                    faults.append(found)
                    continue
                sequences[name] = found
                faults += _notes(names[name], found)
                if time.monotonic() - last > _RECORD_EVERY:
                    write_json(out / RECORD, record)
                    last = time.monotonic()
    finally:
        write_json(out / RECORD, record)
    return faults


def _find(source: Path, out: Path) -> tuple[list[_Recording], list[tuple[Path, Path]]]:
    """What to align, and the label files to copy, with their targets."""
    if source.is_file():
        if list_images([source]):
            raise FaultyData(source, "a picture, not a recording", "give the folder of frames, or a video")
        return [_Recording(source, out / source.stem)], []

    def skip(folder: Path) -> bool:
        return folder.name.lower() in _NOT_FACES or os.path.realpath(folder) == os.path.realpath(out)

    recordings: dict[Path, _Recording] = {}
    labels = []
    for folder, files in walk(source, skip=skip):
        target = out / folder.relative_to(source)
        found = [_Recording(path, target / path.stem) for path in list_videos(files)]
        if images := list_images(files):
            stems = [path.stem for path in images]
            if twice := next((stem for stem in stems if stems.count(stem) > 1), None):
                problem = f"two images whose names differ only in their suffix would both become {twice}.png"
                raise FaultyData(folder, problem, "keep one of them")
            found.append(_Recording(folder, target, tuple(images)))
        for recording in found:
            first = recordings.setdefault(recording.target, recording)
            if first is not recording:
                problem = f"would be cropped into the same folder as {first.source}"
                raise FaultyData(recording.source, problem, "rename or remove one of them")
        labels += [(path, target / path.name) for path in files if path.suffix.lower() in _LABELS]
    return list(recordings.values()), labels


def _open_record(out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The record of what is done; it is written when the folder is new."""
    path = out / RECORD
    if path.is_file():
        record = read_json(path)
        sequences = record.get("sequences") if isinstance(record, dict) else None
        if not isinstance(sequences, dict) or record.get("settings") != settings:
            problem = "made of something else or at another size"
            raise FaultyData(path, problem, "choose another folder or delete this one")
        return record
    out.mkdir(parents=True, exist_ok=True)
    if any(path.suffix != ".lock" for path in out.iterdir()):
        raise FaultyData(out, "the folder is not empty", "choose an empty or a new one")
    record = {"settings": settings, "sequences": {}}
    write_json(path, record)
    return record


def _is_done(recording: _Recording, source: str, before: Any) -> bool:
    """Whether the crops are those of this source, and as they were written."""
    if not isinstance(before, dict) or before.keys() != _FACTS or before["source"] != source:
        return False
    crops = [recording.target / name for name in before["names"]]
    return all(path.is_file() for path in crops) and content_digest(crops) == before["crops"]


def _align(recording: _Recording, size: int, source: str, before: Any) -> dict[str, Any]:
    """Two passes over the frames: find the face, then crop it. What a run `before` has made of other frames is removed."""
    found = find_alignment(recording.read())
    if found is None:
        raise FaultyData(
            recording.source, "no face in any frame", "give recordings of one upright face seen from the front"
        )
    temporary = recording.target.parent / f"{_UNFINISHED}{uuid.uuid4().hex[:12]}"
    temporary.mkdir(parents=True)
    names = []
    try:
        for place, pixels in enumerate(recording.read()):
            crop = crop_face(pixels, found.matrix, size)
            content = cv2.imencode(".png", crop[..., ::-1])[1].tobytes()
            names.append(recording.target_name(place))
            (temporary / names[-1]).write_bytes(content)
        crops = content_digest([temporary / name for name in names])
        if recording.target.is_dir():  # from an earlier run, or the parent of others
            for name in names:
                os.replace(temporary / name, recording.target / name)
        else:
            os.replace(temporary, recording.target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for name in set(before.get("names", ())) - set(names) if isinstance(before, dict) else ():
        if Path(name).name == name:
            (recording.target / name).unlink(missing_ok=True)
    without = [recording.source_name(place) for place in found.without_face]
    return {
        "source": source,
        "names": names,
        "crops": crops,
        "matrix": found.matrix.tolist(),
        "drift": round(found.drift, 3),
        "without_face": without,
        "doubt": found.doubt,
    }


def _notes(recording: _Recording, found: dict[str, Any]) -> Iterator[Fault]:
    if found["doubt"]:
        yield Fault("note", recording.source, found["doubt"], "if so, turn it upright and give the same command again")
    remedy = "nothing to do if the face is there: the frame is cropped like its neighbours"
    for name in found["without_face"]:
        file = recording.source / name if recording.images else recording.source
        yield Fault("note", file, "no face" if recording.images else f"no face in {name}", remedy)
    if found["drift"] > _FAR:
        problem = f"the face moves by {found['drift']:.1f} times the distance of the eyes, too far for a fixed crop"
        yield Fault("note", recording.source, problem, "cut it into shorter pieces")
