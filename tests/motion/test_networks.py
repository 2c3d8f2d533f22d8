import json
from dataclasses import asdict, replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import save_file

from selfme_lib.grids import compose, gaussian_blur, identity_grid, resize_flow, to_normalised, warp
from selfme_lib.motion import checkpoint
from selfme_lib.motion.dense_motion import DenseMotion, gaussian_heatmaps, local_motions, weighted_motion
from selfme_lib.motion.generator import Generator
from selfme_lib.motion.hourglass import Stem
from selfme_lib.motion.keypoints import KeypointDetector, spatial_softargmax, spread_out
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.lucas_kanade import matching_errors, matching_forms
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import DataError

TINY = LearnerConfig(size=32, keypoints=3, width=8, depth=1, max_width=8, generator_width=4)


@settings(deadline=None, max_examples=10)
@given(st.integers(8, 20), st.integers(8, 20), st.floats(-0.8, 0.8), st.floats(-0.8, 0.8))
def test_softargmax_finds_a_peak_between_pixels(height, width, x, y):
    places = to_normalised(identity_grid(height, width).permute(1, 2, 0), height, width)
    logits = -((places - torch.tensor([x, y])) ** 2).sum(-1)[None, None] * 4  # temperature 0.1: a narrow bell
    found = spatial_softargmax(logits, 0.1)[0, 0]
    assert (found - torch.tensor([x, y])).abs().max() < 0.06


def test_softargmax_moves_with_its_heatmap_by_the_exact_step():
    logits = torch.zeros(1, 1, 17, 17)
    logits[..., 8, 6] = 9
    moved = logits.roll(2, dims=-1)
    step = spatial_softargmax(moved, 0.1) - spatial_softargmax(logits, 0.1)
    torch.testing.assert_close(step, torch.tensor([[[2 * 2 / 16, 0.0]]]), atol=1e-5, rtol=0)


def test_a_padded_head_reads_displacements_at_their_true_size():
    """The heatmaps of a 7x7 head without padding lose three rows a side, but are read as if they covered the image."""
    bump = torch.zeros(1, 1, 32, 32)
    bump[..., 16, 14] = 30
    moved = bump.roll(4, dims=-1)
    padded = spatial_softargmax(moved, 1.0) - spatial_softargmax(bump, 1.0)
    cropped = spatial_softargmax(moved[..., 3:-3, 3:-3], 1.0) - spatial_softargmax(bump[..., 3:-3, 3:-3], 1.0)
    assert padded[0, 0, 0] == pytest.approx(4 * 2 / 31, rel=1e-3)
    assert cropped[0, 0, 0] / padded[0, 0, 0] == pytest.approx(31 / 25, rel=1e-3)


def test_detector_gives_points_inside_the_image():
    detector = KeypointDetector(LearnerConfig(keypoints=5, width=8, depth=2, max_width=16), channels=3)
    image = torch.rand(2, 3, 64, 64)
    assert detector(image).shape == (2, 5, 2) and detector(image).abs().max() <= 1


def test_heatmap_is_one_at_its_keypoint():
    keypoint = torch.tensor([[[0.5, -0.25]]])
    heatmap = gaussian_heatmaps(keypoint, (17, 17), variance=0.01)
    assert heatmap[0, 0, 6, 12] == 1.0
    assert heatmap[0, 0, 6, 13] == pytest.approx(torch.exp(torch.tensor(-(0.125**2) / 0.02)).item())


def test_local_motion_points_from_target_to_source():
    source, target = torch.tensor([[[0.2, 0.0]]]), torch.tensor([[[0.1, 0.0]]])
    torch.testing.assert_close(local_motions(source, target, gamma=2), torch.tensor([[[0.2, 0.0]]]))


def test_weighted_motion_with_one_hot_weights_is_that_motion_in_pixels():
    weights = torch.zeros(1, 2, 9, 17)
    weights[:, 1] = 1
    dense = weighted_motion(weights, torch.tensor([[[0.9, 0.9], [0.5, -0.25]]]))
    assert dense[0, 0].eq(0.5 * 8).all() and dense[0, 1].eq(-0.25 * 4).all()


