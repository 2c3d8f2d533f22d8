import math

import pytest
import torch
from pydantic import ValidationError

from selfme_lib.baselines.bi_woof import bi_woof
from selfme_lib.baselines.settings import BiWOOFConfig


def uniform(angle, length=2.0, size=16, strain=1.0):
    flow = torch.tensor([length * math.cos(angle), length * math.sin(angle), strain])
    return flow[None, :, None, None].expand(1, 3, size, size).clone()


@pytest.mark.parametrize("sector", range(8))
def test_a_uniform_motion_votes_with_its_length_for_one_sector(sector):
    angle = (sector + 0.5) * math.pi / 4
    descriptor = bi_woof(uniform(angle), blocks=4, bins=8).view(16, 8)
    expected = torch.zeros(16, 8)
    expected[:, sector] = 2.0 / 16  # its length, shared by sixteen cells that stretch alike
    torch.testing.assert_close(descriptor, expected)


def test_cells_count_as_much_as_they_stretch():
    motion = uniform(0.1)
    motion[0, 2] = 0
    motion[0, 2, :8, 8:] = 3  # the upper right quarter alone
    descriptor = bi_woof(motion, blocks=2, bins=4).view(2, 2, 4)
    assert descriptor[0, 1, 0] == pytest.approx(2.0)
    assert descriptor.sum() == pytest.approx(2.0)


def test_nothing_moves_nothing_counts():
    assert bi_woof(torch.zeros(2, 3, 8, 8), blocks=2, bins=8).eq(0).all()


def test_just_below_zero_is_the_last_sector_not_beyond_it():
    descriptor = bi_woof(uniform(-1e-9), blocks=1, bins=8)
    assert descriptor.sum() == pytest.approx(2.0)


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValidationError, match="bins"):
        BiWOOFConfig(bins=1)
    with pytest.raises(ValidationError, match="129 blocks do not fit into 128 px"):
        BiWOOFConfig(blocks=129)
