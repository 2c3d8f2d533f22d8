import numpy as np
import pytest
import torch
from PIL import Image

from selfme_lib.data import load_clips
from selfme_lib.data.frame_cache import FrameCache
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import UsageError
from selfme_lib.study import apex
from selfme_lib.study.apex import largest_motion, motion_since
from selfme_lib.synthme import SynthConfig, write_dataset
from selfme_lib.synthme.truth import load_truth

TINY = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    config = SynthConfig(subjects=1, clips=3, size=64, seed=4, layout="smic")
    return write_dataset(tmp_path_factory.mktemp("apex") / "smic", config, workers=1)


def bump(size, amplitude):
    """A picture, and the same with its middle moved to the right and all of it moved down."""
    y, x = np.mgrid[:size, :size].astype(np.float32)
    moved = x - amplitude * np.exp(-((x - size / 2) ** 2 + (y - size / 2) ** 2) / 60)
    texture = 128 + 50 * np.sin(moved / 3) + 50 * np.cos(y / 4)
    return np.repeat(texture[..., None], 3, axis=2).astype(np.uint8)


def test_motion_grows_with_the_motion_and_a_shift_of_everything_does_not_count():
    still = bump(48, 0)
    moved = motion_since(still, np.stack([still, bump(48, 1), bump(48, 2)]), "farneback")
    assert moved[0] < 0.02 < moved[1] < moved[2]
    shifted = motion_since(still, np.roll(still, 1, axis=0)[None], "farneback")
    assert shifted[0] < moved[1]


@pytest.mark.parametrize("peak", [3, 8])
@pytest.mark.parametrize("method", ["farneback", "dis"])
def test_the_apex_is_the_frame_of_the_largest_motion_and_not_the_middle(tmp_path, method, peak):
    folder = tmp_path / "set/s1/micro/positive/s1_po_01"
    folder.mkdir(parents=True)
    for number in range(13):  # the bump grows up to the peak and shrinks again
        amplitude = 3 * (number / peak if number <= peak else (12 - number) / (12 - peak))
        top = 7 if number == 5 else 8  # a nod of the whole head, which does not count
        seen = bump(64, amplitude)[top : top + 48, 8:56]
        Image.fromarray(seen).save(folder / f"reg_image{100 + number}.bmp")
    (clip,) = load_clips("smic", tmp_path / "set")
    found = largest_motion([clip], method=method, cache=FrameCache(tmp_path / "cache", 48))
    assert found == {clip.key: 100 + peak} and clip.middle == 106


def test_on_rendered_faces_the_apex_is_found_better_than_by_the_middle(root, tmp_path):
    clips = load_clips("smic", root)
    found = largest_motion(clips, method="dis", cache=FrameCache(tmp_path, 64))
    assert set(found) == {clip.key for clip in clips}
    true = {clip.key: load_truth(root, clip.subject, clip.name).apex for clip in clips}
    missed = [abs(found[clip.key] - true[clip.key]) for clip in clips]
    missed_by_middle = [abs(clip.middle - true[clip.key]) for clip in clips]
    assert max(missed) <= 3 and sum(missed) < sum(missed_by_middle)


def test_what_was_found_is_kept_for_each_method(root, tmp_path, monkeypatch):
    clips, cache = load_clips("smic", root), FrameCache(tmp_path, 48)
    found = largest_motion(clips, method="farneback", cache=cache)
    learner = MotionLearner(TINY).eval()
    torch.manual_seed(0)
    by_learner = largest_motion(clips, method="selfme", cache=cache, learner=learner)
    assert set(by_learner) == set(found)
    kept = next(path for path in tmp_path.glob("*-*.json"))
    kept.write_text(kept.read_text().replace('"apex": ', '"apex": 9'))
    assert largest_motion(clips, method="farneback", cache=cache) == found
    assert largest_motion(clips, method="selfme", cache=cache, learner=learner) == by_learner
    monkeypatch.setattr(apex, "motion_since", lambda *_: pytest.fail("measured again"))
    assert largest_motion(clips, method="farneback", cache=cache) == found
    assert largest_motion(clips, method="selfme", cache=cache, learner=learner) == by_learner


def test_methods_that_cannot_be(root, tmp_path):
    for method, words in (("truth", "not one of"), ("zero", "not one of"), ("selfme", "needs a motion learner")):
        with pytest.raises(UsageError, match=words):
            largest_motion(load_clips("smic", root), method=method, cache=FrameCache(tmp_path, 48))
