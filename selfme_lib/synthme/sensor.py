"""The camera: from a noiseless picture to a file's pixels, by defocus, shot and read-out noise, eight bits, and JPEG."""

import cv2
import numpy as np


def expose(picture: np.ndarray, generator: np.random.Generator, *, noise: float, blur: float = 0.0) -> np.ndarray:
    """Defocus, noise and quantisation: encoded RGB (h, w, 3) in [0, 1] -> uint8.

    `noise` is the standard deviation of a mid-grey pixel (darker ones have less, brighter ones more), `blur` that of the defocus
    in pixels.
    """
    if blur > 0:
        picture = cv2.GaussianBlur(picture, (0, 0), blur)
    spread = noise * np.sqrt(0.3 + 1.4 * picture)
    noisy = picture + spread * generator.standard_normal(picture.shape, dtype=np.float32)
    return np.clip(noisy * 255 + 0.5, 0, 255).astype(np.uint8)


def encode(picture: np.ndarray, suffix: str, quality: int = 95, *, grey: bool = False) -> bytes:
    """RGB uint8 -> the bytes of a `.bmp` file, or of a `.jpg` of some quality; if `grey`, with luminance as its one channel."""
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) if grey else picture[..., ::-1]
    return cv2.imencode(suffix, pixels, [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == ".jpg" else [])[1].tobytes()


def decode(data: bytes) -> np.ndarray:
    """The bytes of a picture file -> RGB uint8."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "not a picture file"
    return picture[..., ::-1]


def through_jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    """RGB uint8 -> RGB uint8 with the traces of JPEG compression."""
    return decode(encode(picture, ".jpg", quality))
