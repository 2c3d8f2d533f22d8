# ruff: noqa: F811 - fixtures
"""Every public path on a card whose tensors do not mix with the CPU's (see `card`)."""

import copy
from dataclasses import replace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
import torch

from card import card, card_fabric  # noqa: F401
from selfme_lib.app.chapters import find_notebooks
from selfme_lib.baselines import rivals
from selfme_lib.baselines.rivals import RIVALS, Rival
from selfme_lib.baselines.settings import TCAEConfig
from selfme_lib.baselines.tcae import TCAE
from selfme_lib.baselines.tcae_training import train_tcae
from selfme_lib.classifier.grad_cam import grad_cam
from selfme_lib.classifier.network import build_classifier
from selfme_lib.classifier.training import fit_predict, train_classifier
from selfme_lib.motion.diffeo import exponential
from selfme_lib.motion.face_prior import FacePrior, FacePriorConfig
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.motion.settings import LearnerConfig, TrainingConfig
from selfme_lib.motion.training import train
from selfme_lib.runtime.paths import NOTEBOOKS
from selfme_lib.study import profiles
from selfme_lib.study.study import Study
from toy_motion import TINY, moving_blobs

pytestmark = pytest.mark.filterwarnings("ignore:for .*copying from a non-meta parameter:UserWarning")  # it is none

SMALL = LearnerConfig(size=32, largest=32, keypoints=3, width=8, depth=1, max_width=8, generator_width=4)
FRAMES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8)
PAIRS = FramePairs(FRAMES, [0, 3, 6])


def new_learner():
    torch.manual_seed(1)
    return MotionLearner(SMALL).eval()


def test_a_card_refuses_what_a_card_refuses(card):
    there, here = torch.ones(3, device=card), torch.ones(3)
    assert there.device.type == card and (there + 1).cpu().tolist() == [2, 2, 2]
    for mistake in (lambda: there + here, lambda: here.mul_(there), lambda: torch.cat([there, here]), there.numpy):
        with pytest.raises(RuntimeError):
            mistake()
    assert torch.equal((there * torch.tensor(2.0)).cpu(), 2 * here)  # numbers may come from anywhere


def test_motion_of_frames_that_are_elsewhere(card):
    here, there = new_learner(), new_learner().to(card)
    onset, apex = torch.rand(2, 2, 3, 40, 40)
    torch.testing.assert_close(there.dense_motion(onset, apex), here.dense_motion(onset, apex))
    with torch.inference_mode():
        assert there.forward_motion(onset, apex).weights.device.type == "cpu"
        assert there.forward_keypoints(onset).device.type == there(onset, apex)[0].device.type == "cpu"
        assert there.forward_motion(onset.to(card), apex.to(card), passes=2).dense.device.type == card


def test_selfme_plus_on_frames_that_are_elsewhere(card, monkeypatch):
    """Wherever model and frames are, the motion is the same, and nothing between them goes through the CPU."""
    torch.manual_seed(1)
    here = FacePrior(FacePriorConfig(lattice=8, factors=3, width=4)).eval()
    here.basis.normal_(0, 0.3)
    there = copy.deepcopy(here).to(card)
    onset, apex = torch.rand(2, 2, 3, 40, 40)
    expected = here.dense_motion(onset, apex)
    torch.testing.assert_close(there.dense_motion(onset, apex), expected)
    onset, apex = onset.to(card), apex.to(card)
    with monkeypatch.context() as patch:
        for waiting in ("tolist", "item", "__int__", "__bool__"):
            patch.setattr(type(onset), waiting, None)
        found = there.dense_motion(onset, apex)
    assert found.device.type == card
    torch.testing.assert_close(found.cpu(), expected)


def test_an_exponential_asks_the_card_for_nothing_and_is_the_same(card, monkeypatch):
    """Each field takes as many squarings as on a CPU, but the CPU is not told how many."""
    velocity = torch.randn(3, 2, 16, 16) * torch.tensor([0.0, 0.1, 0.5])[:, None, None, None]
    expected, there = exponential(velocity), velocity.to(card)
    with monkeypatch.context() as patch:
        for waiting in ("tolist", "item", "__int__", "__bool__"):
            patch.setattr(type(there), waiting, None)
        result = exponential(there)
    torch.testing.assert_close(result.cpu(), expected)