def test_aligned_frames_and_matching_errors_single_out_the_right_motion():
    """The target is the source moved by the second of three motions: its aligned frame is the target itself."""
    module = DenseMotion(replace(TINY, keypoints=2), channels=1)
    source = gaussian_blur(torch.rand(1, 1, 33, 33), 2.0)
    motions = torch.tensor([[[0.0625, 0.0], [0.03125, -0.03125], [0.0, 0.0]]])  # 1, 0.5 and 0 px of 33
    flow = torch.tensor([0.5, -0.5]).view(1, 2, 1, 1).expand(1, 2, 33, 33)
    target = warp(source, flow)
    aligned = module.aligned_frames(source, motions)
    torch.testing.assert_close(aligned[:, 1], target, atol=1e-5, rtol=0)
    for form in matching_forms(10 * source, 10 * target, motions, (8, 8)):
        errors = matching_errors(form, motions)
        inside = errors[..., 2:-2, 2:-2]
        assert (inside.argmin(1) == 1).all() and inside[:, 1].max() < 0.7
        torch.testing.assert_close(errors.mean(1), torch.ones(1, 8, 8), atol=0.2, rtol=0)


@settings(deadline=None, max_examples=10)
@given(st.floats(-2, 2), st.floats(-2, 2), st.floats(-3, 3), st.floats(-3, 3))
def test_matching_errors_are_exact_where_the_frame_is_a_slope(across, down, x, y):
    """There the first order is all: the errors of two motions are as the squared differences after warping."""
    grid = identity_grid(64, 64)
    source = (across * grid[0] + down * grid[1])[None, None]
    target = source + 0.7
    motions = torch.tensor([[[x, y], [0.0, 0.0]]])  # pixels
    motions = motions * 2 / 63
    found = matching_errors(matching_forms(source, target, motions, (16, 16))[0], motions)[..., 5:-5, 5:-5]
    differences = torch.tensor([across * x + down * y - 0.7, -0.7]).square()
    wanted = differences / (differences.mean() + 1e-3)
    torch.testing.assert_close(found, wanted[None, :, None, None].expand_as(found), atol=2e-3, rtol=1e-3)


def test_matching_alone_makes_a_new_dense_motion_choose_the_right_motion():
    module = DenseMotion(replace(TINY, keypoints=2, locality=10.0), channels=1)
    source = 10 * gaussian_blur(torch.rand(1, 1, 64, 64), 2.0)
    shift = 1.5 * 2 / 63  # 1.5 px to the right, in normalised units
    target = warp(source, torch.tensor([1.5, 0.0]).view(1, 2, 1, 1).expand(1, 2, 64, 64))
    at = torch.tensor([[[0.0, 0.0], [0.0, 0.0]]])
    weights, motions, _ = module(source, target, at + torch.tensor([[[shift, 0.0], [0.0, shift]]]), at)
    assert motions[0, 0].tolist() == pytest.approx([shift, 0.0])
    assert weights[0, 0, 3:-3, 3:-3].min() > 0.9


def test_where_the_hourglass_says_so_matching_does_not_count():
    """Sharpness is said place by place: where all of it is lowered, weights are as local as without matching."""
    module = DenseMotion(replace(TINY, keypoints=2), channels=1)
    source, target = gaussian_blur(torch.rand(2, 1, 64, 64), 2.0).split(1)
    at = torch.tensor([[[-0.3, 0.0], [0.3, 0.1]]])
    moved = at + torch.tensor([[[0.05, 0.0], [0.0, 0.05]]])
    first = module(source, target, moved, at)
    context = first.context.clone()
    context[:, 3:, :, :8] = -50.0  # the left half of a lattice of 16
    again = module(source, target, moved, at, context)
    local = (context[:, :3] + module.forward_locality(at, (16, 16))).softmax(1)
    torch.testing.assert_close(again.weights[..., :8], local[..., :8])
    torch.testing.assert_close(again.weights[..., 8:], first.weights[..., 8:])
    assert (first.weights - local).abs().max() > 0.05


def test_a_new_generator_warps_the_image_and_adds_nothing():
    source, flow = torch.rand(2, 3, 32, 32), torch.randn(2, 2, 32, 32)
    torch.testing.assert_close(Generator(TINY)(source, flow), warp(source, flow))


