r"""The camera of the other world: a telephone with one sensor behind a mosaic of colours, where home has three clean channels.

In the order of a picture's way to the file, with the reason for each:

    lens        vignetting: a small lens darkens the corners (cos^4 law)
    lamps       LEDs on mains power flicker at twice its frequency; a shutter that rolls down the picture turns that into bands,
                which creep because no mains runs at exactly 50 Hz
    sensor      electrons are counted: Poisson noise, read-out noise in electrons, noise of whole rows, and pixels and columns
                whose gain differs, the same in every picture of this camera (EMVA standard 1288 has these terms)
    mosaic      each pixel measures one of three colours (Bayer, US patent 3971065); the others are guessed from its neighbours,
                so noise is correlated from pixel to pixel and edges get coloured fringes
    denoising   colour is blurred and small detail is cored away: skin looks smeared, and noise comes in blobs
    tone        an S-shaped curve, and a colour of the light that was not quite balanced
    sharpening  an unsharp mask with halos along edges
    codec       WebP, that is VP8's intra frames: predicted blocks, a loop filter, colour at half the resolution

The JPEG of the layout's files comes after that. Nothing here moves a pixel, so the truth stays exact.
"""

from functools import lru_cache

import cv2
import numpy as np

from .sensor import decode

STREAM = 31
SENSOR_NOISE = 0.008  # of the home world, at which `electrons` are those below
FULL_WELL = 1500.0  # electrons at white, at that noise: a telephone's pixel indoors
READ_NOISE, ROW_NOISE = 4.0, 0.0012  # electrons; share of white
PIXEL_GAIN, COLUMN_GAIN = 0.008, 0.002  # standard deviations of the fixed pattern
BLACK, WHITE = 1024, 65535  # of the raw picture in 16 bits
VIGNETTE = 0.35  # at the corners
FLICKER, BANDS, CREEP = 0.014, 1.4, 0.13  # amplitude; periods in a picture; periods from frame to frame
CHROMA_BLUR, DETAIL = 1.6, 0.8  # pixels
CORE = 0.9  # detail below this many standard deviations of the noise is taken for noise
CONTRAST = 0.30
SHARPENING, HALO = 0.9, 0.07  # strength; largest overshoot
QUALITY = (68, 84)  # of WebP


@lru_cache(maxsize=4)
def _pattern(height: int, width: int) -> np.ndarray:
    """The gain of each pixel of the camera: (h, w)."""
    generator = np.random.default_rng((STREAM, height, width))
    pixels = generator.normal(0, PIXEL_GAIN, (height, width))
    return (1 + pixels + generator.normal(0, COLUMN_GAIN, width)).astype(np.float32)


def expose(
    picture: np.ndarray, seed: tuple[int, ...], frame: int, *, gamma: float, noise: float = SENSOR_NOISE
) -> np.ndarray:
    """A frame as the telephone stores it: encoded RGB (h, w, 3) in [0, 1] -> uint8.

    Args:
        picture: noiseless.
        seed: of the clip; a frame's noise depends on it and on `frame` alone.
        frame: its number in the clip.
        gamma: with which the picture was encoded.
        noise: as `sensor.expose` takes it; twice as much needs a quarter of the light.
    """
    clip, generator = np.random.default_rng(seed), np.random.default_rng((*seed, frame))
    balance = np.array([1.0, 1.0, 1.0]) + clip.normal(0, 0.05, 3)
    phase, quality = clip.random(), int(clip.integers(QUALITY[0], QUALITY[1] + 1))
    linear = picture ** (1 / gamma) * balance.astype(np.float32)
    linear *= _shade(len(picture), picture.shape[1], phase + CREEP * frame)
    raw, spread = _counted(_mosaic(linear), generator, noise)
    colour = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB_EA).astype(np.float32)
    colour = np.clip((colour - BLACK) / (WHITE - BLACK), 0, 1)
    encoded = _toned(_denoised(colour**0.5, spread) ** 2)
    stored = np.clip(_sharpened(encoded) * 255 + 0.5, 0, 255).astype(np.uint8)
    done, data = cv2.imencode(".webp", stored[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert done, "OpenCV without WebP"
    return decode(data.tobytes())


def _shade(height: int, width: int, phase: float) -> np.ndarray:
    """What vignetting and flicker leave of the light: (h, w, 1)."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    bands = 1 + FLICKER * np.sin(2 * np.pi * (BANDS * y / 2 + phase))
    return ((1 - VIGNETTE * (x**2 + y**2) / 2) * bands)[..., None].astype(np.float32)


def _mosaic(colour: np.ndarray) -> np.ndarray:
    """Red, green; green, blue: the one channel (h, w) that each pixel measures."""
    measured = colour[..., 1].copy()
    measured[::2, ::2], measured[1::2, 1::2] = colour[::2, ::2, 0], colour[1::2, 1::2, 2]
    return measured


def _counted(light: np.ndarray, generator: np.random.Generator, noise: float) -> tuple[np.ndarray, float]:
    """Electrons as 16 bits (h, w), and the standard deviation of the square root of a mid-grey pixel."""
    well = FULL_WELL * (SENSOR_NOISE / max(noise, 1e-4)) ** 2
    electrons = generator.poisson(np.maximum(light * _pattern(*light.shape), 0) * well)
    electrons = electrons + generator.normal(0, READ_NOISE, light.shape)
    rows = generator.normal(0, ROW_NOISE, (len(light), 1))
    raw = BLACK + (electrons / well + rows) * (WHITE - BLACK)
    return np.clip(raw + 0.5, 0, WHITE).astype(np.uint16), 0.5 / np.sqrt(well)


def _denoised(picture: np.ndarray, spread: float) -> np.ndarray:
    """Colour blurred and detail cored, on square roots, where Poisson noise is equally strong everywhere."""
    luma = picture @ np.array([0.25, 0.5, 0.25], np.float32)
    chroma = cv2.GaussianBlur(picture - luma[..., None], (0, 0), CHROMA_BLUR)
    base = cv2.GaussianBlur(luma, (0, 0), DETAIL)
    detail = luma - base
    cored = np.sign(detail) * np.maximum(np.abs(detail) - CORE * spread, 0)
    return np.clip((base + cored)[..., None] + chroma, 0, 1)


def _toned(linear: np.ndarray) -> np.ndarray:
    """sRGB's curve (IEC 61966-2-1, as a power) and an S on top of it."""
    encoded = np.clip(linear, 0, 1) ** np.float32(1 / 2.2)
    return encoded + np.float32(CONTRAST) * (encoded * encoded * (3 - 2 * encoded) - encoded)


def _sharpened(encoded: np.ndarray) -> np.ndarray:
    luma = encoded @ np.array([0.3, 0.59, 0.11], np.float32)
    halo = np.clip(SHARPENING * (luma - cv2.GaussianBlur(luma, (0, 0), 1.1)), -HALO, HALO)
    return encoded + halo[..., None]
