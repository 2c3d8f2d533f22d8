"""Small videos of one's own making, and what is done to them on the way."""

import struct
from pathlib import Path

import cv2
import numpy as np

SUFFIXES = {"mp4": "mp4v", "avi": "MJPG", "mkv": "MJPG", "webm": "VP80"}
"""Container → a codec that OpenCV writes into it."""


def write_video(
    path: Path, pictures: int | list[np.ndarray] = 12, *, size: tuple[int, int] = (48, 40), codec: str = ""
):
    """RGB pictures; or that many frames, of which frame t is grey 20 t, so that a decoded frame shows which one it is."""
    if isinstance(pictures, int):
        pictures = [np.full((size[1], size[0], 3), 20 * number, np.uint8) for number in range(pictures)]
    height, width = pictures[0].shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    codec = codec or SUFFIXES[path.suffix[1:]]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*codec), 25, (width, height))
    for picture in pictures:
        writer.write(picture[..., ::-1])
    writer.release()
    return path


def trim(path: Path, *spans: tuple[int, int]) -> None:
    """An edit list as a trim without loss writes it: show the frames from first to last, for each span, at 25 a second.

    `spans` count in frames; a first of -1 shows nothing for so many frames.
    """
    content = path.read_bytes()

    def number(name: bytes, version_0: int) -> int:
        return struct.unpack_from(">I", content, content.index(name) + 4 + version_0)[0]

    movie, media = number(b"mvhd", 12), number(b"mdhd", 12)
    entries = b""
    for first, last in spans:
        start, length = (-1, last) if first < 0 else (first * media // 25, last - first + 1)
        entries += struct.pack(">IiI", length * movie // 25, start, 1 << 16)
    table = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(spans)) + entries
    path.write_bytes(
        _replace(content, [b"moov", b"trak", b"edts"], struct.pack(">I4s", 8 + len(table), b"edts") + table)
    )


def turn(path: Path) -> None:
    """Say that the video is to be shown turned by a quarter to the right."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40  # the matrix
    one = 1 << 16
    content[place : place + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def _replace(boxes: bytes, names: list[bytes], new: bytes) -> bytes:
    """Boxes in which the one at the end of the path `names` is another."""
    done, position = b"", 0
    while position < len(boxes):
        size, name = struct.unpack_from(">I4s", boxes, position)
        box = boxes[position : position + size]
        if name == names[0]:
            inner = new if len(names) == 1 else _replace(box[8:], names[1:], new)
            box = inner if len(names) == 1 else struct.pack(">I4s", 8 + len(inner), name) + inner
        done, position = done + box, position + size
    return done
