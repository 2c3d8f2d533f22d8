"""Classical optical flow behind one call: `method(onset, apex) -> backward flow`.

OpenCV's methods find, for the first image they are given, where its pixels lie in the second. A backward flow lives on
the apex and looks into the onset, so they are called as (apex, onset).
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

FlowMethod = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]], Float[Tensor, "b 2 h w"]]


def _grey_bytes(images: Float[Tensor, "b 3 h w"]) -> list[np.ndarray]:
    rgb = (images.detach().cpu().permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in rgb]


def _each_pair(calculate: Callable[[np.ndarray, np.ndarray], np.ndarray], onset: Tensor, apex: Tensor) -> Tensor:
    flows = [calculate(a, o) for o, a in zip(_grey_bytes(onset), _grey_bytes(apex))]  # (h, w, 2) each
    return torch.from_numpy(np.stack(flows)).permute(0, 3, 1, 2).contiguous().to(onset.device)


def zero(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """No motion at all: the yardstick."""
    return onset.new_zeros(len(onset), 2, *onset.shape[-2:])


def tvl1(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """TV-L1 (Zach et al. 2007) with OpenCV's default settings, the input of most rivals in the paper's Table 2."""
    return _each_pair(lambda a, o: cv2.optflow.DualTVL1OpticalFlow_create().calc(a, o, None), onset, apex)


def tvl1_fast(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """TV-L1 with 2 warps, 5 outer and 20 inner iterations: about four times as fast."""
    method = cv2.optflow.DualTVL1OpticalFlow_create(
        warps=2, innnerIterations=20, outerIterations=5
    )  # OpenCV's spelling
    return _each_pair(lambda a, o: method.calc(a, o, None), onset, apex)


def farneback(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Farneback (2003), polynomial expansion, with the settings of OpenCV's documentation."""
    return _each_pair(lambda a, o: cv2.calcOpticalFlowFarneback(a, o, None, 0.5, 3, 15, 3, 5, 1.2, 0), onset, apex)


def dis(onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Dense inverse search (Kroeger et al. 2016), medium preset."""
    method = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return _each_pair(lambda a, o: method.calc(a, o, None), onset, apex)


CLASSICAL: dict[str, FlowMethod] = {
    "zero": zero,
    "tvl1": tvl1,
    "tvl1_fast": tvl1_fast,
    "farneback": farneback,
    "dis": dis,
}
