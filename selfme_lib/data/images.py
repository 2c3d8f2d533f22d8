"""Frames from disk: decoded, checked, resized.

Image libraries are lenient: OpenCV returns half a face and grey for a truncated JPEG, with a warning at most. Motion
between such frames would be nonsense, so here a frame is whole or an error.
"""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from .clips import Clip, FaultyData

_FORMATS = ("JPEG", "BMP", "PNG")
_TAIL = 1024  # bytes at the end in which an image must announce that it is over; some writers append a few
_COPY_AGAIN = "copy the file again"


def read_frame(path: Path, size: int | None = None) -> Float[Tensor, "3 h w"]:
    """An RGB frame in [0, 1], resized to `size` x `size` when `size` is given (by area when it gets smaller).

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
    """An RGB frame as it is in the file; shades of grey become equal channels.

    Raises:
        DataError: the file cannot be read, is empty, is no JPEG, BMP or PNG, or ends too early.
    """
    return _decode(path, _read(path))


def check_frame(path: Path) -> tuple[tuple[int, int], bytes]:
    """Width and height of a frame whose pixels can all be decoded, and the content of its file.

    Raises:
        DataError: as `read_pixels`.
    """
    content = _read(path)
    height, width = _decode(path, content).shape[:2]
    return (width, height), content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _decode(path: Path, content: bytes) -> np.ndarray:
    _check(path, content[:64], content[-_TAIL:], len(content))
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            if image.mode[0] in "IF":  # Pillow would cut off what exceeds 8 bits
                problem = f"more than 8 bits a colour ({image.mode})"
                raise FaultyData(file=path, problem=problem, remedy="save it with 8 bits")
            return np.asarray(image.convert("RGB"))
    except UnidentifiedImageError:
        raise FaultyData(file=path, problem="not a JPEG, BMP or PNG image", remedy=_COPY_AGAIN) from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ) as error:  # all that Pillow's decoders raise
        raise FaultyData(file=path, problem=f"damaged image ({error})", remedy=_COPY_AGAIN) from None


def resize(pixels: Shaped[np.ndarray, "h w 3"], size: int) -> Shaped[np.ndarray, "{size} {size} 3"]:
    """Pixels at `size` x `size`: by area when that is smaller, else bilinear."""
    smaller = size < min(pixels.shape[:2])
    return cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)


def read_clip_frame(clip: Clip, number: int, size: int | None = None) -> Float[Tensor, "3 h w"]:
    """The frame of a clip with this number: from its aligned frames if it has them, else from its file.

    Raises:
        DataError: as `read_pixels`.
    """
    place = clip.frame_numbers.index(number)
    if clip.aligned is None:
        return read_frame(clip.frames[place], size)
    return to_frame(np.array(np.load(clip.aligned, mmap_mode="r")[place]), size)


def frame_size(path: Path) -> tuple[int, int]:
    """Width and height by the file's header alone; its end is looked at too, to notice a file that was cut off.

    Raises:
        DataError: as `read_frame`, except for damage between header and end.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        with file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - _TAIL))
            tail = file.read()
            file.seek(0)
            _check(path, file.read(64), tail, length)
            file.seek(0)
            with Image.open(file, formats=_FORMATS) as image:
                return image.size
    except UnidentifiedImageError:
        raise FaultyData(file=path, problem="not a JPEG, BMP or PNG image", remedy=_COPY_AGAIN) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FaultyData(file=path, problem=f"damaged image ({error})", remedy=_COPY_AGAIN) from None


def _unreadable(path: Path, error: OSError) -> FaultyData:
    if isinstance(error, FileNotFoundError):
        return FaultyData(file=path, problem="no such file", remedy="check its name")
    if path.is_dir():
        return FaultyData(file=path, problem="a folder where an image should be", remedy="give one of its files")
    return FaultyData(file=path, problem=f"cannot be read ({error.strerror})", remedy=_COPY_AGAIN)


def _check(path: Path, head: bytes, tail: bytes, length: int) -> None:
    """Refuse a file that is empty or ends before its image does."""
    if length == 0:
        raise FaultyData(file=path, problem="empty file (0 bytes)", remedy=_COPY_AGAIN)
    cut_off = (
        (head.startswith(b"\xff\xd8") and b"\xff\xd9" not in tail)
        or (head.startswith(b"\x89PNG") and b"IEND" not in tail)
        or (head.startswith(b"BM") and length < int.from_bytes(head[2:6], "little"))
    )
    if cut_off:
        raise FaultyData(file=path, problem=f"truncated image ({length} bytes)", remedy=_COPY_AGAIN)


def load_onset_apex(clips: Sequence[Clip], size: int) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, "n 3 s s"]]:
    """Onset and apex of every clip, RGB in [0, 1], `size` x `size`, read by threads.

    Raises:
        DataError: a clip has no apex, a frame is damaged, or the two frames of a clip differ in size.
    """
    onset = torch.empty(len(clips), 3, size, size)
    apex = torch.empty_like(onset)

    def load(index: int) -> None:
        clip = clips[index]
        before, after = frame_size(clip.onset_path), frame_size(clip.apex_path)
        if before != after:
            problem = f"{before[0]}x{before[1]} pixels, but the apex frame {clip.apex_path.name} {after[0]}x{after[1]}"
            raise FaultyData(file=clip.onset_path, problem=problem, remedy="crop all frames of a clip alike")
        onset[index] = read_clip_frame(clip, clip.onset, size)
        apex[index] = read_clip_frame(clip, clip.apex_number, size)

    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(load, range(len(clips))), total=len(clips), desc="frames", unit="clip", disable=None):
            pass
    return onset, apex
