"""The aligned face as a film for a web page: VP8 in WebM, which OpenCV writes and every browser plays.

OpenCV's encoder knows no bit rate and spends most bytes on the noise of the sensor. In a long film each pixel therefore follows
the recording only as far as its neighbourhood has changed by more than noise does (motion-adaptive temporal filtering).
"""

import re
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.data.face_stream import FaceFrame

RATE = 25.0  # frames a second, at most
LONG = 600.0  # seconds: longer films have fewer frames a second
BRIEF = 60.0  # seconds: shorter films keep their noise
NOISE, REACH = 2.5, 1.5  # grey levels of a neighbourhood that has not changed, and its size in pixels

Pixels = UInt8[np.ndarray, "s s 3"]


class FaceFilm:
    """Written face by face; times are the recording's, at a constant rate, so that film and recording agree by seconds.

    Args:
        path: .mkv file that it is written into; `content` removes it.
        fps: frames a second of the recording.
        seconds: its length, if that is known.
    """

    def __init__(self, path: Path, fps: float, seconds: float | None):
        length = seconds or LONG
        self.rate = min(RATE, fps) * min(1.0, LONG / length)
        self._path, self._noise = path, 0.0 if length <= BRIEF else NOISE
        self._writer: cv2.VideoWriter | None = None
        self._shown: np.ndarray | None = None  # (s, s, 3)
        self._count = 0

    def add(self, face: FaceFrame) -> None:
        """Show this face from its time on."""
        if self._writer is None:
            self._writer = cv2.VideoWriter(
                str(self._path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), self.rate, face.pixels.shape[1::-1]
            )
        while self._shown is not None and self._count < round(face.time * self.rate):
            self._write()
        self._shown = self._quiet(face.pixels)

    def content(self) -> bytes:
        """The finished film; nothing if it has no frames. May be called once."""
        if self._writer is None:
            return b""
        self._write()
        self._writer.release()
        content = _as_webm(self._path.read_bytes())
        with suppress(OSError):
            self._path.unlink()
        return content

    def _write(self) -> None:
        assert self._writer is not None and self._shown is not None
        self._writer.write(self._shown.round().astype(np.uint8)[..., ::-1])
        self._count += 1

    def _quiet(self, pixels: Pixels) -> np.ndarray:
        new = pixels.astype(np.float32)
        if self._shown is None or not self._noise:
            return new
        change = new - self._shown
        size = cv2.GaussianBlur(change.mean(-1), (0, 0), REACH) ** 2
        follow = cv2.GaussianBlur(size / (size + self._noise**2), (0, 0), REACH)
        return self._shown + follow[..., None] * change


def _as_webm(matroska: bytes) -> bytes:
    """The same film under the name that WebM has, with zeros for the random numbers in its head and for their checksums.

    WebM is Matroska by another name, padded here to the same length. OpenCV would write it itself, but with a warning on standard
    error that cannot be turned off.
    """
    head, cluster, frames = matroska.partition(b"\x1f\x43\xb6\x75")
    for pattern, instead in _SETTLED:
        head = re.sub(pattern, instead, head, flags=re.DOTALL)
    return head + cluster + frames


_SETTLED = (
    (rb"\x42\x82\x88matroska", b"\x42\x82\x84webm\xec\x82" + bytes(2)),  # DocType, and Void
    (rb"\x73\xa4\x90.{16}", b"\x73\xa4\x90" + bytes(15) + b"\x01"),  # SegmentUID
    (rb"([\x63\x73]\xc5\x88).{8}", rb"\1" + bytes(7) + b"\x01"),  # TrackUID, and where tags name it
    (rb"(\x15\x49\xa9\x66|\x16\x54\xae\x6b|\x12\x54\xc3\x67)(.{1,8}?)\xbf\x84.{4}", rb"\1\2" + b"\xec\x84" + bytes(4)),
)  # the last: CRC-32 of Info, Tracks and Tags, and Void instead
