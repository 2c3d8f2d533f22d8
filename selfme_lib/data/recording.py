"""Whatever shows a face over time, as a stream of frames: a video file, a folder of frames, a camera.

    recording = open_recording("me.mp4")
    for frame in recording:
        frame.index, frame.time, frame.pixels

One frame is held at a time, so a film of any length fits. Each frame has the time that the file gives it: phones and screen
recorders do not keep a constant rate.
"""

import math
import mmap
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.runtime.errors import DataError, UsageError

from .containers import shown_frames
from .faults import FaultyData, printable
from .images import frame_size, read_pixels
from .tree import FOREIGN_VIDEOS, list_folder, list_images, list_videos
from .video import _REMEDY, _count, _open

_PROBED = 100  # frames from whose times the rate is taken
_SOUND = {
    b"RIFF": rb"strh.{4}auds",  # AVI
    b"\x1aE\xdf\xa3": rb"\x86[\x80-\xff]A_[A-Z]",  # Matroska, WebM: a codec's name
}  # a track of sound in the first bytes of a file
_SOUND_MP4 = rb"hdlr.{8}soun"
_HEADER = 2**16


@dataclass(frozen=True)
class Frame:
    """A frame of a recording."""

    index: int  # from 0
    time: float  # seconds after the first frame
    pixels: UInt8[np.ndarray, "h w 3"]  # RGB, upright


@dataclass(frozen=True)
class Recording:
    """A stream of frames. Iterating begins anew; a camera shows something else each time.

    Attributes:
        name: as messages call it.
        fps: frames per second, the median if they vary.
        count: number of frames; None if nobody knows, as of a camera.
        width, height: of the upright picture.
        frames: begins to read.
        path: of the file or folder; None for a camera.
    """

    name: str
    fps: float
    count: int | None
    width: int
    height: int
    frames: Callable[[], Iterator[Frame]]
    path: Path | None = None

    def __iter__(self) -> Iterator[Frame]:
        """The frames one after the other.

        Raises:
            DataError: the next one is damaged, missing, or differs in size.
        """
        for frame in self.frames():
            height, width = frame.pixels.shape[:2]
            if (width, height) != (self.width, self.height):
                problem = f"frame {frame.index + 1} has {width}x{height} pixels, the first {self.width}x{self.height}"
                raise DataError(printable(f"{self.name}: {problem}; crop all frames alike"))
            yield frame

    @property
    def is_live(self) -> bool:
        """Whether what was read once is gone."""
        return self.path is None

    @cached_property
    def has_sound(self) -> bool:
        """Whether a video file has a track of sound."""
        if self.path is None or self.path.is_dir():
            return False
        with self.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if pattern := _SOUND.get(content[:4]):
                return re.search(pattern, content[:_HEADER], re.DOTALL) is not None
            return re.search(_SOUND_MP4, content, re.DOTALL) is not None


def open_recording(source: Path | str | int, *, fps: float | None = None, seconds: float | None = None) -> Recording:
    """What a user names as the recording of a face.

    Args:
        source: a video file, a folder of frames (in the order of the numbers in their names), or a camera's number.
        fps: frames per second: of a folder, which has no times; or instead of a file's own times, as for a recording at 200 fps
            that is stored to be played slowly.
        seconds: how long a camera is read; by default until Ctrl-C.

    Raises:
        DataError: it cannot be read, is damaged, empty, or no recording.
        UsageError: a folder without `fps`, or an `fps` that is no rate.
    """
    if fps is not None and not (math.isfinite(fps) and 0 < fps <= 1e5):
        raise UsageError(f"fps {fps}: expected frames per second, such as 25")
    if isinstance(source, int):
        return _camera(source, seconds)
    path = Path(source)
    return _folder(path, fps) if path.is_dir() else _file(path, fps)


