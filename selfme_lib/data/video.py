"""Videos, frame by frame. FFmpeg silently returns whatever is left of a damaged file; here damage is an error."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from .faults import FaultyData, unreadable

VIDEOS = {".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"}
"""File name suffixes of the videos that can be read."""

_BOXED = {".mp4", ".m4v", ".mov"}  # ISO 14496-12
_FIRST_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_REMEDY = "copy or crop the video again"


def read_video(path: Path, pick: Callable[[int], list[int]] | None = None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Frames of a video in RGB, decoded one after the other up to the last one wanted: seeking in a video is not exact.

    Args:
        path: of the video.
        pick: number of frames, by the header → positions of those to take; by default all are taken.

    Raises:
        DataError: it is damaged or not a video.
    """
    boxed = path.suffix.lower() in _BOXED
    if boxed:
        check_boxes(path)
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # silences FFmpeg on damage, which is reported here
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        count = int(video.get(cv2.CAP_PROP_FRAME_COUNT)) if video.isOpened() else 0
        chosen = None if pick is None else set(pick(count))
        # Only MP4 containers count their frames; others estimate the number.
        end = max(chosen) + 1 if chosen else count if boxed else 0
        position = 0
        while (chosen is None or position < end) and video.grab():
            if chosen is None or position in chosen:
                intact, pixels = video.retrieve()
                if not intact:
                    break
                yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            position += 1
    finally:
        video.release()
    if position == 0:
        raise FaultyData(path, "no video, or one that cannot be decoded", _REMEDY)
    if position < end:
        raise FaultyData(path, f"damaged video (frame {position + 1} of {count} cannot be decoded)", _REMEDY)


def check_boxes(path: Path) -> None:
    """Refuse a file that is not MP4 or that ends early.

    An MP4 file is a sequence of boxes (ISO 14496-12), each of which begins with its length and its name.

    Raises:
        DataError: as above, or the file cannot be read.
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
                if size == 1:  # a long box: its length follows its name
                    size = int.from_bytes(head[8:16], "big")
                position = position + max(size, 8) if size else length  # without a length: up to the end
    except OSError as error:
        raise unreadable(path, error, "a video") from None
    if not length:
        problem = "empty file (0 bytes)"
    elif found[0] not in _FIRST_BOXES:
        problem = "not an MP4 video"
    elif position > length or b"moov" not in found:
        problem = f"truncated video ({length} bytes)"
    else:
        return
    raise FaultyData(path, problem, _REMEDY)
