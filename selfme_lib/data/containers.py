"""Whether a video file is whole, and how many frames it shows. FFmpeg silently reads whatever is left of a file that was cut off.

Containers are sequences of elements, each of which begins with its name and its length, and some of which hold others: boxes
(MP4, QuickTime; ISO 14496-12), chunks (AVI; RIFF), EBML elements (Matroska, WebM; RFC 8794). A file is whole if its last
element ends where the file does. (A live recording that does not give the lengths of its clusters can be cut off between two
frames, unnoticed.)

Only MP4 counts its frames, and its edit list says which of them are shown: a trim without loss keeps everything from the key
frame before the cut, without which the rest cannot be decoded, and hides what comes before the cut.
"""

import re
import struct
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .faults import FaultyData, check_file, unreadable

_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_BOXES = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")  # that hold those that are read here:
_TABLES = (b"mvhd", b"mdhd", b"hdlr", b"stts", b"ctts", b"elst")
_EBML, _SEGMENT, _CLUSTER = (bytes.fromhex(name) for name in ("1A45DFA3", "18538067", "1F43B675"))
_MOST_FRAMES = 10**7  # a day and more
_REMEDY = "copy or crop the video again"

Header = Callable[[bytes], tuple[bytes, int, int | None]]
"""The first 16 bytes of an element → its name, the length of its header, that of its content (`None`: up to the end)."""


def shown_frames(path: Path) -> int | None:
    """The number of frames that an MP4 file shows; `None` for one in fragments, and for other containers.

    Raises:
        DataError: the file is not MP4, AVI, Matroska or WebM, is damaged, or ends early.
    """
    if not (length := check_file(path, "a video")):
        raise FaultyData(path, "empty file (0 bytes)", _REMEDY)
    try:
        with path.open("rb") as file:
            head = file.read(16)
            if head[4:8] in _FIRST_BOXES:
                return _shown(file, length)
            if head[:4] == b"RIFF":
                list(_elements(file, length, _chunk, (b"AVI ", b"AVIX", b"movi"), pad=2))
            elif head[:4] == _EBML:
                list(_elements(file, length, _ebml_element, (_SEGMENT, _CLUSTER)))
            else:
                raise FaultyData(path, "not an MP4, AVI, Matroska or WebM video", "save it as MP4")
    except OSError as error:
        raise unreadable(path, error, "a video") from None
    except EOFError:
        raise FaultyData(path, f"truncated video ({length} bytes)", _REMEDY) from None
    except (ValueError, IndexError, KeyError, struct.error):
        raise FaultyData(path, "damaged video, whose parts do not fit together", _REMEDY) from None
    return None


def _elements(
    file: BinaryIO, length: int, header: Header, containers: Collection[bytes], *, pad: int = 1
) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each element; those inside a container follow it.

    Raises:
        EOFError: the file ends before an element does.
        ValueError, IndexError, struct.error: what is there is no element.
    """
    position = 0
    while position < length:
        file.seek(position)
        name, start, size = header(file.read(16))
        start += position
        end = length if size is None else start + size
        if end > length:
            raise EOFError
        yield name, start, end
        position = start if name in containers else end + (end - start) % pad


def _box(head: bytes) -> tuple[bytes, int, int | None]:
    size, name = struct.unpack_from(">I4s", head)
    if size == 0:
        return name, 8, None
    start = 8
    if size == 1:
        start, size = 16, int.from_bytes(head[8:16], "big")
    if size < start:
        raise ValueError(size)
    return name, start, size - start


def _chunk(head: bytes) -> tuple[bytes, int, int | None]:
    name, size = struct.unpack_from("<4sI", head)
    if name not in (b"RIFF", b"LIST"):
        if not re.fullmatch(rb"[ -~]{4}", name):
            raise ValueError(name)
        return name, 8, size
    if size < 4:  # left at zero by a recorder that was stopped by force
        raise EOFError
    return head[8:12], 12, size - 4


def _ebml_element(head: bytes) -> tuple[bytes, int, int | None]:
    of_name = 9 - head[0].bit_length()  # in bytes: one more than there are leading zeros in the first
    of_size = 9 - head[of_name].bit_length()
    if of_name > 4 or of_size > 8:
        raise ValueError(head)
    name, start = head[:of_name], of_name + of_size
    size = int.from_bytes(head[of_name:start], "big") - (1 << 7 * of_size)
    if size < (1 << 7 * of_size) - 1:
        return name, start, size
    if name not in (_SEGMENT, _CLUSTER):  # only a live recording's may be of unknown length
        raise ValueError(name)
    return name, start, None


def _shown(file: BinaryIO, length: int) -> int | None:
    """The samples of the video track that are presented by one of its edits."""
    names: set[bytes] = set()
    movie: dict[bytes, bytes] = {}
    tracks: list[dict[bytes, bytes]] = []
    for name, start, end in _elements(file, length, _box, _BOXES):
        names.add(name)
        if name == b"trak":
            tracks.append(dict(movie))
        elif name in _TABLES:
            if end - start > 16 * _MOST_FRAMES:
                raise ValueError(end - start)
            file.seek(start)
            (tracks[-1] if tracks else movie).setdefault(name, file.read(end - start))
    if b"moov" not in names:
        raise EOFError
    videos = [track for track in tracks if track.get(b"hdlr", b"")[8:12] == b"vide"]
    if b"moof" in names or len(videos) != 1:
        return None
    (track,) = videos
    counts, steps = _pairs(track[b"stts"])
    if counts.sum() > _MOST_FRAMES:
        raise ValueError(counts)
    steps = np.repeat(steps, counts)
    times = np.cumsum(steps) - steps  # when each is decoded, and then shown
    if b"ctts" in track:
        counts, delays = _pairs(track[b"ctts"])
        times = times + np.repeat(delays.astype(np.int32), counts)
    if b"elst" not in track:
        return len(times)
    list_ = track[b"elst"]
    sizes = [">u8", ">i8", ">u4"] if list_[0] else [">u4", ">i4", ">u4"]
    edits = np.frombuffer(list_, ",".join(sizes), int.from_bytes(list_[4:8], "big"), 8).tolist()
    rate = _timescale(track[b"mdhd"]) / _timescale(track[b"mvhd"])
    spans = [(start, start + duration * rate if duration else np.inf) for duration, start, _ in edits if start >= 0]
    return sum(int(((begin <= times) & (times < end)).sum()) for begin, end in spans)


def _pairs(table: bytes) -> np.ndarray:
    """Two columns of a table of runs: how often, and what."""
    count = int.from_bytes(table[4:8], "big")
    return np.frombuffer(table, ">u4", 2 * count, 8).reshape(count, 2).T.astype(np.int64)


def _timescale(header: bytes) -> int:
    return struct.unpack_from(">I", header, 20 if header[0] else 12)[0]
