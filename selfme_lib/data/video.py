"""Videos, frame by frame. FFmpeg returns what is left of a damaged file without a word; here that is an error."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from .clips import FaultyData

SUFFIXES = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"}
_BOXED = {".mp4", ".m4v", ".mov"}  # ISO 14496-12
_REMEDY = "copy or crop the video again"


def open_video(path: Path) -> tuple[cv2.VideoCapture, int]:
    """A video and the number of its frames.

    Raises:
        DataError: it is damaged or no video.
    """
    if path.suffix.lower() in _BOXED:
        check_boxes(path)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # FFmpeg's own words on damage, which is reported here
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    return video, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0


def read_video(path: Path) -> Iterator[np.ndarray]:
    """Every frame, RGB (h, w, 3).

    Raises:
        DataError: no frame or not all of them can be decoded.
    """
    video, count = open_video(path)
    try:
        read = 0
        while True:
            intact, pixels = video.read()
            if not intact:
                break
            read += 1
            yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    finally:
        video.release()
    if read == 0:
        raise FaultyData(file=path, problem="no video, or one that cannot be decoded", remedy=_REMEDY)
    if path.suffix.lower() in _BOXED and read < count:  # other containers only estimate their length
        problem = f"damaged video (frame {read + 1} of {count} cannot be decoded)"
        raise FaultyData(file=path, problem=problem, remedy=_REMEDY)


def pick_frames(path: Path, wanted: Callable[[int], list[int]]) -> Iterator[np.ndarray]:
    """Some frames, RGB (h, w, 3). Every frame is decoded up to the last one: seeking in a video is not exact.

    Args:
        path: of an .mp4 file.
        wanted: number of frames → positions to take.

    Raises:
        DataError: less than two frames, or one of them cannot be decoded.
    """
    video, count = open_video(path)
    try:
        if count < 2:
            problem = f"{count} frames can be read, a motion takes two"
            raise FaultyData(file=path, problem=problem, remedy=_REMEDY)
        positions = set(wanted(count))
        for index in range(max(positions) + 1):
            intact = video.grab()
            if intact and index in positions:
                intact, pixels = video.retrieve()
                if intact:
                    yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            if not intact:
                problem = f"damaged video (frame {index + 1} of {count} cannot be decoded)"
                raise FaultyData(file=path, problem=problem, remedy=_REMEDY)
    finally:
        video.release()


def check_boxes(path: Path) -> None:
    """Refuse a file that is no MP4, or that ends early.

    An MP4 file is a row of boxes (ISO 14496-12), each of which begins with its length and its name.
    """
    found, position = [], 0
    try:
        with path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            while position < length:
                file.seek(position)
                head = file.read(16)
                found.append(head[4:8])
                size = int.from_bytes(head[:4], "big")
                if size == 1:  # a long box: its length comes behind its name
                    size = int.from_bytes(head[8:16], "big")
                position = position + max(size, 8) if size else length  # without a length: up to the end
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise FaultyData(file=path, problem=problem, remedy="check its permissions") from None
    if not length:
        problem = "empty file (0 bytes)"
    elif found[0] not in (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide"):
        problem = "not an MP4 video"
    elif position > length or b"moov" not in found:
        problem = f"truncated video ({length} bytes)"
    else:
        return
    raise FaultyData(file=path, problem=problem, remedy=_REMEDY)