def _folder(folder: Path, fps: float | None) -> Recording:
    files = list_folder(folder)[1]
    paths = list_images(files)
    if not paths:
        videos = list_videos(files)
        remedy = f"give one of its videos, such as {videos[0].name}" if videos else "give a folder of frames or a video"
        raise FaultyData(folder, "no images in it", remedy)
    if fps is None:
        raise UsageError(printable(f"{folder}: frames without times; give their number per second with --fps"))
    rate = fps

    def frames() -> Iterator[Frame]:
        for index, path in enumerate(paths):
            yield Frame(index, index / rate, read_pixels(path))

    return Recording(str(folder), rate, len(paths), *frame_size(paths[0]), frames, folder)


def _file(path: Path, fps: float | None) -> Recording:
    if path.suffix.lower() in FOREIGN_VIDEOS:
        raise FaultyData(path, "a video in a format that is not read", "save it as MP4")
    if list_images([path]) and path.is_file():
        raise FaultyData(path, "a picture, not a recording", "give the folder of frames, or a video")
    shown = shown_frames(path)
    count = _count(path) if shown is None else shown
    first = list(islice(_decode(path, count, 0.0), _PROBED))
    if not first:
        raise FaultyData(path, "no video, or one that cannot be decoded", "save it as MP4 with H.264")
    steps = np.diff([seconds for _, seconds, _ in first])
    steps = steps[steps > 0]
    rate = fps or (round(1 / float(np.median(steps)), 6) if len(steps) else _open(path).get(cv2.CAP_PROP_FPS) or 25.0)
    pixels = next(_decode(path, 1, 0.0, retrieve=True))[2]
    height, width = pixels.shape[:2]

    def frames() -> Iterator[Frame]:
        for index, seconds, pixels in _decode(path, count, 1 / rate, retrieve=True):
            yield Frame(index, index / rate if fps else seconds, pixels)

    return Recording(str(path), rate, count, width, height, frames, path)


def _decode(path: Path, count: int, step: float, *, retrieve: bool = False) -> Iterator[tuple[int, float, np.ndarray]]:
    """Index, time and, if wanted, pixels of `count` frames; a time that does not grow is replaced by one `step` later."""
    video = _open(path)
    origin, last = None, -math.inf
    index, pixels = 0, np.empty((0, 0, 3), np.uint8)
    try:
        while index < count and video.grab():
            shown_at = video.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if retrieve:
                intact, picture = video.retrieve()
                if not intact:
                    break
                pixels = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
            origin = shown_at if origin is None else origin
            last = shown_at - origin if shown_at - origin > last else last + step
            yield index, last, pixels
            index += 1
    finally:
        video.release()
    if index < count:
        raise FaultyData(path, f"damaged video (frame {index + 1} of {count} cannot be decoded)", _REMEDY)


def _camera(number: int, seconds: float | None) -> Recording:
    name = f"camera {number}"

    def begin() -> cv2.VideoCapture:
        camera = cv2.VideoCapture(number)
        if not camera.isOpened() or not camera.grab():
            camera.release()
            raise DataError(f"{name}: no picture; is it plugged in, permitted, and free?")
        return camera

    camera = begin()
    width, height = (round(camera.get(size)) for size in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
    rate = camera.get(cv2.CAP_PROP_FPS) or 30.0
    camera.release()

    def frames() -> Iterator[Frame]:
        camera, start, index = begin(), math.inf, 0
        try:
            with _interrupted() as stopped:
                while not stopped.is_set() and camera.grab():
                    moment = time.monotonic()
                    start = min(start, moment)
                    now = moment - start
                    intact, pixels = camera.retrieve()
                    if not intact or (seconds is not None and now > seconds):
                        break
                    yield Frame(index, now, cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
                    index += 1
        finally:
            camera.release()

    return Recording(name, rate, None if seconds is None else round(seconds * rate), width, height, frames)


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets instead of ending the program; a second Ctrl-C ends it."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def stop(*_: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