def test_training_and_resuming(card, tmp_path):
    config, state = TrainingConfig(steps=4, batch_size=2), tmp_path / "state.ckpt"
    whole, killed, resumed = (new_learner() for _ in range(3))
    curve = train(whole, PAIRS, config, fabric=card_fabric(), validation=PAIRS, every=2)
    with pytest.raises(KeyboardInterrupt):
        train(
            killed, Interrupted(FRAMES, [0, 3, 6]), config, fabric=card_fabric(), state=state, every=2, validation=PAIRS
        )
    assert train(resumed, PAIRS, config, fabric=card_fabric(), validation=PAIRS, every=2, state=state) == curve
    assert next(resumed.parameters()).device.type == card
    for ours, theirs in zip(resumed.state_dict().values(), whole.state_dict().values()):
        assert torch.equal(ours.cpu(), theirs.cpu())


class Interrupted(FramePairs):
    """Whoever draws the third batch is interrupted."""

    drawn = 0

    def draw(self, batch, generator):
        self.drawn += 1
        if self.drawn == 3:
            raise KeyboardInterrupt
        return super().draw(batch, generator)


def test_tcae_in_training_and_in_use(card):
    config = TCAEConfig(size=32, width=0.125, steps=2, batch_size=2, lr=1e-3)
    model, _ = train_tcae(config, PAIRS, device=card)
    onset, apex = torch.rand(2, 2, 3, 32, 32)
    there = model.flow(onset, apex)
    assert there.device.type == model.vectors(onset, apex).device.type == "cpu"
    here = TCAE(config).eval()
    here.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    torch.testing.assert_close(there, here.flow(onset, apex))


@pytest.mark.parametrize("changes", [{}, {"denominator": "all"}, {"mirror": True, "flip": True, "shift": 2.0}])
def test_the_classifier_in_training_prediction_and_grad_cam(card, changes):
    motion, labels, *_ = moving_blobs(2, 4)
    config = replace(TINY, epochs=2, **changes)
    expected = fit_predict(config, motion, labels, motion[:3], seed=0, device="cpu")
    torch.testing.assert_close(fit_predict(config, motion, labels, motion[:3], seed=0, device=card), expected)
    here = train_classifier(config, motion, labels, seed=0)
    there = build_classifier(config).eval().to(card)
    there.load_state_dict(here.state_dict())
    torch.testing.assert_close(grad_cam(there, motion[:3], labels[:3]), grad_cam(here, motion[:3], labels[:3]))


@pytest.mark.parametrize("name", ["ststnet", "dual_inception", "featref", "tcae_fc", "capsule_net"])
def test_rivals_in_training_and_prediction(card, name):
    settings = getattr(profiles.load("smoke").evaluation.rivals, name)
    channels = {"flow": 2, "action vectors": 8, "apex frame": 3}.get(RIVALS[name].sees, 3)
    side = 1 if name == "tcae_fc" else settings.size
    inputs, labels = torch.rand(6, channels, side, side), torch.arange(6) % 3
    found = [
        rivals.fit_predict(Rival(name, settings), inputs, labels, inputs, seed=0, device=on) for on in ("cpu", card)
    ]
    torch.testing.assert_close(*found)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("card") / "run"


@pytest.mark.parametrize("number", ["03", "04", "07"])
def test_what_a_notebook_calls(card, number, run_folder, monkeypatch):
    """Every cell of the chapters whose networks are on the study's device, at the smoke profile, with a small learner."""
    values = {**profiles.to_dict(profiles.load("smoke", motion={"steps": 0})), "run_dir": str(run_folder)}
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.setattr(Study, "learner", lambda _: new_learner().to(card))
    (path,) = find_notebooks(NOTEBOOKS, [number])
    names = {"__name__": f"chapter_{number}"}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            names |= values if "parameters" in cell.metadata.get("tags", ()) else {}
    plt.close("all")
