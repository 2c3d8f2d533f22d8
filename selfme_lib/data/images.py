"""Frames from disk: decoded, checked, resized.

Image libraries are lenient: for a truncated JPEG, OpenCV returns half a face and grey, with a warning at most. Motion
between such frames would be meaningless, so here a frame is either whole or an error.
"""

import io
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL.BmpImagePlugin import BmpImageFile
from PIL.Image import Transpose
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from torch import Tensor
from tqdm import tqdm

from .clips import Clip
from .faults import Fault, FaultyData, check_file, unreadable

MOST_PIXELS = 2**25
"""Larger pictures and videos are refused: nothing here needs more, and a few of them fill the memory."""

_FORMATS: dict[bytes, Callable[..., ImageFile]] = {
    b"\xff\xd8": JpegImageFile,
    b"\x89PNG": PngImageFile,
    b"BM": BmpImageFile,
}  # by their first bytes
_TAIL = 1024  # bytes at the end of a file that must contain the image's end marker; some writers append a few
_COPY_AGAIN = "copy the file again"
_ORIENTATION = 0x0112  # EXIF: how a camera was held
_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}  # orientation → what turns the picture upright
_SIDEWAYS = (5, 6, 7, 8)


def read_frame(path: Path, size: int | None = None) -> Float[Tensor, "3 h w"]:
    """An RGB frame in [0, 1], resized to `size` x `size` if `size` is given (by area when shrinking).

    Raises:
        DataError: as `read_pixels`.
    """
    return to_frame(read_pixels(path), size)


def to_frame(pixels: UInt8[np.ndarray, "h w 3"], size: int | None = None) -> Float[Tensor, "3 h2 w2"]:
    """RGB bytes as a frame; see `read_frame`."""
    frame = pixels.astype(np.float32) / 255
    if size is not None:
        frame = resize(frame, size)
    return torch.from_numpy(frame).permute(2, 0, 1).contiguous()


def read_pixels(path: Path) -> UInt8[np.ndarray, "h w 3"]:
    """An RGB frame, upright as its EXIF orientation says; shades of grey become equal channels.

    Raises:
        DataError: the file cannot be read, is empty, is not JPEG, BMP or PNG, ends too early, has more than 8 bits a colour
            or more than `MOST_PIXELS`.
    """
    content = io.BytesIO(read_content(path))
    with _decoding(path), _open(path, content) as image:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
        return np.asarray((image if turn is None else image.transpose(turn)).convert("RGB"))


def read_content(path: Path) -> bytes:
    """The bytes of an image file.

    Raises:
        DataError: it cannot be read, or is too large for an image of `MOST_PIXELS`.
    """
    length = check_file(path, "an image")
    if length > 8 * MOST_PIXELS:
        raise FaultyData(path, f"{length} bytes, more than any picture of {MOST_PIXELS} pixels", _COPY_AGAIN)
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error, "an image") from None


def frame_size(path: Path) -> tuple[int, int]:
    """Width and height of a frame, upright, from its header; the end is checked for truncation, too.

    Raises:
        DataError: as `read_pixels`, except for damage between header and end.
    """
    check_file(path, "an image")
    try:
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error, "an image") from None
    with file, _decoding(path), _open(path, file) as image:
        width, height = image.size
        tagged = isinstance(image, JpegImageFile) or any("exif" in str(key) or "xmp" in str(key) for key in image.info)
        turned = (
            tagged and image.getexif().get(_ORIENTATION) in _SIDEWAYS
        )  # asking decodes a PNG, which seldom has tags
        return (height, width) if turned else (width, height)


@contextmanager
def _decoding(path: Path) -> Iterator[None]:
    """Everything that Pillow's decoders raise becomes a `FaultyData`."""
    try:
        yield
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise FaultyData(path, f"damaged image ({error})", _COPY_AGAIN) from None


