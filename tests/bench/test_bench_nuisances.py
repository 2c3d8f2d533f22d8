from dataclasses import replace

import numpy as np
import pytest
import torch

from known_motion import bump
from selfme_lib.bench.nuisances import ON_FRAMES
from selfme_lib.bench.pairs import Pairs
from selfme_lib.grids import gaussian_blur, identity_grid, warp

SIZE = 64


@pytest.fixture
def pairs():
    """Three clips, smooth enough to be resampled; apex(u) = onset(u + truth(u))."""
    onset = (0.5 + 6 * (gaussian_blur(torch.rand(3, 3, SIZE, SIZE), 3.0) - 0.5)).clamp(0.1, 0.9)
    truth = bump(SIZE, 0.4, 0.6, 0.8, -1.2).repeat(3, 1, 1, 1)
    return Pairs(("01/a", "01/b", "02/a"), onset, warp(onset, truth), truth, truth / 2, truth)


def inner(values):
    return values[..., 8:-8, 8:-8]


@pytest.mark.parametrize("name", ON_FRAMES)
def test_a_nuisance_depends_on_the_clip_and_not_on_the_batch(name, pairs):
    whole = ON_FRAMES[name](pairs)
    again = ON_FRAMES[name](pairs)
    alone = ON_FRAMES[name](
        Pairs(pairs.keys[1:2], *(getattr(pairs, f)[1:2] for f in ("onset", "apex", "truth", "action", "moving")))
    )
    for field in ("onset", "apex", "truth", "action", "moving"):
        assert torch.equal(getattr(whole, field), getattr(again, field))
        torch.testing.assert_close(getattr(whole, field)[1:2], getattr(alone, field), rtol=0, atol=1e-6)
    assert not torch.equal(whole.apex, pairs.apex)
    assert whole.apex.min() >= 0 and whole.apex.max() <= 1
    if name in ("light", "noise", "drift"):
        same = replace(pairs, **{f: getattr(pairs, f)[:1].repeat(3, 1, 1, 1) for f in ("onset", "apex")})
        apexes = ON_FRAMES[name](same).apex
        assert not torch.allclose(apexes[0], apexes[1], atol=1e-3)


@pytest.mark.parametrize("name", ["light", "noise", "jpeg", "grey"])
def test_light_noise_compression_and_grey_leave_the_truth_alone(name, pairs):
    changed = ON_FRAMES[name](pairs)
    for field in ("truth", "action", "moving"):
        assert torch.equal(getattr(changed, field), getattr(pairs, field))
    assert torch.equal(changed.onset, pairs.onset) == (name == "light")


def test_grey_leaves_grey_alone(pairs):
    grey = replace(pairs, onset=pairs.onset[:, :1].repeat(1, 3, 1, 1), apex=pairs.apex[:, :1].repeat(1, 3, 1, 1))
    changed = ON_FRAMES["grey"](grey)
    torch.testing.assert_close(changed.onset, grey.onset)
    torch.testing.assert_close(changed.apex, grey.apex)
    coloured = ON_FRAMES["grey"](pairs).apex
    assert torch.equal(coloured[:, 0], coloured[:, 2]) and not torch.equal(pairs.apex[:, 0], pairs.apex[:, 2])


def test_noise_has_its_nominal_strength(pairs):
    flat = torch.full_like(pairs.onset, 0.5)
    difference = ON_FRAMES["noise"](replace(pairs, onset=flat, apex=flat)).onset - flat
    assert difference.std().item() == pytest.approx(0.02, rel=0.05)


def test_the_truth_of_a_drifted_pair_explains_its_frames(pairs):
    """The picture is the oracle: warping the onset by the new truth must give the new apex."""
    drifted = ON_FRAMES["drift"](pairs)
    explained = inner(warp(drifted.onset, drifted.truth) - drifted.apex).abs().mean()
    old_truth = inner(warp(drifted.onset, pairs.truth) - drifted.apex).abs().mean()
    assert explained < 0.004 < 0.5 * old_truth


def test_drift_composes_as_affine_maps_do():
    """For an affine truth the composition is a product of matrices."""
    place = identity_grid(SIZE, SIZE)
    homogeneous = torch.cat([place, torch.ones(1, SIZE, SIZE)])
    matrix = torch.tensor([[0.03, -0.02, 0.4], [0.01, -0.02, -0.7]])
    truth = torch.einsum("ij,jhw->ihw", matrix, homogeneous)[None]
    frames = torch.rand(1, 3, SIZE, SIZE)
    still = Pairs(("01/a",), frames, frames, torch.zeros_like(truth), torch.zeros_like(truth), torch.zeros_like(truth))
    drift = ON_FRAMES["drift"](still).truth[0]  # the similarity alone
    moving = ON_FRAMES["drift"](replace(still, truth=truth, moving=truth, action=truth))
    there = place + drift
    expected = drift + torch.einsum("ij,jhw->ihw", matrix, torch.cat([there, torch.ones(1, SIZE, SIZE)]))
    torch.testing.assert_close(inner(moving.truth[0]), inner(expected), rtol=0, atol=1e-4)
    torch.testing.assert_close(inner(moving.action[0]), inner(expected - drift), rtol=0, atol=1e-4)
    torch.testing.assert_close(moving.moving, moving.action)
    jacobian = np.array([[float(drift[i].diff(dim=1 - j).mean()) for j in range(2)] for i in range(2)])
    assert jacobian[0, 0] == pytest.approx(jacobian[1, 1], abs=1e-4), "a similarity: the same zoom in x and y"
    assert jacobian[0, 1] == pytest.approx(-jacobian[1, 0], abs=1e-4)
    assert 0 < drift.norm(dim=0).max() < 2
