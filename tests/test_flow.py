import importlib.util

import cv2
import pytest
import torch

from selfme_lib import flow
from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import end_point_error, warp
from selfme_lib.runtime.errors import UsageError


@pytest.fixture(scope="module")
def textured_pair():
    """An apex that is the onset looked at 1.2 px to the right and 0.6 px up: the backward flow is (1.2, -0.6)."""
    noise = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(3))
    onset = torch.nn.functional.interpolate(noise, size=(96, 96), mode="bicubic").clamp(0, 1).expand(1, 3, 96, 96)
    flow = torch.tensor([1.2, -0.6]).view(1, 2, 1, 1).expand(1, 2, 96, 96)
    return onset.contiguous(), warp(onset, flow), flow


@pytest.mark.parametrize("name", [name for name in CLASSICAL if name != "zero"])
def test_flow_is_backward_x_first_and_in_pixels(name, textured_pair):
    onset, apex, flow = textured_pair
    error = end_point_error(CLASSICAL[name](onset, apex), flow)[..., 12:-12, 12:-12]
    assert error.mean() < 0.15


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_method_takes_a_batch(name):
    onset = torch.rand(2, 3, 64, 64)
    result = CLASSICAL[name](onset, onset)
    assert result.shape == (2, 2, 64, 64)
    assert result.abs().max() < 0.05


def test_another_cv2_wheel_is_named(monkeypatch):
    """`optflow` is missing from it: everything but TV-L1 works, and TV-L1 says which wheel to install."""
    monkeypatch.delattr(cv2, "optflow")
    place = importlib.util.spec_from_file_location("flow_with_another_wheel", flow.__file__)
    module = importlib.util.module_from_spec(place)
    place.loader.exec_module(module)
    frames = torch.rand(1, 3, 32, 32)
    assert module.CLASSICAL["farneback"](frames, frames).shape == (1, 2, 32, 32)
    remedy = r"pip uninstall -y opencv-contrib-python-headless; pip install opencv-contrib-python-headless"
    for name in ("tvl1", "tvl1_fast"):
        with pytest.raises(UsageError, match=rf"this cv2 \(opencv-contrib-python-headless\) has no TV-L1; {remedy}"):
            module.CLASSICAL[name](frames, frames)
