import numpy as np
import torch
from PIL import Image

from selfme_lib.app.publish import ANIMATION
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.plots.animation import amplification_frames, save_animation
from selfme_lib.plots.montage import BAR, GAP
from selfme_lib.runtime.paths import PROJECT

SIZE = 64


class Shift(MotionLearner):
    """Everything moves one pixel of the frame to the right."""

    def __init__(self):
        super().__init__(LearnerConfig(size=32, keypoints=2, width=4, depth=1, max_width=4, generator_width=2))

    def dense_motion(self, onset, apex):
        return torch.tensor([-1.0, 0.0])[None, :, None, None].expand(1, 2, 16, 16) * 15 / (SIZE - 1)


def test_each_column_moves_gamma_times_as_far_and_back(tmp_path):
    onset = torch.zeros(3, SIZE, SIZE)
    onset[:, :, 20] = 1.0
    frames = amplification_frames(Shift().eval(), {"line": (onset, onset)}, gammas=(1.0, 4.0), frames=4)
    assert len(frames) == 4 and frames[0].shape == (BAR + SIZE, 2 * SIZE + GAP, 3)

    def line(picture, column):
        left = column * (SIZE + GAP)
        return int(picture[BAR + SIZE // 2, left : left + SIZE, 0].argmax())

    assert (line(frames[0], 0), line(frames[0], 1)) == (20, 20), "starts at the onset"
    assert (line(frames[2], 0), line(frames[2], 1)) == (21, 24), "moves γ pixels by the apex"
    assert np.array_equal(frames[1], frames[3]), "returns the way it came"
    save_animation(tmp_path / "moving.webp", frames)
    with Image.open(tmp_path / "moving.webp") as picture:
        assert picture.n_frames == 4 and picture.info["loop"] == 0


def test_the_published_animation_is_small_enough_for_a_front_page():
    assert (PROJECT / ANIMATION).stat().st_size < 1.5e6
    with Image.open(PROJECT / ANIMATION) as picture:
        assert picture.is_animated
