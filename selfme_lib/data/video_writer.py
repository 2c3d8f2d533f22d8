"""Frames into an MP4 file, with the sound of another.

With PyAV (the extra `video`) it is H.264, each frame keeps its time, and sound is copied, or encoded anew if MP4 does not take
it. Without, OpenCV writes MPEG-4 at a constant rate, and there is no sound.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path

from .recording import Recording

_CLOCK = 90_000  # ticks a second
_QUALITY = {"crf": "17", "preset": "medium"}
_COPIED = {"aac", "mp3", "ac3", "eac3", "opus", "alac"}  # what MP4 takes

Timed = tuple[float, UInt8[np.ndarray, "h w 3"]]


def has_pyav() -> bool:
    """Whether PyAV is installed."""
    try:
        import av  # noqa: F401
    except ImportError:
        return False
    return True


def write_video(path: Path, frames: Iterable[Timed], fps: float, *, sound: Recording | None = None) -> int:
    """Write frames with their times in seconds, all of one size; the file appears whole or not at all.

    Args:
        path: ends in .mp4.
        fps: where times do not count.
        sound: a recording whose sound is taken along, if there is PyAV.

    Returns:
        The number of frames.

    Raises:
        UsageError: another suffix.
        DataError: there are no frames, or they cannot be encoded.
    """
    if path.suffix.lower() != ".mp4":
        raise UsageError(f"{path}: expected a name that ends in .mp4")
    with atomic_path(path) as temporary:
        count = (_by_pyav if has_pyav() else _by_opencv)(temporary, frames, fps, sound)
        if not count:
            raise DataError(f"{path}: not written, since there are no frames")
    return count


def _by_opencv(path: Path, frames: Iterable[Timed], fps: float, sound: Recording | None) -> int:
    count, writer = 0, None
    try:
        for _, pixels in frames:
            if writer is None:
                height, width = pixels.shape[:2]
                code = cv2.VideoWriter.fourcc(*"mp4v")
                writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, code, fps, (width, height))
                if not writer.isOpened():
                    raise DataError(f"{path.name}: OpenCV cannot write a video of {width}x{height} pixels here")
            writer.write(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
            count += 1
    finally:
        if writer is not None:
            writer.release()
    return count


def _by_pyav(path: Path, frames: Iterable[Timed], fps: float, sound: Recording | None) -> int:
    import av

    count, last = 0, -1
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.options = "yuv420p", dict(_QUALITY)
        stream.codec_context.time_base = Fraction(1, _CLOCK)
        packets = iter(()) if sound is None or sound.path is None else _sound(file, sound.path)
        waiting = next(packets, None)
        for seconds, pixels in frames:
            odd = pixels.shape[0] % 2, pixels.shape[1] % 2  # a colour for 2 x 2 pixels
            if any(odd):
                pixels = cv2.copyMakeBorder(pixels, 0, odd[0], 0, odd[1], cv2.BORDER_REPLICATE)
            if not count:
                stream.height, stream.width = pixels.shape[:2]
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
            last = max(last + 1, round(seconds * _CLOCK))
            picture.pts, picture.time_base = last, Fraction(1, _CLOCK)
            file.mux(stream.encode(picture))
            count += 1
            while waiting is not None and waiting[0] <= seconds:
                file.mux(waiting[1])
                waiting = next(packets, None)
        if count:
            file.mux(stream.encode(None))
            while waiting is not None:
                file.mux(waiting[1])
                waiting = next(packets, None)
    return count


def _sound(file: Any, path: Path) -> Iterator[tuple[float, Any]]:
    """Packets of a file's sound for another file, with their times."""
    import av

    with av.open(str(path)) as recorded:
        if not recorded.streams.audio:
            return
        track = recorded.streams.audio[0]
        begin = recorded.streams.video[0].start_time or 0
        base = recorded.streams.video[0].time_base
        assert base is not None and track.time_base is not None, "FFmpeg gives every track one"
        origin = float(begin * base)
        if track.codec_context.name in _COPIED:
            copied = file.add_stream_from_template(track)
            shift = round(origin / track.time_base)
            yield 0.0, []
            for packet in recorded.demux(track):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, copied
                yield float(packet.pts * track.time_base), packet
            return
        encoded = file.add_stream("aac", rate=track.codec_context.sample_rate)
        resampler = av.AudioResampler(format="fltp", layout=track.codec_context.layout, rate=encoded.rate)
        yield 0.0, []
        seconds = 0.0
        for frame in recorded.decode(track):
            seconds = float(frame.time or seconds) - origin
            for part in resampler.resample(frame):
                yield seconds, encoded.encode(part)
        yield seconds, encoded.encode(None)