def _open(path: Path, file: io.BytesIO | io.BufferedReader) -> ImageFile:
    """A picture whose header has been read, and whose file ends where it should."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - _TAIL))
    tail = file.read()
    file.seek(0)
    head = file.read(64)
    if not length:
        raise FaultyData(path, "empty file (0 bytes)", _COPY_AGAIN)
    decoder = next((decoder for start, decoder in _FORMATS.items() if head.startswith(start)), None)
    if decoder is None:
        name = _foreign(head)
        remedy = "save it as PNG with 8 bits a colour" if name else _COPY_AGAIN
        raise FaultyData(path, f"{name}not a JPEG, BMP or PNG image", remedy)
    cut_off = (
        (head.startswith(b"\xff\xd8") and b"\xff\xd9" not in tail)
        or (head.startswith(b"\x89PNG") and b"IEND" not in tail)
        or (head.startswith(b"BM") and length < int.from_bytes(head[2:6], "little"))
    )
    if cut_off:
        raise FaultyData(path, f"truncated image ({length} bytes)", _COPY_AGAIN)
    file.seek(0)
    image = decoder(file)  # not by `Image.open`, which prints a warning of its own about large pictures
    if image.width * image.height > MOST_PIXELS:
        raise FaultyData(path, f"{image.width}x{image.height} pixels, more than {MOST_PIXELS}", "make it smaller")
    if image.mode[0] in "IF" or (decoder is PngImageFile and head[24] > 8):  # Pillow would cut off what exceeds 8 bits
        raise FaultyData(path, f"more than 8 bits a colour ({image.mode})", "save it with 8 bits")
    return image


def _foreign(head: bytes) -> str:
    """The format of a picture that is not read here, from its first 12 bytes, with a comma; empty if unknown."""
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF, "
    if head[4:8] == b"ftyp":
        return "AVIF, " if head[8:12] in (b"avif", b"avis") else "HEIC or a video, "
    names = {b"WEBP": "WebP, ", b"GIF8": "GIF, ", b"jP  ": "JPEG 2000, "}
    return next((name for sign, name in names.items() if sign in (head[:4], head[4:8], head[8:12])), "")


def several_sizes(sizes: dict[Path, tuple[int, int]]) -> list[Fault]:
    """An error if frames of a clip differ in size: motion between them would be meaningless."""
    first = next(iter(sizes.values()), (0, 0))
    odd = [(path, size) for path, size in sizes.items() if size != first]
    if not odd:
        return []
    path, (width, height) = odd[0]
    problem = f"{width}x{height} pixels, the clip's first frame {first[0]}x{first[1]}"
    if len(odd) > 1:
        problem += f" (and {len(odd) - 1} more frames of this clip)"
    return [Fault("error", path, problem, "crop all frames of a clip alike")]


def resize(pixels: Shaped[np.ndarray, "h w 3"], size: int) -> Shaped[np.ndarray, "{size} {size} 3"]:
    """Pixels at `size` x `size`: by area when shrinking, otherwise bilinear."""
    smaller = size < min(pixels.shape[:2])
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def read_clip_frame(clip: Clip, number: int, size: int | None = None) -> Float[Tensor, "3 h w"]:
    """The frame of a clip with this number: from its aligned frames if it has them, otherwise from its file.

    Raises:
        DataError: as `read_pixels`.
    """
    place = clip.frame_numbers.index(number)
    if clip.aligned is None:
        return read_frame(clip.frames[place], size)
    return to_frame(np.array(np.load(clip.aligned, mmap_mode="r", allow_pickle=False)[place]), size)


def load_onset_apex(clips: Sequence[Clip], size: int) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, "n 3 s s"]]:
    """Onset and apex of every clip, RGB in [0, 1], `size` x `size`, read by threads.

    Raises:
        DataError: a clip has no apex, a frame is damaged, or the two frames of a clip differ in size.
    """
    onset = torch.empty(len(clips), 3, size, size)
    apex = torch.empty_like(onset)

    def load(index: int) -> None:
        clip = clips[index]
        for fault in several_sizes({path: frame_size(path) for path in (clip.onset_path, clip.apex_path)}):
            raise FaultyData(fault.file, fault.problem, fault.remedy)
        onset[index] = read_clip_frame(clip, clip.onset, size)
        apex[index] = read_clip_frame(clip, clip.apex_number, size)

    with ThreadPoolExecutor() as pool:
        done = pool.map(load, range(len(clips)))
        list(tqdm(done, total=len(clips), desc="frames", unit="clip", disable=None))
    return onset, apex
