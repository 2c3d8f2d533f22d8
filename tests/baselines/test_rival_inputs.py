import numpy as np
import pytest
import torch

from data import trees
from selfme_lib.baselines import inputs
from selfme_lib.baselines.bi_woof import bi_woof
from selfme_lib.baselines.settings import TCAEConfig
from selfme_lib.baselines.tcae import TCAE
from selfme_lib.data import load_clips, read_frame


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return load_clips("casme2", trees.casme2(tmp_path_factory.mktemp("casme2")))


def test_strain_of_a_known_flow_and_pixels_of_the_new_size():
    y, x = torch.meshgrid(torch.arange(57.0), torch.arange(57.0), indexing="ij")
    motion = torch.stack([0.1 * x, 0.2 * y])[None]  # stretched by .1 along x and .2 along y
    seen = inputs.flow_inputs(motion, 29, strain=True)
    assert seen.shape == (1, 3, 29, 29)
    torch.testing.assert_close(seen[:, 2, 2:-2, 2:-2], torch.full((1, 25, 25), (0.01 + 0.04) ** 0.5))
    inside = slice(3, -3)
    expected = 0.1 * torch.arange(29.0)[inside]
    torch.testing.assert_close(seen[0, 0, 14, inside], expected, atol=1e-3, rtol=1e-3)
    assert inputs.flow_inputs(motion, 29, strain=False).shape == (1, 2, 29, 29)


def test_shear_counts_half_and_a_turn_of_the_head_not_at_all():
    y, x = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    shear, turn = torch.stack([0.2 * y, 0 * x])[None], torch.stack([-0.2 * y, 0.2 * x])[None]
    assert inputs.flow_inputs(shear, 32, strain=True)[0, 2].mean() == pytest.approx(0.2 / 2**0.5)
    assert inputs.flow_inputs(turn, 32, strain=True)[0, 2].abs().max() < 1e-5


def test_moments_are_evenly_spaced_from_onset_to_offset(clips):
    clip = max(clips, key=lambda clip: len(clip.frames))
    chosen = inputs.moments(clip, 5)
    within = [at for at in clip.frame_numbers if clip.onset <= at <= clip.offset]
    assert (chosen[0], chosen[-1], len(chosen)) == (within[0], within[-1], 5)
    places = [within.index(number) for number in chosen]
    assert np.ptp(np.diff(places)) <= 1
    assert len(inputs.moments(clip, 100)) == 100  # of a short clip some come twice


def test_descriptors_and_frames_have_one_row_a_clip(clips):
    apex = inputs.apex_inputs(clips, 24)
    assert apex.shape == (len(clips), 3, 24, 24)
    assert torch.equal(apex[1], read_frame(clips[1].apex_path, 24))
    textures = inputs.lbp_top_inputs(clips, size=24, frames=4, blocks=2)
    assert textures.shape == (len(clips), 3 * 4 * 16, 1, 1)
    flow = torch.rand(2, 3, 16, 16)
    descriptors = inputs.bi_woof_inputs(flow, blocks=2, bins=4)
    assert torch.equal(descriptors.flatten(1), bi_woof(flow, blocks=2, bins=4))


def test_action_vectors_do_not_depend_on_the_batch(clips):
    model = TCAE(TCAEConfig(size=32, width=1 / 16)).eval()
    together, apart = inputs.action_vectors(model, clips), inputs.action_vectors(model, clips, batch=2)
    assert together.shape == (len(clips), 32, 1, 1)
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)
