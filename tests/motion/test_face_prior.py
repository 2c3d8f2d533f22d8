"""SelfME+: evidence of two frames weighed against what faces do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from selfme_lib.grids import brightness, identity_grid, resize_flow, warp
from selfme_lib.motion.face_prior import BLOCK, PIXELS, ROUNDS, SIDE, Evidence, FacePrior, FacePriorConfig
from selfme_lib.motion.face_prior_training import FacePriorTraining, _across_edges, _likelier, learn
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.runtime.errors import DataError

SMALL = FacePriorConfig(lattice=8, factors=2, width=4)


def textured(side, seed=0):
    """A picture with detail everywhere."""
    noise = torch.randn(1, 3, side // 3, side // 3, generator=torch.Generator().manual_seed(seed))
    picture = torch.nn.functional.interpolate(noise, (side, side), mode="bicubic", align_corners=True)
    return (0.5 + 0.15 * picture).clamp(0, 1)


def everything_moves(prior):
    """A prior of whole-frame shifts, with all weight on the head."""
    prior.basis.zero_()
    prior.basis[..., 0, 0] = prior.basis[..., 1, 1] = 1.0
    prior.stray.fill_(1e-6)
    torch.nn.init.zeros_(prior.head.out.weight)
    torch.nn.init.constant_(prior.head.out.bias, 20.0)
    return prior.eval()


def test_the_posterior_is_that_of_the_whole_gaussian():
    """Integrating out the strays keypoint by keypoint gives what one large linear system gives."""
    torch.manual_seed(0)
    prior = FacePrior(SMALL).double()
    prior.basis.normal_()
    prior.stray.uniform_(0.01, 0.2)
    root = torch.randn(1, 8, 8, 2, 2, dtype=torch.double)
    evidence = Evidence(root @ root.mT, torch.randn(1, 8, 8, 2, dtype=torch.double))
    found = prior.forward_posterior(evidence, rounds=1)
    motion = prior.shared_motion(found.mean) + prior.strays(evidence, prior.shared_motion(found.mean))
    basis = prior.basis.reshape(128, 2)
    covariance = basis @ basis.T + torch.diag(prior.stray.flatten().repeat_interleave(2))
    information = torch.block_diag(*evidence.information.flatten(0, 2))
    whole = torch.linalg.solve(torch.linalg.inv(covariance) + information, evidence.vector.flatten())
    assert torch.allclose(motion.flatten(), whole, atol=1e-8)


def test_factors_and_their_size_are_those_of_plain_algebra():
    """More factors than one block of the precision, pairs of different size of motion, all rounds."""
    prior = FacePrior(replace(SMALL, factors=BLOCK + 8)).double()
    prior.basis.normal_(0, 0.1)
    prior.stray.fill_(1e-12)  # no strays: evidence is all on the factors
    root = torch.randn(3, 8, 8, 2, 2, dtype=torch.double)
    vector = torch.randn(3, 8, 8, 2, dtype=torch.double) * torch.tensor([0.1, 1.0, 30.0]).view(3, 1, 1, 1)
    evidence = Evidence(root @ root.mT, vector)
    found = prior.forward_posterior(evidence)
    basis = prior.basis.reshape(128, BLOCK + 8)
    for pair in range(3):
        precision = basis.T @ torch.block_diag(*evidence.information[pair].flatten(0, 1)) @ basis
        size = 1.0
        for _ in range(ROUNDS):
            covariance = torch.linalg.inv(precision + torch.eye(BLOCK + 8) / size)
            mean = covariance @ basis.T @ evidence.vector[pair].flatten()
            size = min(50.0, float((mean @ mean + covariance.trace() + 2) / (BLOCK + 10)))
        assert torch.allclose(found.mean[pair], mean, rtol=1e-6)
        assert torch.allclose(found.covariance[pair], covariance, rtol=1e-6)


def test_evidence_that_is_no_number_gives_no_number_and_leaves_other_pairs_alone():
    prior = FacePrior(SMALL)
    prior.basis.normal_()
    information = torch.eye(2).expand(2, 8, 8, 2, 2).clone()
    information[0, 3, 4] = torch.nan
    found = prior.forward_posterior(Evidence(information, torch.ones(2, 8, 8, 2)))
    assert found.mean[0].isnan().all() and found.mean[1].isfinite().all()


def test_a_large_batch_is_that_of_its_pairs():
    """A CPU does not compute it all at once."""
    prior = everything_moves(FacePrior(SMALL))
    count = PIXELS // 64**2 + 2
    onset, apex = torch.rand(2, 1, 3, 64, 64).expand(2, count, 3, 64, 64) + 0.1 * torch.rand(2, count, 3, 64, 64)
    motion = prior.dense_motion(onset, apex)
    assert len(motion) == count
    for index in (0, count - 3, count - 1):
        alone = prior.dense_motion(onset[index : index + 1], apex[index : index + 1])
        torch.testing.assert_close(motion[index : index + 1], alone, atol=1e-4, rtol=0)


def test_the_head_takes_back_one_cell():
    prior = FacePrior(SMALL).eval()
    frames = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        logits = prior.head(frames)
        smallest = -torch.nn.functional.max_pool2d(-logits, 3, 1, 1)
        assert torch.equal(prior.weights(frames), torch.sigmoid(prior.config.sharpness * smallest))


@pytest.mark.parametrize("side", [128, 256])
def test_a_shift_is_found_whatever_the_size_of_the_frames(side):
    prior = everything_moves(FacePrior(FacePriorConfig(factors=2, width=4)))
    target = textured(side)
    shift = torch.tensor([0.7, -0.4]) * side / SIDE
    flow = shift[:, None, None].expand(1, 2, side, side)
    source = warp(target, -flow)  # target(u) = source(u + shift)
    found = resize_flow(prior.dense_motion(source, target), (side, side))[0, :, 16:-16, 16:-16].mean((1, 2))
    assert torch.allclose(found, shift, atol=0.08 * side / SIDE)


def test_who_has_seen_nothing_listens_to_the_others():
    prior = everything_moves(FacePrior(FacePriorConfig(factors=2, width=4)))
    target = textured(SIDE)
    target[..., 48:80, 48:80] = 0.5  # flat
    source = warp(target, torch.tensor([-0.5, 0.0])[:, None, None].expand(1, 2, SIDE, SIDE))
    found = resize_flow(prior.dense_motion(source, target), (SIDE, SIDE))[0]
    assert found[0, 56:72, 56:72].mean() == pytest.approx(0.5, abs=0.08)


def test_where_the_head_is_not_nothing_moves():
    prior = everything_moves(FacePrior(FacePriorConfig(factors=2, width=4)))
    torch.nn.init.constant_(prior.head.out.bias, -20.0)
    target = textured(SIDE)
    assert prior.dense_motion(target.roll(1, -1), target).abs().max() < 1e-3


@pytest.fixture(scope="module")
def pairs():
    """Pictures whose left half moves up and down, while the right half stands still."""
    generator = torch.Generator().manual_seed(1)
    frames = []
    ramp = (identity_grid(SIDE, SIDE)[0] < SIDE / 2).float()
    for index in range(24):
        picture = textured(SIDE, index)
        flow = torch.stack([torch.zeros(SIDE, SIDE), ramp * torch.randn(1, generator=generator).item()])[None]
        frames += [picture, warp(picture, flow)]
    array = (torch.cat(frames) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return FramePairs(array, range(0, 49, 2))


def test_what_moves_with_the_face_is_told_from_what_stands_still():
    prior = FacePrior(FacePriorConfig(factors=2, width=4))
    left = (torch.arange(32) < 16)[None, :, None].float()
    prior.basis.zero_()
    prior.basis[..., 0, 0:1] = prior.basis[..., 1, 1:2] = left
    flow = torch.tensor([0.8, -0.5])[:, None, None] * (identity_grid(SIDE, SIDE)[0] < SIDE / 2)
    source, noise = textured(SIDE), torch.Generator().manual_seed(0)
    target = warp(source, flow[None])
    source, target = (frame + 0.01 * torch.randn(frame.shape, generator=noise) for frame in (source, target))
    likelier = _likelier(prior, source, target)[0]
    assert likelier[4:-4, 4:28].mean() > 1
    assert likelier[4:-4, 40:-4].abs().max() < 0.05, "nothing moves there in this prior, so nothing can be likelier"
    prior.basis[..., 0, 0] = prior.basis[..., 1, 1] = 1.0
    everywhere = _likelier(prior, source, target)[0]
    assert everywhere[4:-4, 4:28].mean() > 1 > -1 > everywhere[4:-4, 40:-4].mean()


def test_noise_alone_makes_neither_likelier():
    prior = FacePrior(FacePriorConfig(factors=2, width=4))
    prior.basis[..., 0, 0] = prior.basis[..., 1, 1] = 1.0
    noise = torch.Generator().manual_seed(0)
    flat = torch.full((8, 3, SIDE, SIDE), 0.5)
    flat[..., : SIDE // 2] = textured(SIDE)[..., : SIDE // 2]
    moved = warp(flat, torch.tensor([0.5, 0.0])[:, None, None].expand(8, 2, SIDE, SIDE))
    frames = [frame + 0.012 * torch.randn(frame.shape, generator=noise) for frame in (flat, moved)]
    assert _likelier(prior, *frames)[..., 40:-4].mean().abs() < 0.05


def test_weights_may_change_at_an_edge_of_the_picture():
    frames = torch.full((1, 3, 32, 32), 0.2)
    frames[..., 16:] = 0.8
    at_the_edge, elsewhere = torch.zeros(2, 1, 32, 32)
    at_the_edge[..., 16:] = elsewhere[..., 8:] = 1.0
    assert _across_edges(at_the_edge, frames) < 0.1 * _across_edges(elsewhere, frames)
    assert _across_edges(torch.ones(1, 32, 32), frames) == 0


def test_it_learns_what_moves_together(pairs, tmp_path):
    config = FacePriorConfig(lattice=8, factors=2, width=4)
    training = FacePriorTraining(rounds=4, pairs=24, steps=2, batch=12)
    prior, curve = learn(pairs, pairs, config, training, folder=tmp_path, progress=False)
    strength = prior.basis.square().sum(-1)  # (n, n, 2)
    mirrored = strength + strength.flip(1)  # half of the pairs are
    assert mirrored[..., 1].mean() > 5 * mirrored[..., 0].mean()
    assert curve[-1]["left"] < 0.6 and [record["round"] for record in curve] == [1, 2, 3, 4]


def test_a_killed_run_goes_on_with_what_it_has(pairs, tmp_path):
    config = FacePriorConfig(lattice=8, factors=2, width=4)
    whole = FacePriorTraining(rounds=2, pairs=6, steps=1, batch=6)
    once, _ = learn(pairs, pairs, config, whole, folder=tmp_path / "once", progress=False)

    class Killed(Exception):
        pass

    class Dying(FramePairs):
        left = 1  # draw: that of the first round

        def at(self, sequences, generator):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return super().at(sequences, generator)

    with pytest.raises(Killed):
        learn(
            Dying(pairs.frames, pairs.starts.tolist()), pairs, config, whole, folder=tmp_path / "twice", progress=False
        )
    again, _ = learn(pairs, pairs, config, whole, folder=tmp_path / "twice", progress=False)
    assert all(torch.equal(once.state_dict()[name], value) for name, value in again.state_dict().items())
    with pytest.raises(DataError, match="another training"):
        other = FacePriorTraining(rounds=3, pairs=6, steps=1, batch=6)
        learn(pairs, pairs, config, other, folder=tmp_path / "twice", progress=False)


def test_the_evidence_of_a_shifted_frame_points_where_it_went():
    """The closed form of the evidence alone is Lucas and Kanade's."""
    prior = FacePrior(FacePriorConfig(factors=2, width=4))
    target = textured(SIDE)
    source = warp(target, torch.tensor([-0.3, 0.2])[:, None, None].expand(1, 2, SIDE, SIDE))
    details = prior.detail(brightness(torch.cat([source, target])))
    evidence = prior.forward_evidence(details[:1], details[1:])
    total = torch.linalg.solve(evidence.information.sum((1, 2)), evidence.vector.sum((1, 2)))[0]
    assert np.allclose(total, [0.3, -0.2], atol=0.05)
