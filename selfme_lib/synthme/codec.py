"""H.264, as cameras record: what it does to frames, and video files of it.

Cameras encode live: each frame from those before it, none from later ones (`tune=zerolatency`), with one that stands alone every
so often. So one frame goes in and one comes out, and a long video can be made group by group. The rest is x264's own default
(preset medium, constant rate factor 23). One thread, and code that does not depend on the processor, give the same bytes
everywhere. OpenCV converts the colours (BT.601, 4:2:0), because its arithmetic is whole numbers.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.files import atomic_path

Codec = Literal["none", "h264"]
RATE_FACTOR = 23
GROUP = 250  # frames from one that stands alone to the next
_OPTIONS = {
    "preset": "medium",
    "tune": "zerolatency",
    "crf": str(RATE_FACTOR),
    "x264-params": f"keyint={GROUP}:scenecut=0:cpu-independent=1",
}


def encoder_version() -> str:
    """What encodes H.264 here; a data set that went through it says so in its fingerprint.

    Raises:
        UsageError: PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise UsageError('H.264 needs PyAV: pip install "selfme[video]"') from None
    return f"av {av.__version__}"


def through_h264(
    frames: Iterable[UInt8[np.ndarray, "s s 3"]], size: int, fps: int
) -> Iterator[UInt8[np.ndarray, "s s 3"]]:
    """RGB frames with the traces of compression, one for one.

    Raises:
        UsageError: PyAV is not installed.
    """
    encoder_version()
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    packets = (av.Packet(data) for data in h264(frames, size, fps))
    for packet in chain(packets, [None]):
        for picture in decoder.decode(packet):
            rgb = cv2.cvtColor(picture.to_ndarray(format="yuv420p"), cv2.COLOR_YUV2RGB_I420)
            yield rgb[:size, :size]


def h264(frames: Iterable[UInt8[np.ndarray, "s s 3"]], size: int, fps: int) -> Iterator[bytes]:
    """RGB frames as H.264, the data of each frame in turn; the first stands alone.

    Raises:
        UsageError: PyAV is not installed.
    """
    encoder_version()
    import av

    encoder = av.CodecContext.create("libx264", "w")
    odd = size % 2  # a colour for 2 x 2 pixels: a row and a column are added
    encoder.width = encoder.height = size + odd
    encoder.pix_fmt, encoder.time_base, encoder.framerate = "yuv420p", Fraction(1, fps), Fraction(fps)
    encoder.thread_count, encoder.options = 1, _OPTIONS
    for number, frame in enumerate(frames):
        even = cv2.copyMakeBorder(frame, 0, odd, 0, odd, cv2.BORDER_REPLICATE)
        colours: Any = cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420)  # of bytes, which OpenCV's stubs do not know
        picture = av.VideoFrame.from_ndarray(colours, format="yuv420p")
        picture.pts = number
        yield from map(bytes, encoder.encode(picture))
    yield from map(bytes, encoder.encode(None))


def write_avi(path: Path, data: Iterable[bytes], size: int, fps: int) -> None:
    """An AVI file of what `h264` gave, of one group after the other; the same data give the same bytes.

    Raises:
        UsageError: PyAV is not installed.
    """
    encoder_version()
    import av

    side, step = size + size % 2, Fraction(1, fps)
    with atomic_path(path) as temporary, av.open(str(temporary), "w", options={"fflags": "+bitexact"}) as file:
        stream = file.add_mux_stream("h264", rate=fps, width=side, height=side, time_base=step)
        for number, content in enumerate(data):
            packet = av.Packet(content)
            packet.stream, packet.time_base, packet.duration = stream, step, 1
            packet.pts = packet.dts = number
            packet.is_keyframe = number % GROUP == 0
            file.mux(packet)
