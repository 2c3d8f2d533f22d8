"""`selfme align`: a tree of recorded frames, or a video, becomes a tree of faces in one place.

    SOURCE/CASME2_RAW_selected/sub01/EP02_01f/img46.jpg  →  OUT/CASME2_RAW_selected/sub01/EP02_01f/img46.png
    SOURCE/CASME2-coding-20140508.xlsx                   →  OUT/CASME2-coding-20140508.xlsx
    SOURCE/me.mp4                                        →  OUT/me/img1.png, img2.png, …

A folder of images is cut out by one similarity, and so is a video; everything that is neither is left behind, label files
apart, so that the readers read OUT as they read SOURCE. `aligned.json` says how each folder was cut out, and in which
frames no face was found. Folders that are there are not done again.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path, read_json, write_json

from .alignment import cut_out, find_alignment
from .clips import Fault, FaultyData
from .images import read_pixels
from .tree import list_folder
from .video import SUFFIXES as VIDEOS
from .video import read_video

MARK = "aligned.json"
_IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
_LABELS = {".xlsx", ".csv"}
_NOT_FACES = {"depth", "truth"}  # CAS(ME)³ has pictures of distances, SynthME its truth
_FAR = 0.5  # distances of the eyes: a face that moves farther leaves its place in the crop


@dataclass(frozen=True)
class _Sequence:
    """Frames that are cut out alike: a folder with its images in the order of time, or a video, which has none."""

    source: Path
    target: Path
    images: tuple[Path, ...] = ()

    def read(self) -> Iterator[np.ndarray]:
        if not self.images:
            yield from read_video(self.source)
        first = None
        for path in self.images:
            pixels = read_pixels(path)
            first = pixels.shape if first is None else first
            if pixels.shape != first:
                problem = f"{pixels.shape[1]}x{pixels.shape[0]} pixels, the first frame {first[1]}x{first[0]}"
                raise FaultyData(file=path, problem=problem, remedy="keep frames of one recording in a folder")
            yield pixels

    def name(self, place: int) -> str:
        return f"{self.images[place].stem}.png" if self.images else f"img{place + 1}.png"

    def file(self, place: int) -> str:
        """What the frame is called in the source."""
        return self.images[place].name if self.images else f"frame {place + 1}"


def align_tree(source: Path, out: Path, *, size: int = 256) -> list[Fault]:
    """Cut the faces out of every folder of frames and every video.

    Args:
        source: a folder, or a video.
        out: a new or empty folder, or one that was begun with the same settings.
        size: side of the crops.

    Returns:
        An error for each sequence without any face or with a broken frame; a note for each frame without a face and each
        sequence in which the face does not stay in its place.

    Raises:
        DataError: nothing to align, or `out` holds something else.
    """
    sequences, labels = _find(source, out)
    if not sequences:
        raise FaultyData(
            file=source, problem="no images and no video in it", remedy="give a folder of frames or a video"
        )
    record = _claim(out, {"source": source.resolve().name, "size": size})
    for path, target in labels:
        with atomic_path(target) as temporary:
            shutil.copyfile(path, temporary)

    def work(sequence: _Sequence) -> dict | Fault:
        name = sequence.target.relative_to(out).as_posix()
        if sequence.target.is_dir() and name in record["sequences"]:
            return record["sequences"][name]
        try:
            return _align(sequence, size)
        except FaultyData as error:
            return error.fault

    faults = []
    with ThreadPoolExecutor() as pool:
        done = zip(sequences, pool.map(work, sequences))
        for sequence, found in tqdm(done, total=len(sequences), desc="faces", unit="folder", disable=None):
            if isinstance(found, Fault):
                faults.append(found)
                continue
            record["sequences"][sequence.target.relative_to(out).as_posix()] = found
            write_json(out / MARK, record)
            faults += _notes(sequence, found)
    return sorted(faults, key=lambda fault: fault.severity != "error")


def _find(source: Path, out: Path) -> tuple[list[_Sequence], list[tuple[Path, Path]]]:
    """What is to be aligned, and the label files to take along."""
    if source.is_file():
        return [_Sequence(source, out / source.stem)], []
    sequences, labels, seen = [], [], {out.resolve()}

    def look(folder: Path, target: Path) -> None:
        if folder.resolve() in seen:  # a link that leads back, or what is being made
            return
        seen.add(folder.resolve())
        folders, files = list_folder(folder)
        images = sorted((path for path in files if path.suffix.lower() in _IMAGES), key=_by_number)
        if images:
            sequences.append(_of_images(folder, images, target))
        for path in files:
            if path.suffix.lower() in VIDEOS:
                sequences.append(_Sequence(path, target / path.stem))
            elif path.suffix.lower() in _LABELS:
                labels.append((path, target / path.name))
        for child in folders:
            if child.name.lower() not in _NOT_FACES:
                look(child, target / child.name)

    look(source, out)
    return sequences, labels


def _of_images(folder: Path, images: list[Path], target: Path) -> _Sequence:
    stems = [path.stem for path in images]
    if len(set(stems)) < len(stems):
        twice = next(stem for stem in stems if stems.count(stem) > 1)
        problem = f"two images that differ in their suffix alone would both become {twice}.png"
        raise FaultyData(file=folder, problem=problem, remedy="keep one of them")
    return _Sequence(folder, target, tuple(images))


def _by_number(path: Path) -> list[tuple[int, str]]:
    """Key that sorts `img9` before `img10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", path.name)]


def _claim(out: Path, settings: dict) -> dict:
    """The record of what is done; made when the folder is new."""
    path = out / MARK
    if path.is_file():
        record = read_json(path)
        if not isinstance(record, dict) or record.get("settings") != settings or "sequences" not in record:
            raise DataError(
                f"{path}: made of something else or at another size; choose another folder or delete this one"
            )
        return record
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise DataError(f"{out}: the folder is not empty; choose an empty or a new one")
    record = {"settings": settings, "sequences": {}}
    write_json(path, record)
    return record


def _align(sequence: _Sequence, size: int) -> dict:
    """Two looks at the frames: where the face is, then cut it out. The folder appears whole or not at all."""
    found = find_alignment(sequence.read())
    if found is None:
        problem, remedy = "no face in any frame", "give recordings of one face that looks ahead"
        raise FaultyData(file=sequence.source, problem=problem, remedy=remedy)
    sequence.target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=sequence.target.parent))
    try:
        for place, pixels in enumerate(sequence.read()):
            _write_png(temporary / sequence.name(place), cut_out(pixels, found.matrix, size))
        temporary.chmod(0o755)
        if sequence.target.is_dir():  # of a run that was killed before it was recorded, or the parent of others
            _move_into(temporary, sequence.target)
        else:
            os.replace(temporary, sequence.target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    without = [sequence.file(place) for place in found.without_face]
    return {"matrix": found.matrix.tolist(), "drift": round(found.drift, 3), "without_face": without}


def _move_into(folder: Path, target: Path) -> None:
    for path in folder.iterdir():
        os.replace(path, target / path.name)


def _write_png(path: Path, pixels: np.ndarray) -> None:
    path.write_bytes(cv2.imencode(".png", pixels[..., ::-1])[1].tobytes())


def _notes(sequence: _Sequence, found: dict) -> Iterable[Fault]:
    remedy = "nothing to do if the face is there: the frame is cut out like its neighbours"
    for name in found["without_face"]:
        file, problem = (
            (sequence.source / name, "no face") if sequence.images else (sequence.source, f"no face in {name}")
        )
        yield Fault(severity="note", file=file, problem=problem, remedy=remedy)
    if found["drift"] > _FAR:
        problem = f"the face moves by {found['drift']:.1f} distances of the eyes, more than a fixed crop can bear"
        yield Fault(severity="note", file=sequence.source, problem=problem, remedy="cut it into shorter pieces")
