import base64

import cv2
import numpy as np
import pytest
import torch
from nbformat.v4 import new_output

from selfme_lib.grids import jacobian_determinant
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.plots.montage import BAR, GAP
from selfme_lib.plots.style import flow_to_rgb
from selfme_lib.runtime.errors import UsageError
from selfme_lib.widgets import explore_amplification
from selfme_lib.widgets.amplification import FULL_COLOUR, VIEWS, draw_view
from selfme_lib.widgets.canvas import draw_folds
from selfme_lib.widgets.samples import load_samples

SIZE = 128


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
    explorer.gamma.value = 2.0
    seen.append(explorer.picture.value)
    explorer.bspline.value = False
    seen.append(explorer.picture.value)
    explorer.clip.value = "second"
    seen.append(explorer.picture.value)
    assert len(set(seen)) == len(seen)
    explorer.clip.value, explorer.bspline.value, explorer.gamma.value, explorer.view.value = (
        "first",
        True,
        4.0,
        VIEWS[0],
    )
    assert explorer.picture.value == seen[0], "the picture is a function of the controls"


def test_the_picture_can_be_decoded_and_holds_onset_apex_and_view(explorer):
    picture = cv2.imdecode(np.frombuffer(explorer.picture.value, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (BAR + 256, 3 * 256 + 2 * GAP, 3)


def test_the_learner_runs_once_per_clip_and_not_before_it_is_needed(explorer, learner):
    assert learner.calls == 0
    pictures = set()
    for gamma in (0.0, 1.0, 6.0):
        explorer.gamma.value = gamma
        pictures.add(explorer.picture.value)
    assert learner.calls == 1 and len(pictures) == 3
    explorer.clip.value = "second"
    assert explorer.note.value and learner.calls == 2


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
    output = new_output("display_data", explorer._repr_mimebundle_()[0])  # raises if a notebook cannot store it
    assert base64.b64decode(output.data["image/jpeg"]) == explorer.picture.value


class Browser:
    """What the browser's side of an explorer says, and what it hears."""

    def __init__(self, explorer, monkeypatch):
        self._explorer, self.heard = explorer, []
        monkeypatch.setattr(explorer, "send", lambda message, buffers=(): self.heard.append((message, buffers)))

    def says(self, buffers=(), **message):
        self._explorer._handle_custom_msg(message, [memoryview(one) for one in buffers])
        return self.heard[-1] if self.heard else None


@pytest.fixture
def browser(explorer, monkeypatch):
    return Browser(explorer, monkeypatch)


def test_everything_starts_at_four(explorer, learner):
    assert explore_amplification().gamma.value == explorer.gamma.value == 4.0
    assert explore_amplification({"a": (torch.rand(3, 8, 8),) * 2}, learner=learner, gamma=1.5).gamma.value == 1.5


def test_the_browser_is_sent_a_clip_when_it_asks_for_it(browser):
    facts, content = browser.says(do="load", name="second", ask=7)
    assert facts["answer"] == 7 and facts["facts"]["frames"] == 2 and len(content) == 3


def test_what_the_browser_does_is_what_python_shows(explorer, browser):
    state = {"clip": "second", "gamma": 3.5, "view": "arrows", "how": "bilinear"}
    browser.says(do="state", state=state, number=5)
    assert (explorer.clip.value, explorer.gamma.value, explorer.bspline.value) == ("second", 3.5, False)
    assert explorer._state == state | {"number": 5}, "it hears its own number again, and knows that it is not behind"


def test_samples_reach_the_browser_without_an_estimator(monkeypatch):
    monkeypatch.setattr("selfme_lib.motion.checkpoint.load_estimator", lambda *_: pytest.fail("not needed"))
    explorer = explore_amplification()
    facts, content = Browser(explorer, monkeypatch).says(do="load", name=explorer.clip.options[1], ask=1)
    assert content == load_samples()[explorer.clip.options[1]][1] and "AU" in facts["facts"]["about"]


def test_true_motion_is_shown_where_it_is_known(explorer):
    known = explore_amplification()
    found = known.motion()
    known.truth.value = True
    clip = known.moving(known.clip.value)
    torch.testing.assert_close(known.motion(), clip.amplified(clip.apex, 4.0, truth=True))
    assert not torch.equal(known.motion(), found)
    before = explorer.motion()
    explorer.truth.value = True
    assert torch.equal(explorer.motion(), before), "of onset and apex it is not known"


@pytest.mark.parametrize("kind", ["gif", "mp4"])
def test_a_file_is_sent_when_the_reader_saves_one(kind, explorer, browser):
    state = {"clip": "first", "gamma": 4.0, "view": "warped face", "how": "spline"}
    answer, (content,) = browser.says(do="save", kind=kind, state=state, ask=2)
    assert answer["name"] == f"amplified.{kind}" and len(content) > 1000 and explorer.gamma.value == 4.0


def test_own_pictures_without_a_face_are_refused_in_one_line(explorer, browser):
    plain = cv2.imencode(".png", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
    browser.says([plain], do="part", first=True)
    browser.says([plain], do="part", first=False)
    answer, _ = browser.says(do="own", name="me.png", ask=3)
    assert "no face" in answer["problem"] and explorer.clip.options == ("first", "second")


def test_an_unforeseen_fault_is_told_and_raised(browser):
    with pytest.raises(KeyError):
        browser._explorer._receive(None, {"do": "load", "name": "third", "ask": 4}, [])
    assert "KeyError" in browser.heard[-1][0]["problem"]


def test_a_clip_of_ones_own_gets_a_name_of_its_own(explorer):
    clip = explorer.moving("first")
    assert explorer.add("me", clip) == "me" and explorer.add("me", clip) == "me (2)"
    assert explorer.clip.value == "me (2)" and explorer.moving("me") is clip


def test_an_explorer_needs_a_clip(learner):
    with pytest.raises(UsageError, match="at least one clip"):
        explore_amplification({}, learner=learner)