@settings(deadline=None, max_examples=8)
@given(st.integers(1, 2), st.sampled_from([24, 32, 50, 64]), st.booleans(), st.booleans(), st.sampled_from([None, 0.2]))
def test_learner_shapes_for_frames_of_any_size(batch, side, matching, contrast, reach):
    learner = MotionLearner(replace(TINY, matching=matching, contrast=contrast, reach=reach))
    source, target = torch.rand(2, batch, 3, side, side)
    prediction, motion = learner(source, target)
    lattice = max(side, 32) // 8 * 2  # a quarter of the side, in whole levels
    assert prediction.shape == source.shape and motion.weights.shape == (batch, 4, lattice, lattice)
    torch.testing.assert_close(motion.weights.sum(1), torch.ones(batch, lattice, lattice))
    assert motion.local[:, -1].eq(0).all()


def test_keypoints_are_shared_out_over_the_face():
    """Where the image says nothing, every keypoint is nearest to its own home, for any count."""
    for count in (1, 3, 10, 36):
        homes = spread_out(count)
        assert homes.shape == (count, 2) and homes.abs().max() <= 0.8
        detector = KeypointDetector(replace(TINY, keypoints=count), channels=3)
        torch.nn.init.zeros_(detector.head.weight)
        torch.nn.init.zeros_(detector.head.bias)
        found = detector(torch.rand(1, 3, 64, 64))[0]
        assert torch.cdist(found, homes).argmin(1).tolist() == list(range(count))


def test_a_new_dense_motion_is_local():
    """Before it has learned anything, the largest weight at a keypoint's place is that keypoint's."""
    module = DenseMotion(replace(TINY, keypoints=2, matching=False), channels=1)
    keypoints = torch.tensor([[[-0.5, -0.5], [0.5, 0.5]]])
    detail = torch.rand(1, 1, 64, 64)
    weights = module(detail, detail, keypoints, keypoints + 0.01).weights
    assert weights[0, :, 4, 4].argmax() == 0 and weights[0, :, 11, 11].argmax() == 1


def test_a_still_face_does_not_move():
    """Two equal frames have equal keypoints, so every local motion and the dense motion is zero.

    To rounding: some processors sum the two frames of a batch in different orders.
    """
    learner = MotionLearner(TINY).eval()
    frame = torch.rand(1, 3, 32, 32)
    assert learner.dense_motion(frame, frame).abs().max() < 1e-5


def test_a_size_that_the_hourglass_cannot_halve_is_refused():
    with pytest.raises(ValidationError, match="size 36 of a motion learner is not a multiple of 8"):
        replace(TINY, size=36)
    with pytest.raises(ValidationError, match="size 300 "):
        replace(TINY, largest=300)


