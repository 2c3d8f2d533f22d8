"""A small spotter that is taught on motions made by hand."""

import numpy as np
import pytest
import torch

from selfme_lib.runtime.errors import DataError
from selfme_lib.spotting.intervals import Interval, iou
from selfme_lib.spotting.network import INPUTS, OUTPUTS, SpotterConfig, SpottingNetwork, inputs_of
from selfme_lib.spotting.signal import FaceMotion
from selfme_lib.spotting.spotter import Spotter, Thresholds, load_spotter, save_spotter
from selfme_lib.spotting.training import Lesson, SpotterTraining, train_spotter

SHORT = SpotterTraining(steps=250, batch_size=8, window=96, lr=5e-3)
NARROW = SpotterConfig(width=24, dilations=(1, 2, 4), dropout=0.0)


def lesson(seed: int, *, seconds: float = 20, fps: float = 30) -> Lesson:
    """Short jerks of the mouth are micro, long ones macro, and the eyes blink."""
    generator = np.random.default_rng(seed)
    count = int(seconds * fps)
    cells = generator.normal(0, 0.03, (count, 2, 8, 8)).astype(np.float32)
    events, begin = [], 20
    while begin < count - 80:
        kind = str(generator.choice(["micro", "macro", "blink"]))
        length = {"micro": 12, "macro": 45, "blink": 8}[kind]
        rows = (2, slice(1, 7)) if kind == "blink" else (6, slice(2, 6))
        apex = begin + length // 3
        strength = 3.0 if kind == "macro" else 1.0
        cells[begin : apex + 1, 1, rows[0], rows[1]] += strength
        cells[apex + 1 : begin + length, 1, rows[0], rows[1]] -= strength / 2
        events.append(Interval(onset=begin, apex=apex, offset=begin + length - 1, kind=kind))
        begin += length + int(generator.integers(25, 60))
    motion = FaceMotion(np.arange(count), fps, cells, np.zeros((count, 4), np.float32))
    return Lesson(motion, tuple(events))


@pytest.fixture(scope="module")
def spotter():
    return Spotter(train_spotter([lesson(seed) for seed in range(6)], SHORT, NARROW, progress=False))


def test_it_finds_what_it_was_taught_on_videos_it_has_not_seen(spotter):
    unseen = lesson(100)
    found = spotter.spot(unseen.motion)
    for kind in ("micro", "macro"):
        wanted = [event for event in unseen.events if event.kind == kind]
        told = [interval for interval in found if interval.kind == kind]
        hits = sum(any(iou(a, b) >= 0.5 for b in told) for a in wanted)
        assert wanted and hits >= 0.8 * len(wanted) and len(told) <= 1.3 * len(wanted) + 1
    blinks = [event for event in unseen.events if event.kind == "blink"]
    assert any(interval.kind == "blink" and iou(interval, blinks[0]) > 0.3 for interval in found)


def test_times_are_in_seconds_whatever_the_frame_numbers(spotter):
    """The same samples as every sixth frame of a video with six times the rate."""
    unseen = lesson(101).motion
    fast = FaceMotion(unseen.frames * 6, unseen.fps * 6, unseen.cells, unseen.head)
    slow, quick = spotter.spot(unseen), spotter.spot(fast)
    assert len(slow) == len(quick) > 0
    for a, b in zip(slow, quick):
        assert (a.kind, a.score) == (b.kind, b.score)
        assert abs(6 * a.onset - b.onset) <= 3 and abs(6 * a.offset - b.offset) <= 3


def test_expressions_do_not_overlap_and_stay_within_the_video(spotter):
    motion = lesson(102).motion
    found = [interval for interval in spotter.propose(motion) if interval.kind in ("micro", "macro")]
    assert all(0 <= one.onset <= one.apex <= one.offset < len(motion) for one in found)
    assert all(iou(a, b) < 0.5 for a in found for b in found if a is not b)


def test_a_higher_threshold_tells_fewer(spotter):
    motion = lesson(103).motion
    few, many = (spotter.spot(motion, Thresholds(micro=t, macro=t)) for t in (0.9, 0.1))
    assert len(few) <= len(many) and set(few) <= set(many)


def test_training_is_repeatable_and_knows_its_seed():
    lessons, brief = [lesson(1)], SpotterTraining(steps=3, batch_size=2, window=32)
    first, again, other = (
        train_spotter(lessons, training, NARROW, progress=False).kind.weight
        for training in (brief, brief, SpotterTraining(steps=3, batch_size=2, window=32, seed=1))
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_a_video_shorter_than_a_window_teaches_too():
    motion = lesson(1, seconds=6).motion
    train_spotter([Lesson(motion, ())], SpotterTraining(steps=2, window=1000), NARROW, progress=False)


def test_nothing_is_found_in_an_empty_video(spotter):
    empty = FaceMotion(np.zeros(0, int), 30.0, np.zeros((0, 2, 8, 8), np.float32), np.zeros((0, 4), np.float32))
    assert spotter.spot(empty) == []


def test_it_is_as_it_was_after_saving(spotter, tmp_path):
    path, motion = tmp_path / "spotter.safetensors", lesson(104).motion
    told = Spotter(spotter.network, Thresholds(0.4, 0.5, 0.6))
    save_spotter(told, path, recipe="by hand")
    again = load_spotter(path)
    assert again.thresholds == told.thresholds
    with torch.inference_mode():
        before, after = (one.network(inputs_of(motion)[None])[0].softmax(-1) for one in (told, again))
    assert (before - after).abs().max() < 0.02  # half precision
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match=r"spotter\.safetensors"):
        load_spotter(path)
    with pytest.raises(DataError, match="no such checkpoint"):
        load_spotter(tmp_path / "none.safetensors")


def test_the_network_sees_every_input():
    network, motion = SpottingNetwork(NARROW), torch.randn(1, 20, INPUTS, requires_grad=True)
    kinds, moments = network(motion)
    assert kinds.shape == (1, 20, len(OUTPUTS)) and (moments[..., [0, 2]] >= 0).all()
    (gradient,) = torch.autograd.grad(kinds.sum() + moments.sum(), motion)
    assert (gradient.abs().sum((0, 1)) > 0).all()


def test_weights_that_are_not_finite_are_refused(spotter, tmp_path):
    path = tmp_path / "spotter.safetensors"
    broken = SpottingNetwork(spotter.network.config)
    with torch.no_grad():
        broken.kind.bias[0] = torch.inf
    save_spotter(Spotter(broken), path)
    with pytest.raises(DataError, match=r"spotter\.safetensors: kind\.bias holds numbers that are not finite"):
        load_spotter(path)
