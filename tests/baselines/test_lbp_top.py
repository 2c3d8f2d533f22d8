import numpy as np
import pytest
import torch
from pydantic import ValidationError

from selfme_lib.baselines.lbp_top import NEIGHBOURS, PATTERNS, lbp_top, patterns, three_planes
from selfme_lib.baselines.settings import LBPTOPConfig


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 200, (7, 24, 24), dtype=np.uint8)


def test_patterns_are_comparisons_with_the_four_neighbours():
    plane = np.random.default_rng(1).integers(0, 9, (6, 8)).astype(np.uint8)
    ones = sum((np.roll(plane, shift, axis) >= plane).astype(int)[1:-1, 1:-1] for axis in (0, 1) for shift in (-1, 1))
    counted = np.array([[bin(code).count("1") for code in row] for row in patterns(plane)])
    assert patterns(plane).shape == (4, 6)
    np.testing.assert_array_equal(counted, ones)


def test_a_constant_clip_has_one_pattern_everywhere():
    descriptor = lbp_top(np.full((5, 20, 20), 77, np.uint8), blocks=5).view(3, 25, PATTERNS)
    assert (descriptor[..., 2**NEIGHBOURS - 1] == 1).all()  # every neighbour is at least as bright
    assert descriptor.sum() == 3 * 25


def test_the_papers_descriptor_has_1200_numbers_and_every_histogram_sums_to_one(noise):
    descriptor = lbp_top(noise, blocks=5)
    assert descriptor.shape == (1200,)
    torch.testing.assert_close(descriptor.view(-1, PATTERNS).sum(1), torch.ones(75))


def test_light_does_not_matter(noise):
    assert torch.equal(lbp_top(noise, blocks=4), lbp_top(noise + 55, blocks=4))


def test_a_still_clip_has_equal_neighbours_in_time_and_a_moving_one_has_not(noise):
    still = np.repeat(noise[:1], 7, axis=0)
    moving = np.stack([np.roll(noise[0], step, axis=1) for step in range(7)])
    codes = three_planes(still)
    assert (codes == codes[:, :1]).all()  # the same at every moment
    in_time = codes[1] & codes[2]  # both planes have time as their first axis: two of four neighbours are always equal
    assert all(bin(code).count("1") >= 2 for code in np.unique(codes[1:]))
    assert in_time.any()
    descriptors = [lbp_top(clip, blocks=1).view(3, PATTERNS) for clip in (still, moving)]
    torch.testing.assert_close(descriptors[0][0], descriptors[1][0], atol=0.06, rtol=0)  # xy hardly changes
    assert (descriptors[0][1] - descriptors[1][1]).abs().max() > 0.1


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="frames"):
        LBPTOPConfig(frames=2)
    with pytest.raises(ValidationError, match="127 blocks do not fit"):
        LBPTOPConfig(blocks=127)
