"""Classical optical flow behind one call: `method(onset, apex) -> backward flow`.

OpenCV's methods find where the pixels of their first image lie in the second. A backward flow lives on the apex and points
into the onset, so they are called as (apex, onset).
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Frames = Float[Tensor, "b 3 h w"]
Flow = Float[Tensor, "b 2 h w"]
FlowMethod = Callable[[Frames, Frames], Flow]

_NO_GUESS = np.empty(0, np.float32)  # where OpenCV takes a flow to start from


def _grey_bytes(images: Frames) -> list[np.ndarray]:
    rgb = (images.detach().cpu().permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb]


def _each_pair(method: cv2.DenseOpticalFlow, onset: Frames, apex: Frames) -> Flow:
    flows = [method.calc(a, o, _NO_GUESS) for o, a in zip(_grey_bytes(onset), _grey_bytes(apex))]  # (h, w, 2) each
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous().to(onset.device)


def zero(onset: Frames, apex: Frames) -> Flow:
    """No motion at all: the yardstick."""
    return onset.new_zeros(len(onset), 2, *onset.shape[-2:])


def tvl1(onset: Frames, apex: Frames) -> Flow:
    """TV-L1 (Zach et al. 2007) with OpenCV's default settings, the input of most rivals in the paper's Table 2."""
    return _each_pair(cv2.optflow.DualTVL1OpticalFlow.create(), onset, apex)


def tvl1_fast(onset: Frames, apex: Frames) -> Flow:
    """TV-L1 with 2 warps, 5 outer and 20 inner iterations: about four times as fast."""
    method = cv2.optflow.DualTVL1OpticalFlow.create(
        warps=2, innnerIterations=20, outerIterations=5
    )  # OpenCV's spelling
    return _each_pair(method, onset, apex)


def farneback(onset: Frames, apex: Frames) -> Flow:
    """Farneback (2003), polynomial expansion, with the settings of OpenCV's documentation."""
    method = cv2.FarnebackOpticalFlow.create(
        numLevels=3, pyrScale=0.5, winSize=15, numIters=3, polyN=5, polySigma=1.2, flags=0
    )
    return _each_pair(method, onset, apex)


def dis(onset: Frames, apex: Frames) -> Flow:
    """Dense inverse search (Kroeger et al. 2016), medium preset."""
    return _each_pair(cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM), onset, apex)


CLASSICAL: dict[str, FlowMethod] = {
    "zero": zero,
    "tvl1": tvl1,
    "tvl1_fast": tvl1_fast,
    "farneback": farneback,
    "dis": dis,
}
