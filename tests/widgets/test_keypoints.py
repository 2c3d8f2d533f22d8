from dataclasses import replace

import pytest
import torch

from data import trees
from selfme_lib.data import load_clips
from selfme_lib.motion.learner import Motion, MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import ClipFrames, view_keypoints

SIZE, K = 64, 3


class KnownPoints(MotionLearner):
    """Three keypoints; the second moves two pixels to the right and governs the left half of the face."""

    def __init__(self):
        super().__init__(LearnerConfig(size=32, keypoints=K, width=4, depth=1, max_width=4, generator_width=2))
        self.calls = 0

    def forward_motion(self, source, target):
        self.calls += 1
        start = torch.tensor([[[-0.5, -0.5], [0.0, 0.0], [0.5, 0.5]]])
        step = torch.zeros(1, K, 2)
        step[0, 1, 0] = 2 * 2 / (SIZE - 1)
        local = torch.cat([-step, torch.zeros(1, 1, 2)], 1)
        weights = torch.zeros(1, K + 1, 8, 8)
        weights[:, 1, :, :4], weights[:, K, :, 4:] = 1.0, 1.0
        return Motion(start, start + step, local, weights, (torch.zeros(1, 2, 8, 8),))


@pytest.fixture
def learner():
    return KnownPoints().eval()


@pytest.fixture
def viewer(learner):
    return view_keypoints({name: tuple(torch.rand(2, 3, SIZE, SIZE)) for name in "ab"}, learner=learner)


def test_it_starts_at_the_keypoint_that_moves_most(viewer):
    assert viewer.keypoint.value == 2 and viewer.keypoint.options[-1] == ("none: standing still", K + 1)
    torch.testing.assert_close(viewer.displacements(), torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]))
    assert "keypoint 2 moves (+2.00, +0.00) px" in viewer.note.value
    assert "largest of all on 50.0 % of the face" in viewer.note.value


class OtherPoints(KnownPoints):
    """In frames that are dark the third keypoint moves."""

    def forward_motion(self, source, target):
        motion = super().forward_motion(source, target)
        if source.mean() > 0.4:
            return motion
        return replace(motion, local=motion.local[:, [0, 2, 1, 3]])


def test_each_clip_starts_at_its_own_keypoint():
    frames = {name: tuple(level * torch.rand(2, 3, SIZE, SIZE)) for name, level in (("a", 1.0), ("b", 0.1))}
    viewer = view_keypoints(frames, learner=OtherPoints().eval())
    assert viewer.keypoint.value == 2
    drawn = viewer._drawn
    viewer.clip.value = "b"
    assert viewer.keypoint.value == 3 and viewer._drawn == drawn + 1
    assert viewer._controls[1][0]["value"] == 2, "the browser is told the place in the menu, too"


def test_the_last_weight_stands_still(viewer):
    viewer.keypoint.value = K + 1
    assert "standing still does not move" in viewer.note.value
    assert "50.0 %" in viewer.note.value


def test_every_control_changes_the_picture_and_the_learner_runs_once_per_clip(viewer, learner):
    seen = [viewer.picture.value]
    for name, value in (("keypoint", 1), ("magnify", 20), ("clip", "b")):
        getattr(viewer, name).value = value
        seen.append(viewer.picture.value)
    assert len(set(seen)) == len(seen) and learner.calls == 2


def test_the_viewer_needs_a_clip(learner):
    with pytest.raises(UsageError, match="at least one clip"):
        view_keypoints({}, learner=learner)


def test_frames_that_are_read_from_disk_when_asked_for(tmp_path, learner):
    """Their reader fills its tensors in threads, where nothing is in inference mode."""
    clips = load_clips("casme2", trees.casme2(tmp_path))
    viewer = view_keypoints(ClipFrames(clips, SIZE), learner=learner)
    assert viewer.clip.value == clips[0].key and viewer.picture.value
