import numpy as np
import pytest
import torch
from pydantic import ValidationError

from data import trees
from selfme_lib.baselines import tcae
from selfme_lib.baselines.settings import TCAEConfig
from selfme_lib.baselines.tcae import TCAE, TCAEHead
from selfme_lib.baselines.tcae_training import losses, train_tcae
from selfme_lib.baselines.training import count_parameters
from selfme_lib.data import load_clips
from selfme_lib.grids import resize_flow
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.study.extraction import extract

TINY = TCAEConfig(size=32, width=1 / 16, steps=3, batch_size=4, lr=1e-3)


@pytest.fixture
def model():
    return TCAE(TINY).eval()


@pytest.fixture(scope="module")
def pairs():
    """Smooth blobs that move by a few pixels between two frames."""
    generator = np.random.default_rng(0)
    grid = np.mgrid[:40, :40]
    frames = []
    for _ in range(12):
        centre, move = generator.uniform(12, 28, 2), generator.uniform(-3, 3, 2)
        for place in (centre, centre + move):
            blob = np.exp(-((grid - place[:, None, None]) ** 2).sum(0) / 40)
            frames.append(np.repeat((255 * blob)[..., None], 3, axis=2))
    return FramePairs(np.array(frames, dtype=np.uint8), range(0, 25, 2))


def test_the_papers_network():
    with torch.device("meta"):
        network = TCAE(TCAEConfig())
    assert count_parameters(network) == 14_717_094
    assert network.vector == 256


def test_vectors_have_no_place_left_and_displacements_are_full_size(model):
    faces = torch.rand(2, 3, 32, 32)
    action, pose = model.encode(faces)
    assert action.shape == pose.shape == (2, 16, 1, 1)
    found = model.displacements((action, pose), (action.flip(0), pose.flip(0)))
    assert found.action.shape == found.pose.shape == found.both.shape == (2, 2, 32, 32)


def test_the_whole_is_a_mean_of_action_and_pose_weighted_at_every_pixel(model):
    one, other = (model.encode(torch.rand(2, 3, 32, 32)) for _ in range(2))
    found = model.displacements(one, other)
    low, high = torch.minimum(found.action, found.pose), torch.maximum(found.action, found.pose)
    assert ((found.both >= low - 1e-4) & (found.both <= high + 1e-4)).all()
    assert found.both.abs().max() <= 31 / 2  # tanh: half the image at most


def test_action_does_not_see_pose(model):
    one, other = (model.encode(torch.rand(1, 3, 32, 32)) for _ in range(2))
    changed = (other[0], other[1] + 1)
    assert torch.equal(model.displacements(one, other).action, model.displacements(one, changed).action)
    assert not torch.equal(model.displacements(one, other).pose, model.displacements(one, changed).pose)


def test_when_nothing_is_displaced_reconstruction_is_the_difference_and_cycles_are_closed(model):
    for decoder in (model.decode_action, model.decode_pose):
        torch.nn.init.zeros_(decoder[-2].weight)
        torch.nn.init.zeros_(decoder[-2].bias)
    source, target = torch.rand(2, 4, 3, 32, 32)
    parts = losses(model, source, target)
    torch.testing.assert_close(parts.reconstruction, (source - target).abs().mean(), atol=1e-5, rtol=0)
    assert parts.cycles < 1e-5 and parts.sparsity == 0
    (action_s, pose_s), (action_t, pose_t) = model.encode(source), model.encode(target)
    wrong_action, wrong_pose = ((s - t).square().mean() for s, t in ((action_s, action_t), (pose_s, pose_t)))
    torch.testing.assert_close(parts.embeddings, 2 * wrong_action + 2 * wrong_pose, atol=1e-6, rtol=1e-3)
    torch.testing.assert_close(
        parts.total, 10 * parts.reconstruction + parts.embeddings + parts.cycles + 0.1 * parts.sparsity
    )


def test_training_lowers_the_objective_and_ends_ready_to_use(pairs):
    model, curve = train_tcae(TCAEConfig(size=32, width=1 / 16, steps=40, batch_size=8, lr=2e-3), pairs, seed=0)
    assert [line["step"] for line in curve] == list(range(2, 41, 2))
    first, last = (np.mean([line["reconstruction"] for line in part]) for part in (curve[:4], curve[-4:]))
    assert last < first
    assert not model.training


def test_training_is_repeatable(pairs):
    weights, same, other = (train_tcae(TINY, pairs, seed=seed)[0].state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert not all(torch.equal(weights[name], other[name]) for name in weights)


def test_a_checkpoint_comes_back_and_is_told_from_others(model, tmp_path):
    path = tmp_path / "tcae.safetensors"
    tcae.save(model, path, origin="a test")
    again = tcae.load(path)
    onset, apex = torch.rand(2, 2, 3, 48, 48)
    assert torch.equal(again.flow(onset, apex), model.flow(onset, apex))
    assert tcae.is_tcae(path)
    (tmp_path / "other").write_text("x")
    assert not tcae.is_tcae(tmp_path / "other") and not tcae.is_tcae(tmp_path / "missing")
    with pytest.raises(DataError, match="missing: not a checkpoint of TCAE"):
        tcae.load(tmp_path / "missing")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match="TCAE"):
        tcae.load(path)


def test_flow_of_frames_of_another_size_is_in_their_pixels(model):
    onset, apex = torch.rand(2, 1, 3, 32, 32)
    larger = [torch.nn.functional.interpolate(x, size=63, mode="bilinear", align_corners=True) for x in (onset, apex)]
    flow = model.flow(*larger)
    assert flow.shape == (1, 2, 63, 63)
    assert flow.abs().mean() == pytest.approx(
        float(resize_flow(model.flow(onset, apex), (63, 63)).abs().mean()), rel=0.3
    )


def test_it_is_a_method_of_extraction(model, tmp_path):
    clips = load_clips("casme2", trees.casme2(tmp_path))
    motion = extract("tcae", clips, size=32, tcae=model, gamma=2.0)
    assert motion.shape == (len(clips), 2, 32, 32)
    torch.testing.assert_close(motion, 2 * extract("tcae", clips, size=32, tcae=model))
    with pytest.raises(UsageError, match="needs a trained TCAE"):
        extract("tcae", clips, size=32)


def test_the_head_is_batch_norm_and_a_layer_without_bias():
    assert count_parameters(TCAEHead(vector=512)) == 2 * 512 + 512 * 3


@pytest.mark.parametrize("wrong", [{"size": 48}, {"size": 16}, {"batch_size": 1}, {"width": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        TCAEConfig(**wrong)
