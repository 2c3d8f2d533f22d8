r"""Linear Eulerian video magnification (Wu et al., SIGGRAPH 2012), the yardstick of `selfme amplify`.

No motion is computed. Each pixel of a spatial low-pass level of a pyramid is filtered over time, and what lies in a band $B$ is
multiplied and added back:

$$\hat x_t = x_t + (\gamma - 1)\, \uparrow\! B(\downarrow\! x)_t.$$

A profile that moves by $\delta(t)$ changes by $\delta\, f'(u)$, so to first order $\hat x(u) = f(u + \gamma\,\delta)$. That holds
for $\gamma\,\delta$ small against the wavelengths that the level keeps (the paper's bound: an eighth). Noise grows by γ, too.
"""

import cv2
import numpy as np
from jaxtyping import Float
from scipy import signal

from selfme_lib.runtime.errors import UsageError


def amplify_linear(
    frames: Float[np.ndarray, "t h w c"], fps: float, *, gamma: float, band: tuple[float, float], level: int = 2
) -> Float[np.ndarray, "t h w c"]:
    """Magnify the changes of a video.

    Args:
        frames: in [0, 1].
        fps: frames per second.
        gamma: factor on motion; the paper's α is γ - 1.
        band: in Hz; a lower end of 0 keeps everything below the upper one, less the first frame.
        level: of the pyramid whose changes are magnified; each halves the sides.

    Returns:
        Frames in [0, 1].

    Raises:
        UsageError: not 0 <= low < high < fps / 2.
    """
    low, high = band
    if not 0 <= low < high < fps / 2:
        raise UsageError(f"band {low:g} {high:g}: expected 0 <= low < high < {fps / 2:g} Hz")
    small = np.stack([_down(frame, level) for frame in frames.astype(np.float32)])
    edges, kind = (high, "lowpass") if low == 0 else ((low, high), "bandpass")
    sections = signal.butter(1, edges, kind, fs=fps, output="sos")
    changes = signal.sosfilt(sections, small - small[:1], axis=0).astype(np.float32)
    size = (frames.shape[2], frames.shape[1])
    return np.stack([np.clip(frame + (gamma - 1) * _up(change, size), 0, 1) for frame, change in zip(frames, changes)])


def _down(frame: np.ndarray, level: int) -> np.ndarray:
    for _ in range(level):
        frame = cv2.pyrDown(frame)
    return frame


def _up(change: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    sizes = [size]
    while sizes[-1][0] > change.shape[1]:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    for wanted in reversed(sizes[:-1]):
        change = cv2.pyrUp(change, dstsize=wanted)
    return change.reshape(size[1], size[0], -1)
