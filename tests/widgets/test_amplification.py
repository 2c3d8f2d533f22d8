import base64

import cv2
import numpy as np
import pytest
import torch
from nbformat.v4 import new_output

from selfme_lib.data import Clip
from selfme_lib.grids import jacobian_determinant
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.plots.montage import BAR, GAP
from selfme_lib.plots.style import flow_to_rgb
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import ClipFrames, explore_amplification
from selfme_lib.widgets.amplification import FULL_COLOUR, VIEWS, draw_view
from selfme_lib.widgets.canvas import draw_folds

SIZE = 128


def clip_of(subject, name):
    return Clip(
        dataset="casme2", subject=subject, name=name, frames=(), frame_numbers=(), onset=1, apex=2, offset=3,
        emotion="", label=0, action_units="", fps=200.0,
    )  # fmt: skip


class KnownMotion(MotionLearner):
    """A motion learner that always finds the same motion, which folds when amplified."""

    def __init__(self):
        super().__init__(LearnerConfig(size=32, keypoints=2, width=4, depth=1, max_width=4, generator_width=2))
        self.calls = 0

    def dense_motion(self, onset, apex):
        self.calls += 1
        x = torch.linspace(-3, 3, SIZE // 4)
        push = torch.exp(-x.square()) * 0.7  # px of the lattice
        return torch.stack([push.expand(SIZE // 4, -1) * -x.sign(), push.expand(SIZE // 4, -1)])[None]


@pytest.fixture
def learner():
    return KnownMotion().eval()


@pytest.fixture
def explorer(learner):
    frames = {name: (torch.rand(3, SIZE, SIZE), torch.rand(3, SIZE, SIZE)) for name in ("first", "second")}
    return explore_amplification(frames, learner=learner)


def test_every_control_changes_the_picture(explorer):
    seen = [explorer.picture.value]
    for view in VIEWS[1:]:
        explorer.view.value = view
        seen.append(explorer.picture.value)
    explorer.gamma.value = 4.0
    seen.append(explorer.picture.value)
    explorer.bspline.value = False
    seen.append(explorer.picture.value)
    explorer.clip.value = "second"
    seen.append(explorer.picture.value)
    assert len(set(seen)) == len(seen)
    explorer.clip.value, explorer.bspline.value, explorer.gamma.value, explorer.view.value = (
        "first",
        True,
        2.0,
        VIEWS[0],
    )
    assert explorer.picture.value == seen[0], "the picture is a function of the controls"


def test_the_picture_can_be_decoded_and_holds_onset_apex_and_view(explorer):
    picture = cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (BAR + 256, 3 * 256 + 2 * GAP, 3)


def test_the_learner_runs_once_per_clip(explorer, learner):
    for gamma in (0.0, 1.0, 6.0):
        explorer.gamma.value = gamma
    assert learner.calls == 1
    explorer.clip.value = "second"
    assert learner.calls == 2


def test_the_motion_is_the_classifiers_input(explorer, learner):
    dense = learner.dense_motion(None, None)
    explorer.gamma.value = 3.0
    torch.testing.assert_close(explorer.motion(), diffeomorphic_motion(dense, (SIZE, SIZE), gamma=3.0)[0])
    explorer.bspline.value = False
    raw = diffeomorphic_motion(dense, (SIZE, SIZE), gamma=3.0, bspline=False)
    torch.testing.assert_close(explorer.motion(), raw[0])


def test_the_note_reports_folds_and_the_spline_removes_them(explorer):
    explorer.gamma.value, explorer.bspline.value = 6.0, False
    folded = (jacobian_determinant(explorer.motion()[None]) <= 0).float().mean()
    assert folded > 0
    assert f"{100 * folded:.2f} % of the cells fold" in explorer.note.value
    explorer.bspline.value = True
    assert "0.00 % of the cells fold" in explorer.note.value


def test_without_amplification_nothing_moves(explorer):
    explorer.gamma.value = 0.0
    explorer.view.value = "difference"
    picture = cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(picture[BAR + 16 :, -240:].astype(int) - 128).max() <= 3  # JPEG blurs the seam
    assert "longest motion 0.00 px" in explorer.note.value


def test_views_show_where_the_skin_went():
    onset, motion = torch.full((3, 32, 32), 0.5), torch.zeros(2, 32, 32)
    motion[0] = 2.0  # looks two pixels to the right: the skin went left
    colour = draw_view("colour flow", onset, motion, 1)
    leftwards = flow_to_rgb(-motion, FULL_COLOUR)
    np.testing.assert_allclose(colour, (leftwards.permute(1, 2, 0) * 255).round().numpy(), atol=1)
    onset[:, 16, 16] = 1.0
    warped = draw_view("warped face", onset, motion, 1)
    assert warped[16, 14].min() > 200 and warped[16, 16].max() < 140


def test_folded_cells_are_painted():
    picture, folded = np.zeros((8, 8, 3), np.uint8), torch.zeros(3, 3, dtype=torch.bool)
    folded[1, 2] = True
    draw_folds(picture, folded, 2)
    assert picture[3:5, 5:7].max(-1).min() > 0 and (picture.max(-1) > 0).sum() == 4


def test_the_static_twin_shows_the_same(explorer):
    figure = explorer.static()
    assert "smallest det J" in figure.get_supxlabel()
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (BAR + 256, 3 * 256 + 2 * GAP, 3)
    output = new_output("display_data", explorer._repr_mimebundle_())  # raises if a notebook cannot store it
    assert base64.b64decode(output.data["image/jpeg"]) == explorer.picture.value


def test_frames_of_a_data_set_are_read_on_demand(learner, monkeypatch):
    asked = []

    def load(clips, size):
        asked.append(clips[0].key)
        return torch.rand(1, 3, size, size), torch.rand(1, 3, size, size)

    monkeypatch.setattr("selfme_lib.widgets.amplification.load_onset_apex", load)
    clips = [clip_of("01", f"EP0{number}") for number in range(3)]
    explorer = explore_amplification(ClipFrames(clips, SIZE), learner=learner)
    asked.clear()  # the type checker has read from the mapping, too
    explorer.gamma.value = 5.0
    assert asked == [] and explorer.clip.options == ("01/EP00", "01/EP01", "01/EP02")
    explorer.clip.value = "01/EP02"
    assert asked == ["01/EP02"]


def test_an_explorer_needs_a_clip(learner):
    with pytest.raises(UsageError, match="at least one clip"):
        explore_amplification({}, learner=learner)
