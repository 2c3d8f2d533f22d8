r"""Classical optical flow behind one call: `CLASSICAL[name](onset, apex)` is a backward flow.

What others wrote is OpenCV's; Lucas and Kanade's is written here, because the project's own motion learner begins with it.
A rival deserves his best settings: `…_TUNED` were chosen by `bench.tuning` on people on whom nothing is evaluated.
"""

import importlib.metadata
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import torch

from selfme_lib.grids import (
    Flow,
    Frames,
    Images,
    gaussian_blur,
    gradient_products,
    local_contrast,
    resize_flow,
    resize_image,
    warp,
)
from selfme_lib.runtime.errors import UsageError

FlowMethod = Callable[[Frames, Frames], Flow]
Settings = dict[str, Any]


def lucas_kanade(
    *,
    window: float = 6.0,
    ridge: float = 0.03,
    coarsest: int = 64,
    warps: int = 3,
    contrast: tuple[float, ...] = (2.0,),
    presmoothing: float = 0.7,
    smoothing: float = 3.0,
) -> FlowMethod:
    r"""Lucas and Kanade's flow in closed form, at every pixel (An Iterative Image Registration Technique, IJCAI 1981).

    What $X_o$ and $X_a$ say of a pixel is taken to move by one $v$ in a Gaussian window $G$ around it, so $v$ minimises
    $G * |\nabla X^\top v + D|^2 + \lambda |v|^2$ and is known at once, from the structure tensor $G * \nabla X \nabla X^\top$:

    $$v = -\left(G * \nabla X \nabla X^\top + \lambda I\right)^{-1} \left(G * D\,\nabla X\right), \qquad
      D = X_o(u + \Phi(u)) - X_a(u).$$

    $v$ is added to $\Phi$, the onset is warped anew, and so on, from a coarse level of a pyramid to full size. $\nabla X$ is the
    gradient of the mean of both frames, averaged over the channels of $X$, as everything is.

    Args:
        window: standard deviation of $G$ in pixels of a level.
        ridge: $\lambda$, which keeps still what has no texture.
        coarsest: about how many pixels wide the coarsest level of the pyramid is; each has half the width of the one below it.
        warps: at each level.
        contrast: the channels of $X$: local contrast in a window of so many pixels each (`grids.local_contrast`).
        presmoothing: standard deviation in pixels of a Gaussian over $X$.
        smoothing: the same over $\Phi$ after each warp.
    """

    def features(frames: Frames) -> Images:
        return gaussian_blur(torch.cat([local_contrast(frames, sigma) for sigma in contrast], dim=1), presmoothing)

    @torch.no_grad()
    def method(onset: Frames, apex: Frames) -> Flow:
        height, width = onset.shape[-2:]
        both = features(torch.cat([onset, apex]))  # (2b, c, h, w)
        flow = onset.new_zeros(len(onset), 2, 2, 2)
        levels = 1 + max(0, round(math.log2(min(height, width) / coarsest)))
        for level in reversed(range(levels)):
            size = (height >> level, width >> level)
            source, target = resize_image(both, size).chunk(2)
            flow = resize_flow(flow, size)
            for _ in range(warps):
                step = _closed_form(warp(source, flow), target, window, ridge)
                flow = gaussian_blur(flow + step, smoothing)
        return flow

    return method


def _closed_form(source: Images, target: Images, window: float, ridge: float) -> Flow:
    products = gradient_products(source, target)[:, :5]
    xx, xy, yy, xt, yt = gaussian_blur(products, window).unbind(1)  # (b, h, w) each
    xx, yy = xx + ridge, yy + ridge
    return torch.stack([xy * yt - yy * xt, xy * xt - xx * yt], dim=1) / (xx * yy - xy * xy)[:, None]


def tvl1(**settings: Any) -> FlowMethod:
    """TV-L1 (Zach et al. 2007), by default with OpenCV's settings, whose names the arguments have.

    It is one of OpenCV's contributed modules.

    Raises:
        UsageError: when called, if the installed `cv2` is another wheel, without them.
    """

    def create(_: int) -> Any:
        if not hasattr(cv2, "optflow"):
            wheels = sorted(set(importlib.metadata.packages_distributions().get("cv2", ["opencv"])))
            remedy = f"pip uninstall -y {' '.join(wheels)}; pip install opencv-contrib-python-headless"
            raise UsageError(f"this cv2 ({', '.join(wheels)}) has no TV-L1; {remedy}")
        return cv2.optflow.DualTVL1OpticalFlow.create(**settings)

    return _opencv(create)


