import importlib.util

import cv2
import pytest
import torch

from selfme_lib import flow
from selfme_lib.flow import CLASSICAL, _closed_form, lucas_kanade
from selfme_lib.grids import end_point_error, gaussian_blur, identity_grid, warp
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


@pytest.mark.parametrize("name", ["tvl1_fast", "farneback", "dis"])
def test_pairs_beside_each_other_have_the_flows_that_each_has_alone(name, textured_pair):
    onset, apex, _ = textured_pair
    onsets, apexes = (torch.cat([frame.roll(shift, -1) for shift in range(0, 40, 8)]) for frame in (onset, apex))
    together = CLASSICAL[name](onsets, apexes)
    alone = [CLASSICAL[name](*pair) for pair in zip(onsets.split(1), apexes.split(1))]
    assert torch.equal(together, torch.cat(alone)) and not torch.equal(together[0], together[1])


def smooth(size=64, sigma=3.0):
    """Coloured noise without fine detail, of full contrast."""
    noise = gaussian_blur(torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(7)), sigma)
    return (0.5 + 0.2 * (noise - noise.mean()) / noise.std()).clamp(0, 1)


def test_lucas_and_kanades_solution_is_that_of_least_squares():
    """At a place, the closed form is what `lstsq` finds for the weighted equations of all pixels in the window."""
    source, target = smooth()[:, :1], smooth(sigma=3.2)[:, :1]
    found = _closed_form(source, target, 2.0, 0.0)[0, :, 30, 33]
    mean = ((source + target) / 2)[0, 0].double()
    gradient = torch.stack(torch.gradient(mean)[::-1])  # (2, h, w), x first
    at = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    at[..., 30, 33] = 1
    weight = gaussian_blur(at, 2.0)[0, 0].sqrt()
    left = (weight * gradient).flatten(1).T
    right = -(weight * (source - target)[0, 0]).flatten()[:, None]
    torch.testing.assert_close(found.double(), torch.linalg.lstsq(left, right).solution[:, 0], rtol=1e-3, atol=1e-4)


def waves(x, y, size=64):
    """A texture that is known between pixels, seen from (x, y)."""
    random = torch.Generator().manual_seed(1)
    place = identity_grid(size, size) + torch.tensor([x, y])[:, None, None]
    wave = torch.randn(12, 2, generator=random) / 4  # radians a pixel
    phase = 6.3 * torch.rand(12, 1, 1, generator=random)
    return 0.5 + 0.05 * torch.sin(torch.einsum("kc,chw->khw", wave, place) + phase).sum(0).expand(1, 3, size, size)


def test_lucas_and_kanades_closed_form_is_exact_up_to_second_order():
    """The mean of both frames' gradients leaves an error of third order in a shift, besides what central differences shorten."""

    def relative_error(shift):
        onset, apex = waves(-shift / 2, shift / 4), waves(shift / 2, -shift / 4)
        wanted = torch.tensor([shift, -shift / 2]).view(1, 2, 1, 1).expand(1, 2, 64, 64)
        return end_point_error(_closed_form(onset, apex, 4.0, 0.0), wanted)[..., 12:-12, 12:-12].mean().item() / shift

    shortened = relative_error(0.05)
    assert shortened < 0.05
    assert relative_error(0.8) - shortened == pytest.approx(4 * (relative_error(0.4) - shortened), rel=0.1)


@pytest.mark.parametrize("shift", [0.3, 1.0, 2.5])
def test_lucas_and_kanade_find_a_shift(shift):
    wanted = torch.tensor([shift, -shift / 2]).view(1, 2, 1, 1).expand(1, 2, 64, 64)
    found = lucas_kanade(window=3.0, ridge=0.0, coarsest=32, contrast=(2.0, 5.0), smoothing=2.5)(
        waves(0, 0), waves(shift, -shift / 2)
    )
    assert end_point_error(found, wanted)[..., 12:-12, 12:-12].mean() < 0.03


def test_lucas_and_kanade_keep_still_what_has_no_texture():
    wall = torch.full((1, 3, 32, 32), 0.5)
    assert lucas_kanade()(wall, wall + 0.1).abs().max() < 1e-4


@pytest.mark.parametrize("name", [name for name in CLASSICAL if name.endswith("_tuned")])
def test_tuned_settings_are_taken_and_change_something(name, textured_pair):
    onset, apex, _ = textured_pair
    assert not torch.equal(CLASSICAL[name](onset, apex), CLASSICAL[name.removesuffix("_tuned")](onset, apex))


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
    for name in ("tvl1", "tvl1_fast", "tvl1_tuned"):
        with pytest.raises(UsageError, match=rf"this cv2 \(opencv-contrib-python-headless\) has no TV-L1; {remedy}"):
            module.CLASSICAL[name](frames, frames)


@pytest.mark.parametrize("size", [(16, 16), (24, 24), (32, 48), (96, 64)])
def test_tuned_patches_fit_into_small_frames(size):
    frame = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    assert CLASSICAL["dis_tuned"](frame, frame).shape == (1, 2, *size)
