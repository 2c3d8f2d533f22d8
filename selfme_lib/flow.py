"""Classical optical flow behind one call: `CLASSICAL[name](onset, apex)` is a backward flow."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch

from selfme_lib.grids import Flow, Frames
from selfme_lib.runtime.errors import UsageError

FlowMethod = Callable[[Frames, Frames], Flow]


def _opencv(create: Callable[[], cv2.DenseOpticalFlow]) -> FlowMethod:
    """A method of OpenCV's, which finds where the pixels of its first image lie in the second.

    A backward flow lives on the apex and points into the onset, so it is called as (apex, onset).
    """

    def method(onset: Frames, apex: Frames) -> Flow:
        no_guess = np.empty(0, np.float32)  # to start from
        flows = [create().calc(a, o, no_guess) for o, a in zip(_grey_bytes(onset), _grey_bytes(apex))]  # (h, w, 2) each
        return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous().to(onset.device)

    return method


def _grey_bytes(images: Frames) -> list[np.ndarray]:
    rgb = (images.detach().cpu().permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb]


def _tvl1(**settings: Any) -> Callable[[], Any]:
    """Creates TV-L1, which is one of OpenCV's contributed modules.

    Raises:
        UsageError: when called, if the installed `cv2` is another wheel, without them.
    """

    def create() -> Any:
        if not hasattr(cv2, "optflow"):
            wheels = sorted(set(importlib.metadata.packages_distributions().get("cv2", ["opencv"])))
            remedy = f"pip uninstall -y {' '.join(wheels)}; pip install opencv-contrib-python-headless"
            raise UsageError(f"this cv2 ({', '.join(wheels)}) has no TV-L1; {remedy}")
        return cv2.optflow.DualTVL1OpticalFlow.create(**settings)

    return create


CLASSICAL: dict[str, FlowMethod] = {
    "zero": lambda onset, apex: onset.new_zeros(len(onset), 2, *onset.shape[-2:]),
    "tvl1": _opencv(_tvl1()),
    "tvl1_fast": _opencv(_tvl1(warps=2, innnerIterations=20, outerIterations=5)),  # OpenCV's spelling
    "farneback": _opencv(
        lambda: cv2.FarnebackOpticalFlow.create(
            numLevels=3, pyrScale=0.5, winSize=15, numIters=3, polyN=5, polySigma=1.2, flags=0
        )
    ),
    "dis": _opencv(lambda: cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)),
}
"""
* `zero`: no motion at all, the yardstick.
* `tvl1`: TV-L1 (Zach et al. 2007) with OpenCV's default settings, the input of most rivals in the paper's Table 2.
* `tvl1_fast`: TV-L1 with 2 warps, 5 outer and 20 inner iterations: about four times as fast.
* `farneback`: Farneback (2003), polynomial expansion, with the settings of OpenCV's documentation.
* `dis`: dense inverse search (Kroeger et al. 2016), medium preset.
"""