@pytest.mark.parametrize("passes", [1, 3])
def test_places_and_motions_stay_exact_under_autocast(passes):
    """bfloat16 has eight bits: of a place at pixel 30 it would lose what is to be measured."""
    learner = MotionLearner(TINY).eval()
    torch.nn.init.normal_(learner.dense.head.weight, std=0.1)
    source, target = gaussian_blur(torch.rand(2, 3, 32, 32), 1.0).split(1)
    exact = learner.forward_motion(source, target, passes=passes)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = learner.forward_motion(source, target, passes=passes)
        logits = torch.randn(1, 3, 8, 8)
        softargmax = spatial_softargmax(logits, 0.1)
    assert {x.dtype for x in (found.keypoints_source, found.local, found.weights, *found.found)} == {torch.float32}
    assert softargmax.equal(spatial_softargmax(logits, 0.1))
    torch.testing.assert_close(found.dense, exact.dense, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("matching", [True, False])
def test_a_second_pass_adds_what_it_finds_between_warped_source_and_target(matching):
    """With matching it keeps what the hourglass said of the frames as they were, without matching it asks anew."""
    learner = MotionLearner(replace(TINY, matching=matching)).eval()
    torch.nn.init.normal_(learner.dense.head.weight)
    source, target = gaussian_blur(torch.rand(2, 3, 32, 32), 1.0).split(1)
    once, twice = (learner.forward_motion(source, target, passes=n) for n in (1, 2))
    torch.testing.assert_close(once.dense, weighted_motion(once.weights, once.local))
    torch.testing.assert_close(twice.found[0], once.dense)
    warped = learner.detail(warp(source, resize_flow(once.dense, (32, 32))))
    explained = F.grid_sample(once.dense, once.keypoints_target[:, None], align_corners=True)[:, :, 0].mT * 2 / 7
    first = learner.dense(*map(learner.detail, (source, target)), once.keypoints_source, once.keypoints_target)
    moved, context = once.keypoints_source - explained, first.context if matching else None
    rest = learner.dense(warped, learner.detail(target), moved, once.keypoints_target, context)
    torch.testing.assert_close(twice.dense, compose(weighted_motion(rest.weights, rest.motions), once.dense))


def test_what_the_learner_looks_at_knows_neither_light_nor_colour():
    """Other gain, another grey level, no colour: local contrast stays what it is, where there is any."""
    learner, frame = MotionLearner(TINY), torch.rand(1, 3, 32, 32)
    grey = (frame * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True).expand(-1, 3, -1, -1)
    expected = learner.detail(frame)
    torch.testing.assert_close(learner.detail(grey), expected, atol=1e-4, rtol=0)
    assert (learner.detail(0.7 * frame + 0.1) - expected).abs().mean() < 0.03 * expected.abs().mean()


def test_a_stem_keeps_corners_on_corners():
    """A picture and its mirror image have mirrored features if the lattice is symmetric; a strided one is not."""
    stem = Stem(in_channels=1, width=4).eval()
    for convolution in (stem.fine[0], stem.coarse[0]):
        convolution.weight.data = convolution.weight.data + convolution.weight.data.flip(-1)
    image = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(stem(image.flip(-1)), stem(image).flip(-1), atol=1e-5, rtol=0)


def test_gradients_reach_every_part_from_the_reconstruction():
    learner = MotionLearner(TINY)
    source, target = torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32)
    for _ in range(2):  # two heads start at zero and block what lies behind them in the first step
        prediction, _ = learner(source, target)
        learner.zero_grad()
        (prediction - target).abs().mean().backward()
        for head in (learner.generator.head, learner.dense.head):
            head.weight.data += 0.1 * torch.randn_like(head.weight)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in learner.parameters() if p.ndim == 4)


def test_a_checkpoint_gives_the_same_motion_back(tmp_path):
    learner = MotionLearner(TINY).eval()
    checkpoint.save(learner, tmp_path / "learner.safetensors", recipe="none")
    again = checkpoint.load(tmp_path / "learner.safetensors")
    source, target = torch.rand(2, 1, 3, 32, 32)
    assert torch.equal(again.dense_motion(source, target), learner.dense_motion(source, target))
    assert again.config == TINY


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keypoints": 0}, "keypoints: should be greater than or equal to 1"),
        ({"temperature": float("nan")}, "temperature: "),
        ({"size": 0}, "size: "),
        ({"passes": 0}, "passes: "),
        ({"passes": 10**9}, "passes: "),
        ({"temperature": 0.0}, "temperature: "),
        ({"reach": 1e-200}, "reach: "),
        ({"contrast_floor": 0.0}, "contrast_floor: "),
        ({"size": 36}, "size 36 of a motion learner is not a multiple of 8"),
        ({"keypoint": 3}, "keypoint is unknown; did you mean keypoints?"),
    ],
)
def test_bad_settings_in_a_checkpoint_are_one_clear_line(change, words, tmp_path):
    path, learner = tmp_path / "learner.safetensors", MotionLearner(TINY)
    save_file(learner.state_dict(), path, metadata={"config": json.dumps(asdict(TINY) | change)})
    with pytest.raises(DataError) as caught:
        checkpoint.load(path)
    line = str(caught.value)
    assert f"{path}: not a checkpoint of a motion learner (" in line and words in line and "\n" not in line


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_weight_that_is_not_finite_spoils_a_checkpoint(tmp_path, value):
    path, learner = tmp_path / "learner.safetensors", MotionLearner(TINY)
    learner.detector.head.weight.data[0, 0, 1, 1] = value
    checkpoint.save(learner, path)
    with pytest.raises(
        DataError, match=r"not a checkpoint .*\(detector\.head\.weight holds numbers that are not finite\)"
    ):
        checkpoint.load(path)


def test_dense_motion_resized_is_in_pixels_of_the_image():
    dense = torch.ones(1, 2, 8, 8)
    assert resize_flow(dense, (32, 32))[0, 0, 0, 0] == pytest.approx(31 / 7)
