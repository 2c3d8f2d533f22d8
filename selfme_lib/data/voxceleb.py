"""VoxCeleb (Nagrani et al., Interspeech 2017), from which the paper pre-trains: people who talk, in sequences of frames.

It is brought as people have it: folders of cropped frames, or videos of cropped faces.

    ROOT/[train|test]/id10001#7w0IBEWc9Qw#000993#001143.mp4/0000000.png     as first-order-model lays it
    ROOT/[train|test]/id10001#7w0IBEWc9Qw#000993#001143.mp4                 the same as videos
    ROOT/unzippedFaces/Adam_Driver/1.6/0HA6FHxYcwQ/0000025.jpg              the authors' faces of VoxCeleb1
    ROOT/id09238/0HA6FHxYcwQ/0_folder/img_0_001.jpg                         as TCAE lays it
    ROOT/dev/mp4/id00012/21Uxsk56VDQ/00001.mp4                              VoxCeleb2
    ROOT/Adam/morning/…                                                     any faces of your own

Every folder that directly holds at least two images is a sequence, and so is every .mp4 file. Who it is says, in this
order: a name `id` + five digits or more on the way to it (up to a `#`); the folder above one named like a frame rate
(`1.6`); the first name below ROOT, up to a `#`, that is not that of a split. It matters, because those who are learned
from must not be those who are validated on.

Training draws frames at random, from more of them than fit into memory; so `convert` writes once what it will look at:
frames spread evenly over each sequence, square, at the size of the training, in one uncompressed file.
"""

import hashlib
import io
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock
from jaxtyping import UInt8
from tqdm import tqdm

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json, write_json

from .clips import FaultyData
from .images import read_pixels, resize
from .video import pick_frames

ALL = 2**31
"""More frames than any sequence has: for `find_sequences`."""

_IMAGES = {".jpg", ".jpeg", ".png", ".bmp"}
_SPLITS = {"train", "test", "val", "dev", "mp4", "faces", "unzippedfaces", "unzippedintervalfaces"}
_PERSON = re.compile(r"(id[0-9]{5,})(?:#.*)?", re.IGNORECASE)
_FRAME_RATE = re.compile(r"[0-9]+(\.[0-9]+)?")
_AT_ONCE = 64  # sequences that are read before they are written: what a conversion holds in memory
_RECORD_EVERY = 5.0  # seconds between records of how far a conversion has come: what a kill may cost


@dataclass(frozen=True)
class FaceSequence:
    """Frames of one person in the order of time.

    Attributes:
        person: who it is, by the rule of this module.
        source: a folder of images, or a video.
        names: of the images to take from the folder; empty for a video, which is asked when it is opened.
    """

    person: str
    source: Path
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class FaceSequences:
    """What `convert` has written.

    Attributes:
        frames: all frames of all sequences, memory-mapped.
        starts: index of the first frame of each sequence and, last, N.
        people: who is seen, a name a sequence; sequences of one person lie together.
        skipped: a line on each sequence that was left out because it is broken.
    """

    frames: UInt8[np.ndarray, "n s s 3"]
    starts: tuple[int, ...]
    people: tuple[str, ...]
    skipped: tuple[str, ...]


def find_sequences(root: Path, frames: int) -> list[FaceSequence]:
    """Every sequence below `root`, sorted by person and path, with at most `frames` frames spread evenly over it.

    Raises:
        DataError: no such folder, no sequence in it, or only one person.
    """
    if not root.is_dir():
        problem = "a file where a folder should be" if root.exists() else "no such folder"
        raise FaultyData(file=root, problem=problem, remedy="give the folder that holds VoxCeleb")
    found = []
    for folder, names in _walk(root):
        images = sorted((name for name in names if Path(name).suffix.lower() in _IMAGES), key=_by_number)
        if len(images) >= 2:
            chosen = tuple(images[index] for index in spread_evenly(len(images), frames))
            found.append(FaceSequence(_person(root, folder), folder, chosen))
        videos = [folder / name for name in names if name.lower().endswith(".mp4")]
        found += [FaceSequence(_person(root, video), video) for video in videos]
    if not found:
        problem = "no folder with two or more images and no .mp4 file in it"
        raise FaultyData(file=root, problem=problem, remedy="give the folder that holds VoxCeleb's faces")
    people = {sequence.person for sequence in found}
    if len(people) < 2:
        problem = f"only one person, {people.pop()}, in {len(found)} sequences; others are needed for validation"
        raise FaultyData(file=root, problem=problem, remedy="give the folder that holds a folder for each person")
    return sorted(found, key=lambda sequence: (sequence.person, sequence.source))


