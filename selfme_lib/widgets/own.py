"""The reader's own pictures, video or camera, aligned: faces found, turned upright, cropped as the clips of the data sets are."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from selfme_lib.data.alignment import crop_face, find_alignment
from selfme_lib.data.images import MOST_PIXELS, read_pixels
from selfme_lib.data.video import read_video
from selfme_lib.runtime.errors import DataError

from .moving import MOST_FRAMES, Take

SIZE = 192  # px of the crop
LOOKED_AT = 12  # frames in which the face is sought; their median counts

Pictures = Sequence[UInt8[np.ndarray, "_ _ 3"]]


def take_of_bytes(content: Sequence[bytes]) -> Take:
    """A take from encoded pictures, as a browser sends them.

    Raises:
        DataError: as `take_of`, or one of them is no picture.
    """
    pictures = []
    for number, data in enumerate(content):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
        if pixels is None or pixels.shape[0] * pixels.shape[1] > MOST_PIXELS:
            raise DataError(f"picture {number + 1}: not a picture that can be read; save it as PNG or JPEG")
        pictures.append(np.ascontiguousarray(pixels[..., ::-1]))
    return take_of(pictures)


def take_of_files(paths: Sequence[Path | str]) -> Take:
    """A take from a video, or from two pictures or more in this order, the onset first.

    Raises:
        DataError: as `take_of`, or a file cannot be read.
    """
    files = [Path(path) for path in paths]
    if len(files) == 1:
        return take_of(list(read_video(files[0], lambda count: list(range(min(count, MOST_FRAMES))))))
    return take_of([read_pixels(path) for path in files])


def take_of(pictures: Pictures) -> Take:
    """A take from frames of a recording: all are cropped alike, so that no jitter is added to the motion.

    Raises:
        DataError: fewer than two pictures, more than `MOST_FRAMES`, of several sizes, or without a face.
    """
    if not 2 <= len(pictures) <= MOST_FRAMES:
        raise DataError(f"{len(pictures)} pictures: expected 2 to {MOST_FRAMES}, the onset first")
    first, *others = (picture.shape[:2] for picture in pictures)
    if odd := [place for place, shape in enumerate(others, 2) if shape != first]:
        raise DataError(f"picture {odd[0]}: another size than the first; take all pictures with one camera setting")
    chosen = np.unique(np.linspace(0, len(pictures) - 1, LOOKED_AT).round().astype(int))
    found = find_alignment(pictures[place] for place in chosen)
    if found is None:
        raise DataError(f"no face in {len(chosen)} of the pictures that were searched; show one face, upright and lit")
    frames = np.stack([crop_face(picture, found.matrix, SIZE) for picture in pictures])
    return Take(frames=frames, about=found.doubt, apex=1 if len(frames) == 2 else None)
