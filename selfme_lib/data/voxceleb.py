"""VoxCeleb (Nagrani et al., Interspeech 2017), on which the paper pre-trains: talking people, in sequences of frames.

It is read in the forms that people have: folders of cropped frames, or videos of cropped faces.

    ROOT/[train|test]/id10001#7w0IBEWc9Qw#000993#001143.mp4/0000000.png     as in first-order-model
    ROOT/[train|test]/id10001#7w0IBEWc9Qw#000993#001143.mp4                 the same as videos
    ROOT/unzippedFaces/Adam_Driver/1.6/0HA6FHxYcwQ/0000025.jpg              the authors' faces of VoxCeleb1
    ROOT/id09238/0HA6FHxYcwQ/0_folder/img_0_001.jpg                         as in TCAE
    ROOT/dev/mp4/id00012/21Uxsk56VDQ/00001.mp4                              VoxCeleb2
    ROOT/Adam/morning/…                                                     any faces of your own

Every folder that directly holds at least two images is a sequence, and so is every video. The person is named by the
first of these that applies: a folder or file called `id` + five digits or more (up to a `#`); the folder above one named
like a frame rate (`1.6`); the first name below ROOT, up to a `#`, that is not the name of a split. It matters because
training and validation must not share people.

Training draws frames at random, from more of them than fit into memory; so `convert` writes once what it will use:
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
from jaxtyping import UInt8
from tqdm import tqdm

from selfme_lib.runtime.kept import is_sound, read_record, seal, write_record
from selfme_lib.runtime.locks import in_turn

from .faults import Fault, FaultyData
from .images import read_pixels, resize
from .tree import list_images, list_videos, walk
from .video import read_video

_SPLITS = {"train", "test", "val", "dev", "mp4", "faces", "unzippedfaces", "unzippedintervalfaces"}
_PERSON = re.compile(r"(id[0-9]{5,})(?:#.*)?", re.IGNORECASE)
_FRAME_RATE = re.compile(r"[0-9]+(\.[0-9]+)?")
_AT_ONCE = 64  # sequences that are read before they are written: what a conversion holds in memory
_RECORD_EVERY = 5.0  # seconds between records of a conversion's progress: what a kill may cost


@dataclass(frozen=True)
class FaceSequence:
    """Frames of one person in the order of time."""

    person: str  # by the rule of this module
    source: Path  # a folder of images, or a video
    names: tuple[str, ...] = ()  # the images to take from the folder; a video's frames are chosen when it is opened

    @property
    def files(self) -> list[Path]:
        """The images, or the video."""
        return [self.source / name for name in self.names] or [self.source]


@dataclass(frozen=True)
class FaceSequences:
    """What `convert` has written."""

    frames: UInt8[np.ndarray, "n s s 3"]  # of all sequences, memory-mapped
    starts: tuple[int, ...]  # index of the first frame of each sequence and, last, n
    people: tuple[str, ...]  # the person in each sequence; sequences of one person lie together
    skipped: tuple[Fault, ...]  # the broken sequences that were left out


def find_sequences(root: Path, frames: int | None = None) -> list[FaceSequence]:
    """Every sequence below `root`, sorted by person and path, with all or `frames` of its frames, spread evenly over it.

    Raises:
        DataError: no such folder, no sequence in it, or only one person.
    """
    found = []
    for folder, files in walk(root):
        images = list_images(files)
        if len(images) >= 2:
            chosen = tuple(images[index].name for index in spread_evenly(len(images), frames or len(images)))
            found.append(FaceSequence(_person(root, folder), folder, chosen))
        found += [FaceSequence(_person(root, file), file) for file in list_videos(files)]
    if not found:
        problem = "no folder with two or more images and no video in it"
        raise FaultyData(root, problem, "give the folder that holds VoxCeleb's faces")
    people = {sequence.person for sequence in found}
    if len(people) < 2:
        problem = f"only one person, {people.pop()}, in {len(found)} sequences; others are needed for validation"
        raise FaultyData(root, problem, "give the folder that holds a folder for each person")
    return sorted(found, key=lambda sequence: (sequence.person, sequence.source))


def spread_evenly(count: int, wanted: int) -> list[int]:
    """The middles of `wanted` equal parts of 0..count-1; all positions if there are no more than that."""
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
    """Write the frames that a training uses into one `.npy` file: uint8 (N, size, size, 3) RGB.

    Frames are cropped at their centre to a square and resized. An interrupted conversion continues where it stopped; a
    finished file is left alone unless it is damaged. NumPy writes no array whose length is unknown at the start, as a
    folder of videos has it; so the frames are appended here, and the header is written last.

    Args:
        root: folder of VoxCeleb.
        path: of the `.npy` file; a `.json` beside it says which frames belong together, and whose they are.
        size: of a frame in pixels.
        frames: the most to take from each sequence.
        skip_broken: leave out sequences that cannot be read instead of stopping at the first; the `.json` lists them.
        workers: threads that read; by default one per core.

    Raises:
        DataError: as `find_sequences`; a frame or video is broken; or the file was made of something else.
    """
    root, path = Path(root), Path(path)
    sequences = find_sequences(root, frames)
    request = {"sequences": _fingerprint(root, sequences), "size": size, "frames": frames}
    with in_turn(path):  # two runs that share a file take turns
        record = _convert(root, sequences, path, request, skip_broken=skip_broken, workers=workers)
    skipped = tuple(Fault("error", root / file, *words) for file, *words in record["skipped"])
    starts = np.cumsum([0, *record["lengths"]]).tolist()
    if not record["lengths"]:
        raise FaultyData(root, "every sequence is broken", f"the first: {skipped[0].line}")
    people = tuple(record["people"])
    return FaceSequences(np.load(path, mmap_mode="r", allow_pickle=False), tuple(starts), people, skipped)


def _convert(
    root: Path,
    sequences: list[FaceSequence],
    path: Path,
    request: dict[str, Any],
    *,
    skip_broken: bool,
    workers: int | None,
) -> dict[str, Any]:
    """Append sequence by sequence; the record says how many are in the file, whatever follows them there."""
    partial, record_path = path.with_suffix(".partial.npy"), path.with_suffix(".json")
    new: dict[str, Any] = {"request": request, "done": 0, "lengths": [], "people": [], "skipped": [], "sha256": ""}
    record = read_record(record_path) or new
    if record["request"] != request:
        problem = f"made of other data or with other settings ({record['request']})"
        raise FaultyData(path, problem, f"choose another folder or delete it and {record_path.name}")
    if record["skipped"] and not skip_broken:
        file, problem, remedy = record["skipped"][0]
        raise FaultyData(root / file, f"{problem} (left out by --skip-broken)", remedy)
    if record is not new and is_sound(path):
        return record
    size = request["size"]
    partial.touch()
    with partial.open("r+b") as file:
        content = _content(file, record, size)
        if content is None:  # cut off or damaged
            record, content = new, hashlib.sha256()
        file.truncate(_length(record, size))
        file.seek(0, os.SEEK_END)
        last = time.monotonic()
        try:
            for sequence, frames in _read_all(sequences, record["done"], request, workers):
                if isinstance(frames, FaultyData):
                    if not skip_broken:
                        raise frames
                    fault = frames.fault
                    record["skipped"].append([os.path.relpath(fault.file, root), fault.problem, fault.remedy])
                else:
                    file.write(frames.tobytes())
                    content.update(frames.tobytes())
                    record["lengths"].append(len(frames))
                    record["people"].append(sequence.person)
                record["done"] += 1
                if time.monotonic() - last > _RECORD_EVERY:
                    _keep(file, record_path, record | {"sha256": content.hexdigest()})
                    last = time.monotonic()
        finally:
            _keep(file, record_path, record | {"sha256": content.hexdigest()})
        file.seek(0)
        file.write(_header(sum(record["lengths"]), size))
    seal(partial, path.name)
    os.replace(partial, path)
    return record


def _content(file: BinaryIO, record: dict[str, Any], size: int) -> Any | None:
    """The checksum, to be continued, of the frames in a record; None if they are not in the file as they were written."""
    file.seek(len(_header(0, size)))
    left, content = _length(record, size) - file.tell(), hashlib.sha256()
    while left > 0 and (block := file.read(min(left, 2**20))):
        content.update(block)
        left -= len(block)
    return content if not record["sha256"] or content.hexdigest() == record["sha256"] else None


def _length(record: dict[str, Any], size: int) -> int:
    """Bytes of the file up to the last frame in the record."""
    return len(_header(0, size)) + sum(record["lengths"]) * size * size * 3


def _keep(file: BinaryIO, record_path: Path, record: dict[str, Any]) -> None:
    """Save the frames first, then the record of them."""
    file.flush()
    os.fsync(file.fileno())
    write_record(record_path, record)


def _header(count: int, size: int) -> bytes:
    """The header of a `.npy` file; NumPy pads it so that its length does not depend on the first axis."""
    header = io.BytesIO()
    shape = (count, size, size, 3)
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _read_all(
    sequences: list[FaceSequence], done: int, request: dict[str, Any], workers: int | None
) -> Iterator[tuple[FaceSequence, np.ndarray | FaultyData]]:
    """The frames of every sequence from number `done` on, in order, read by threads."""

    def read(sequence: FaceSequence) -> np.ndarray | FaultyData:
        try:
            return read_sequence(sequence, size=request["size"], frames=request["frames"])
        except FaultyData as error:
            return error

    with (
        ThreadPoolExecutor(workers or os.cpu_count()) as pool,
        tqdm(total=len(sequences), initial=done, desc="faces", unit="sequence", disable=None) as bar,
    ):
        for first in range(done, len(sequences), _AT_ONCE):
            some = sequences[first : first + _AT_ONCE]
            for sequence, frames in zip(some, pool.map(read, some)):
                yield sequence, frames
                bar.update()


def read_sequence(sequence: FaceSequence, *, size: int, frames: int) -> UInt8[np.ndarray, "n {size} {size} 3"]:
    """The chosen frames of a sequence, square.

    Raises:
        DataError: an image or the video is broken.
    """

    def pick(count: int) -> list[int]:
        if count < 2:
            problem = f"{count} frames can be read; motion needs two"
            raise FaultyData(sequence.source, problem, "copy or crop the video again")
        return spread_evenly(count, frames)

    pictures = map(read_pixels, sequence.files) if sequence.names else read_video(sequence.source, pick)
    return np.stack([_square(pixels, size) for pixels in pictures])


def _square(pixels: np.ndarray, size: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize(pixels[top : top + side, left : left + side], size)


def _fingerprint(root: Path, sequences: list[FaceSequence]) -> str:
    """Hash of the chosen files' names and sizes; the folder's location does not matter."""
    digest = hashlib.sha256()
    for sequence in sequences:
        for path in sequence.files:
            size = path.stat().st_size if path.exists() else -1  # a dead link, which becomes an error when it is read
            digest.update(f"{path.relative_to(root).as_posix()} {size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _person(root: Path, source: Path) -> str:
    below = source.relative_to(root).parts
    for part in (os.path.basename(os.path.realpath(root)), *below):
        if match := _PERSON.fullmatch(part):
            return match[1]
    named = [part for part in below if part.lower() not in _SPLITS] or [source.name]
    for above, part in pairwise(named[:-1]):
        if _FRAME_RATE.fullmatch(part):
            return above
    return named[0].split("#")[0]