def spread_evenly(count: int, wanted: int) -> list[int]:
    """The middles of `wanted` equal parts of 0..count-1; all of them when there are not more."""
    if count <= wanted:
        return list(range(count))
    return [(2 * part + 1) * count // (2 * wanted) for part in range(wanted)]


def convert(
    root: Path | str,
    path: Path | str,
    *,
    size: int,
    frames: int = 8,
    skip_broken: bool = False,
    workers: int | None = None,
) -> FaceSequences:
    """Write the frames that a training looks at into one `.npy` file: uint8 (N, size, size, 3) RGB.

    Frames are cropped at their centre to a square and resized. A conversion that was interrupted goes on where it
    stopped; a finished file is left alone.

    Args:
        root: folder of VoxCeleb.
        path: of the `.npy` file; a `.json` beside it says which frames belong together, and whose they are.
        size: of a frame in pixels.
        frames: at most so many of each sequence.
        skip_broken: leave out sequences that cannot be read, instead of stopping at the first.
        workers: threads that read; by default one a core.

    Raises:
        DataError: as `find_sequences`; a frame or video is broken; or the file was made of something else.
    """
    root, path = Path(root), Path(path)
    sequences = find_sequences(root, frames)
    request = {
        "sequences": _fingerprint(root, sequences),
        "size": size,
        "frames": frames,
        "skip_broken": skip_broken,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):  # two runs that share a file take turns
        record = _convert(sequences, path, request, workers)
    starts = np.cumsum([0, *record["lengths"]]).tolist()
    if not record["lengths"]:
        raise FaultyData(file=root, problem="every sequence is broken", remedy=f"the first: {record['skipped'][0]}")
    frames_on_disk = np.load(path, mmap_mode="r")
    return FaceSequences(frames_on_disk, tuple(starts), tuple(record["people"]), tuple(record["skipped"]))


def _convert(sequences: list[FaceSequence], path: Path, request: dict[str, Any], workers: int | None) -> dict[str, Any]:
    """Append sequence by sequence; the record says how many are in the file, whatever lies behind them."""
    partial, record_path = path.with_suffix(".partial.npy"), path.with_suffix(".json")
    new = {"request": request, "done": 0, "lengths": [], "people": [], "skipped": []}
    record = read_json(record_path) if record_path.is_file() else new
    if record["request"] != request:
        made = f"made of other data or with other settings ({record['request']})"
        raise DataError(f"{path}: {made}; choose another folder or delete it and {record_path.name}")
    if path.is_file() and record is not new:
        return record
    size = request["size"]
    partial.touch()
    with partial.open("r+b") as file:
        if file.seek(0, os.SEEK_END) < _length(record, size):
            record = new
        file.truncate(_length(record, size))
        file.seek(0, os.SEEK_END)
        last = time.monotonic()
        try:
            for sequence, frames in _read(sequences[record["done"] :], len(sequences), request, workers):
                if isinstance(frames, FaultyData):
                    record["skipped"].append(str(frames))
                else:
                    file.write(frames.tobytes())
                    record["lengths"].append(len(frames))
                    record["people"].append(sequence.person)
                record["done"] += 1
                if time.monotonic() - last > _RECORD_EVERY:
                    _keep(file, record_path, record)
                    last = time.monotonic()
        finally:
            _keep(file, record_path, record)
        file.seek(0)
        file.write(_header(sum(record["lengths"]), size))
    os.replace(partial, path)
    return record


def _length(record: dict[str, Any], size: int) -> int:
    """Bytes of the file up to the last frame that the record knows of."""
    return len(_header(0, size)) + sum(record["lengths"]) * size * size * 3


def _keep(file: BinaryIO, record_path: Path, record: dict[str, Any]) -> None:
    """First the frames, then the record that they are there."""
    file.flush()
    os.fsync(file.fileno())
    write_json(record_path, record)


def _header(count: int, size: int) -> bytes:
    """The header of a `.npy` file; NumPy pads it so that its length does not depend on the first axis."""
    header = io.BytesIO()
    shape = (count, size, size, 3)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _read(
    sequences: list[FaceSequence], total: int, request: dict[str, Any], workers: int | None
) -> Iterator[tuple[FaceSequence, np.ndarray | FaultyData]]:
    """The frames of every sequence, in order, read by threads."""

    def read(sequence: FaceSequence) -> np.ndarray | FaultyData:
        try:
            return read_sequence(sequence, size=request["size"], frames=request["frames"])
        except FaultyData as error:
            if not request["skip_broken"]:
                raise
            return error

    done = total - len(sequences)
    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=total, initial=done, desc="faces", unit="sequence", disable=None) as bar,
    ):
        for first in range(0, len(sequences), _AT_ONCE):
            some = sequences[first : first + _AT_ONCE]
            for sequence, frames in zip(some, pool.map(read, some)):
                yield sequence, frames
                bar.update()


def read_sequence(sequence: FaceSequence, *, size: int, frames: int) -> UInt8[np.ndarray, "n {size} {size} 3"]:
    """The chosen frames of a sequence, square.

    Raises:
        DataError: an image or the video is broken.
    """
    if sequence.names:
        images = (read_pixels(sequence.source / name) for name in sequence.names)
    else:
        images = pick_frames(sequence.source, lambda count: spread_evenly(count, frames))
    return np.stack([_square(image, size) for image in images])


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], size)


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder and the files in it, hidden ones left out, links followed, each folder once."""

    def complain(error: OSError) -> None:
        problem = f"cannot be read ({error.strerror})"
        raise FaultyData(file=Path(error.filename), problem=problem, remedy="check its permissions")

    seen = set()
    for name, folders, files in os.walk(root, followlinks=True, onerror=complain):
        real = os.path.realpath(name)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(folder for folder in folders if not folder.startswith("."))
        yield Path(name), sorted(file for file in files if not file.startswith("."))


def _fingerprint(root: Path, sequences: list[FaceSequence]) -> str:
    """Hash of the chosen files' names and sizes; where the folder lies does not matter."""
    digest = hashlib.sha256()
    for sequence in sequences:
        paths = [sequence.source / name for name in sequence.names] or [sequence.source]
        for path in paths:
            size = path.stat().st_size if path.exists() else -1  # a dead link: whoever reads it will say so
            digest.update(f"{path.relative_to(root).as_posix()} {size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _by_number(name: str) -> list[tuple[int, str]]:
    """Key that sorts `img9` before `img10`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def _person(root: Path, source: Path) -> str:
    below = source.relative_to(root).parts
    for part in (root.resolve().name, *below):
        if match := _PERSON.fullmatch(part):
            return match[1]
    below = [part for part in below if part.lower() not in _SPLITS] or [source.name]
    for above, part in pairwise(below[:-1]):
        if _FRAME_RATE.fullmatch(part):
            return above
    return below[0].split("#")[0]
