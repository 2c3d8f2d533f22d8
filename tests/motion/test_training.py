from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from card import card_fabric
from selfme_lib.grids import gaussian_blur, local_contrast
from selfme_lib.motion import checkpoint, training
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.pairs import Augmentation, FramePairs
from selfme_lib.motion.settings import LearnerConfig, TrainingConfig
from selfme_lib.motion.training import train
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.finite import all_finite
from selfme_lib.runtime.kept import seal

TINY = LearnerConfig(size=32, keypoints=3, width=8, depth=1, max_width=8, generator_width=4)


@pytest.fixture
def pairs():
    """Four sequences of three frames: blobs that move."""
    y, x = np.mgrid[:32, :32]
    frames = [np.exp(-((x - 10 - 2 * t - s) ** 2 + (y - 16) ** 2) / 20) for s in range(4) for t in range(3)]
    return FramePairs((np.stack(frames)[..., None] * [200, 150, 100]).astype(np.uint8), [0, 3, 6, 9, 12])


def cpu(**options):
    fabric = Fabric(accelerator="cpu", devices=1, **options)
    fabric.launch()
    return fabric


def new_learner():
    torch.manual_seed(1)
    return MotionLearner(TINY)


def test_a_pair_is_two_different_frames_of_one_sequence():
    sequences = FramePairs(np.arange(20, dtype=np.uint8).reshape(20, 1, 1, 1).repeat(3, -1), [0, 2, 9, 20])
    generator = np.random.default_rng(0)
    for _ in range(50):
        source, target = ((255 * frame[:, 0, 0, 0]).round().int().numpy() for frame in sequences.draw(8, generator))
        assert (source != target).all()
        assert (np.searchsorted([2, 9], source, "right") == np.searchsorted([2, 9], target, "right")).all()


def test_a_sequence_of_one_frame_is_refused():
    with pytest.raises(DataError, match="at least two"):
        FramePairs(np.zeros((3, 8, 8, 3), np.uint8), [0, 2, 3])


def test_training_lowers_the_reconstruction_loss(pairs):
    learner = new_learner()
    curve = train(learner, pairs, TrainingConfig(steps=30, batch_size=4, augmentation=None), fabric=cpu(), every=10)
    assert [record["step"] for record in curve] == [10, 20, 30]
    assert curve[-1]["reconstruction"] < curve[0]["reconstruction"]
    assert not learner.training


