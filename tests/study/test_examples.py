"""People who sit for examples."""

import pytest
import torch

from selfme_lib.grids import warp
from selfme_lib.study.examples import EXAMPLES, Sitter

SIZE = 64


@pytest.fixture(scope="module")
def sitter():
    return Sitter(EXAMPLES["a smile"][0], SIZE)


def test_a_micro_expression_moves_the_skin_as_far_as_asked(sitter):
    flow = sitter.motion(sitter.scaled({6: 0.8, 12: 1.0}, 1.0))
    assert flow.norm(dim=0).max().item() == pytest.approx(1.0, abs=0.1)
    assert flow[1, SIZE // 2 :].mean() > 0, "the corners of the mouth go up, so the flow points down"


def test_the_true_motion_leads_from_the_expression_back_to_rest(sitter):
    smile = {6: 0.8, 12: 1.0}
    rest, grin, flow = sitter.photograph(), sitter.photograph(smile), sitter.motion(smile)
    assert rest.shape == (3, SIZE, SIZE) and rest.min() >= 0 and rest.max() <= 1
    left = (warp(rest[None], flow[None])[0] - grin).abs().mean()
    assert left < 0.5 * (rest - grin).abs().mean()


def test_from_farther_away_the_head_is_smaller_and_the_next_picture_as_before(sitter):
    near = sitter.photograph()
    sitter.photograph(zoom=0.5)
    assert torch.equal(sitter.photograph(), near)
    half = torch.nn.functional.avg_pool2d(near, 2)
    inner = sitter.photograph(zoom=0.5)[:, SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4]
    assert torch.corrcoef(torch.stack([half.flatten(), inner.flatten()]))[0, 1] > 0.9
