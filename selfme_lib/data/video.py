"""Videos, frame by frame. FFmpeg silently returns whatever is left of a damaged file; here damage is an error."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from .containers import shown_frames
from .faults import FaultyData
from .images import MOST_PIXELS
from .tree import FOREIGN_VIDEOS

_REMEDY = "copy or crop the video again"
_EMPTY_PACKETS = {"VP80", "XVID", "DIVX", "DX50"}  # codecs whose packets need not hold a frame each


def read_video(path: Path, pick: Callable[[int], list[int]] | None = None) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Frames of a video in RGB, decoded one after the other up to the last one wanted: seeking in a video is not exact.

    They are those that its edit list shows, turned upright as its rotation says.

    Args:
        path: of the video.
        pick: number of frames → positions of those to take; by default all are taken.

    Raises:
        DataError: it is damaged, not a video, or its frames are larger than `MOST_PIXELS`.
    """
    if path.suffix.lower() in FOREIGN_VIDEOS:
        raise FaultyData(path, "a video in a format that is not read", "save it as MP4")
    count = shown_frames(path)
    if count is None:
        count = _count(path)
    chosen = range(count) if pick is None else set(pick(count))
    end = max(chosen, default=-1) + 1
    position = 0
    video = _open(path)
    try:
        while position < end and video.grab():
            if position in chosen:
                intact, pixels = video.retrieve()
                if not intact:
                    break
                yield cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
            position += 1
    finally:
        video.release()
    if position == 0:
        raise FaultyData(path, "no video, or one that cannot be decoded", "save it as MP4 with H.264")
    if position < end:
        raise FaultyData(path, f"damaged video (frame {position + 1} of {count} cannot be decoded)", _REMEDY)


def _open(path: Path, *, packets: bool = False) -> cv2.VideoCapture:
    """The video, or its packets as they are stored."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # silences FFmpeg on damage, which is reported here
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1] if packets else [])
    width, height = video.get(cv2.CAP_PROP_FRAME_WIDTH), video.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if width * height > MOST_PIXELS:
        raise FaultyData(path, f"{width:.0f}x{height:.0f} pixels, more than {MOST_PIXELS}", "make it smaller")
    return video


def _count(path: Path) -> int:
    """Number of frames of a video whose container does not count them."""
    video = _open(path)
    codec = int(video.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True).decode("latin-1")
    if codec.upper() not in _EMPTY_PACKETS:
        video = _open(path, packets=True)
    count = 0
    while video.grab():
        count += 1
    return count