def test_a_killed_training_goes_on_to_the_same_weights(pairs, tmp_path, monkeypatch):
    config, state = TrainingConfig(steps=6, batch_size=2), tmp_path / "state.ckpt"
    whole = new_learner()
    whole_curve = train(whole, pairs, config, fabric=cpu(), every=2)

    original, calls = training.draw_batch, []

    def killed_at_the_fifth(*arguments):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(training, "draw_batch", killed_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        train(new_learner(), pairs, config, fabric=cpu(), every=2, state=state)
    resumed = new_learner()
    curve = train(resumed, pairs, config, fabric=cpu(), every=2, state=state)
    assert len(calls) == 5 + 2  # steps 5 and 6 only
    assert curve == whole_curve
    for ours, theirs in zip(resumed.state_dict().values(), whole.state_dict().values()):
        assert torch.equal(ours, theirs)


def test_state_of_another_training_is_refused(pairs, tmp_path):
    state = tmp_path / "state.ckpt"
    train(new_learner(), pairs, TrainingConfig(steps=1, batch_size=2), fabric=cpu(), state=state)
    with pytest.raises(DataError, match="other settings"):
        train(new_learner(), pairs, TrainingConfig(steps=2, batch_size=2), fabric=cpu(), state=state)


def test_a_damaged_state_is_named_and_never_gives_other_weights(pairs, tmp_path):
    state, config = tmp_path / "state.ckpt", TrainingConfig(steps=1, batch_size=2)
    train(new_learner(), pairs, config, fabric=cpu(), state=state)
    content = state.read_bytes()
    middle = content.index(b"learner") + len(content) // 2  # among the weights: PyTorch does not check them
    for damaged in (content[:-100], b"", content[:middle] + b"????" + content[middle + 4 :]):
        state.write_bytes(damaged)
        with pytest.raises(DataError, match=r"state\.ckpt: damaged since it was written; delete it and start"):
            train(new_learner(), pairs, config, fabric=cpu(), state=state)


def test_a_full_disk_leaves_the_earlier_state_sound(pairs, tmp_path, monkeypatch):
    state, config = tmp_path / "state.ckpt", TrainingConfig(steps=3, batch_size=2)
    whole = train(new_learner(), pairs, config, fabric=cpu(), every=1)
    sealed = []

    def full_at_the_second(file, name):
        sealed.append(name)
        if len(sealed) == 2:
            raise OSError(28, "No space left on device")
        seal(file, name)

    monkeypatch.setattr(training, "seal", full_at_the_second)
    with pytest.raises(OSError, match="No space left"):
        train(new_learner(), pairs, config, fabric=cpu(), every=1, state=state)
    assert train(new_learner(), pairs, config, fabric=cpu(), every=1, state=state) == whole
    assert len(sealed) == 4, "the first step was not made again"


class Payload:
    """What a pickle may do when it is opened."""

    def __reduce__(self):
        return Path.touch, (Path("opened"),)


def test_state_is_plain_and_a_file_that_would_run_code_is_refused(pairs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    state, config = tmp_path / "state.ckpt", TrainingConfig(steps=1, batch_size=2)
    train(new_learner(), pairs, config, fabric=cpu(), state=state)
    assert set(torch.load(state, weights_only=True)) == {"learner", "optimiser", "config", "curve"}
    torch.save({**torch.load(state, weights_only=True), "config": Payload()}, state)
    seal(state, state.name)
    with pytest.raises(DataError, match=r"state\.ckpt: damaged"):
        train(new_learner(), pairs, config, fabric=cpu(), state=state)
    assert not Path("opened").exists()


def test_autocast_trains_too(pairs):
    fabric = cpu(precision="bf16-mixed")
    curve = train(new_learner(), pairs, TrainingConfig(steps=2, batch_size=2), fabric=fabric, validation=pairs)
    assert np.isfinite(curve[-1]["validation"])


def test_frames_reach_the_learner_uncut_under_autocast(pairs, monkeypatch):
    """Fabric casts what it hands to a network; brightness and places need more than eight bits."""
    seen, original = set(), MotionLearner.forward_motion

    def watch(self, source, target, **options):
        motion = original(self, source, target, **options)
        seen.update(x.dtype for x in (source, target, motion.keypoints_target, motion.dense))
        return motion

    monkeypatch.setattr(MotionLearner, "forward_motion", watch)
    train(
        new_learner(),
        pairs,
        TrainingConfig(steps=1, batch_size=2),
        fabric=cpu(precision="bf16-mixed"),
        validation=pairs,
    )
    assert seen == {torch.float32}


def _train_in_two_processes(fabric, pairs, path):
    learner = new_learner()
    train(learner, pairs, TrainingConfig(steps=2, batch_size=2), fabric=fabric)
    if fabric.global_rank == 0:
        checkpoint.save(learner, path)


def test_two_processes_average_their_gradients(pairs, tmp_path):
    """With DDP (gloo) both ranks hold the same weights, and these differ from those of one process."""
    fabric = Fabric(accelerator="cpu", devices=2, strategy="ddp_fork")
    fabric.launch(_train_in_two_processes, pairs, tmp_path / "both.safetensors")
    alone = new_learner()
    train(alone, pairs, TrainingConfig(steps=2, batch_size=2), fabric=cpu())
    both = checkpoint.load(tmp_path / "both.safetensors").state_dict()
    assert not torch.equal(both["detector.head.weight"], alone.state_dict()["detector.head.weight"])


def test_schedules():
    config = TrainingConfig(steps=35, lr=1.0, schedule="multistep")
    assert [config.learning_rate(step) for step in (0, 19, 20, 29, 30)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    one_cycle = [TrainingConfig(steps=100, lr=1.0).learning_rate(step) for step in range(100)]
    assert max(one_cycle) <= 1 and one_cycle[0] < 0.25 and one_cycle[-1] < 0.01


def test_the_papers_own_losses_are_two(pairs):
    config = TrainingConfig(steps=1, batch_size=2, lambda_dense=0)
    assert set(train(new_learner(), pairs, config, fabric=cpu(), every=1)[0]) == {
        "step",
        "reconstruction",
        "equivariance",
    }


def test_a_second_exposure_differs_in_light_and_noise_and_not_in_place():
    """Local contrast, blurred against the noise, is the same in both exposures."""
    frame = torch.rand(4, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    (again,) = Augmentation().expose_again([frame], torch.Generator().manual_seed(0))
    assert 0.01 < (again - frame).abs().mean() < 0.15
    a, b = (local_contrast(gaussian_blur(x, 1.5), 5.0).flatten(1) for x in (frame, again))
    assert torch.nn.functional.cosine_similarity(a, b).min() > 0.95


def test_exposures_of_one_scene_have_noise_of_one_strength_and_no_noise_in_common():
    grey = torch.full((6, 3, 64, 64), 0.5)
    exposures = Augmentation(exposure=0.0).expose_again([grey, grey], torch.Generator().manual_seed(0))
    one, other = ((exposed - grey).flatten(1) for exposed in exposures)
    strengths = one.std(1)
    torch.testing.assert_close(other.std(1), strengths, rtol=0.03, atol=0)
    assert strengths.min() >= 0.003 * 0.97 and strengths.max() <= 0.04 * 1.03 and strengths.std() > 0.003
    assert torch.nn.functional.cosine_similarity(one, other).abs().max() < 0.05


@pytest.mark.parametrize("lambda_dense", [0.0, 1.0])
def test_a_training_that_diverges_stops_in_one_line_and_keeps_the_last_sound_state(pairs, tmp_path, lambda_dense):
    """Not by a crash of the process, which the backward pass of `grid_sample` has in store for a flow of NaN."""
    state, config = tmp_path / "state.ckpt", TrainingConfig(steps=40, batch_size=4, lr=10, schedule="constant")
    with pytest.raises(DataError, match=r"motion learner, step \d+: the training diverged; lower its learning rate"):
        train(new_learner(), pairs, replace(config, lambda_dense=lambda_dense), fabric=cpu(), state=state, every=1)
    if state.exists():
        saved = torch.load(state, weights_only=True)
        assert all_finite(saved["learner"].values()) and np.isfinite(saved["curve"][-1]["reconstruction"])


@pytest.mark.parametrize("broken", ["weights", "losses"])
def test_what_is_not_finite_in_the_last_step_is_not_kept_either(pairs, tmp_path, monkeypatch, broken):
    learner, state = new_learner(), tmp_path / "state.ckpt"

    def spoil(*_, **__):
        next(learner.parameters()).data.fill_(float("nan"))

    if broken == "weights":
        monkeypatch.setattr(Fabric, "clip_gradients", spoil)
    else:
        monkeypatch.setattr(training, "reconstruction_loss", lambda *_: torch.tensor(float("inf"), requires_grad=True))
    with pytest.raises(DataError, match="step 1: the training diverged"):
        train(learner, pairs, TrainingConfig(steps=1, batch_size=2), fabric=cpu(), state=state)
    assert not state.exists()


def test_batches_drawn_ahead_are_those_of_their_steps(pairs):
    config, here = TrainingConfig(steps=9, batch_size=2), cpu()
    drawn = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.Batch, "to", lambda self, device: self)
        drawn += training.batches(pairs, config, range(2, 9), card_fabric())
    assert len(drawn) == 7
    for step, batch in zip(range(2, 9), drawn):
        expected = training.draw_batch(pairs, config, step, 0)
        assert torch.equal(batch.exposed_target, expected.exposed_target) and torch.equal(batch.warped, expected.warped)
    assert next(iter(training.batches(pairs, config, range(1), here))).source.device.type == "cpu"


def test_equivariance_is_that_of_the_target(pairs, monkeypatch):
    """The ledger's reading of Eq 7: keypoints of the bent target are compared with those of the target."""
    learner, given = new_learner().eval(), []
    config = TrainingConfig(steps=1, batch_size=2, lambda_dense=0)
    monkeypatch.setattr(training, "equivariance_loss", lambda *keypoints: given.extend(keypoints) or torch.zeros(()))
    batch = training.draw_batch(pairs, config, 0, 0)
    with torch.no_grad():
        training.Objective(learner, config)(batch)
        torch.testing.assert_close(given[0], learner.forward_keypoints(batch.bent))
        torch.testing.assert_close(given[1], learner.forward_keypoints(batch.exposed_target), atol=1e-5, rtol=1e-4)
        assert (given[1] - learner.forward_keypoints(batch.exposed_source)).abs().max() > 1e-4