def farneback(**settings: Any) -> FlowMethod:
    """Farneback (2003), polynomial expansion, by default with the settings of OpenCV's documentation."""
    documented = dict(numLevels=3, pyrScale=0.5, winSize=15, numIters=3, polyN=5, polySigma=1.2, flags=0)
    return _opencv(lambda _: cv2.FarnebackOpticalFlow.create(**{**documented, **settings}))


def dis(**settings: Any) -> FlowMethod:
    """Dense inverse search (Kroeger et al. 2016): OpenCV's medium preset, changed by `settings` (`PatchSize=12`).

    A patch is at most a quarter of the frame wide: OpenCV refuses larger ones, or crashes.
    """

    def create(side: int) -> Any:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        fitting = {"PatchSize": min(settings["PatchSize"], max(4, side // 4))} if "PatchSize" in settings else {}
        for name, value in {**settings, **fitting}.items():
            getattr(search, f"set{name}")(value)
        return search

    return _opencv(create)


def _opencv(create: Callable[[int], cv2.DenseOpticalFlow]) -> FlowMethod:
    """A method of OpenCV's, which finds where the pixels of its first image lie in the second; made for the shorter side of both.

    A backward flow lives on the apex and points into the onset, so it is called as (apex, onset).
    """

    def method(onset: Frames, apex: Frames) -> Flow:
        no_guess = np.empty(0, np.float32)  # to start from
        side = min(onset.shape[-2:])
        pairs = zip(_grey_bytes(onset), _grey_bytes(apex))
        # a pair per thread, of as many as OpenCV may use: within a pair its threads mostly wait for one another
        with ThreadPoolExecutor(max(1, cv2.getNumThreads())) as pool:
            flows = list(pool.map(lambda pair: create(side).calc(pair[1], pair[0], no_guess), pairs))  # (h, w, 2) each
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous().to(onset.device)

    return method


def _grey_bytes(images: Frames) -> list[np.ndarray]:
    rgb = (images.detach().cpu().permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb]


TVL1_TUNED: Settings = {"lambda_": 0.05, "medianFiltering": 3}
FARNEBACK_TUNED: Settings = {"winSize": 23, "polySigma": 1.0, "numLevels": 1, "numIters": 1}
DIS_TUNED: Settings = {
    "FinestScale": 0, "PatchSize": 24, "PatchStride": 5, "GradientDescentIterations": 12,
    "VariationalRefinementAlpha": 10.0, "VariationalRefinementDelta": 2.5,
}  # fmt: skip

CLASSICAL: dict[str, FlowMethod] = {
    "zero": lambda onset, apex: onset.new_zeros(len(onset), 2, *onset.shape[-2:]),
    "tvl1": tvl1(),
    "tvl1_fast": tvl1(warps=2, innnerIterations=20, outerIterations=5),  # OpenCV's spelling
    "tvl1_tuned": tvl1(**TVL1_TUNED),
    "farneback": farneback(),
    "farneback_tuned": farneback(**FARNEBACK_TUNED),
    "dis": dis(),
    "dis_tuned": dis(**DIS_TUNED),
    "lucas_kanade": lucas_kanade(),
}
"""
* `zero`: no motion at all, the yardstick.
* `tvl1`: with OpenCV's default settings, the input of most rivals in the paper's Table 2.
* `tvl1_fast`: with 2 warps, 5 outer and 20 inner iterations: about four times as fast.
* `farneback`, `dis`: with the settings that their documentation recommends.
* `…_tuned`: with the settings above; those of `lucas_kanade` are its defaults.

On 48 pairs of 24 choice people at 128 px (`selfme bench tune`), EPE over the whole image and where the face moves, px: TV-L1
.460 and .455 by default, .293 and .454 tuned; Farneback .240 and .427, .227 and .403; DIS .346 and .405, .269 and .377;
Lucas-Kanade .204 and .409. The settings of the last three were found on faces before the last change of SynthME-2's difficulty;
a second search on those as they are now found nothing better.
"""
