from functools import partial

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from selfme_lib.baselines.off_apexnet import OFFApexNet
from selfme_lib.baselines.settings import NetworkConfig
from selfme_lib.baselines.training import Moves, Network, train_network
from toy_motion import moving_blobs

CONFIG = NetworkConfig(size=28, width=0.25, epochs=12, batch_size=8, lr=3e-3, pretrained=False)
MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(4, 9, size=28)


class Recorder(Network):
    """Keeps what it is shown."""

    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(2 * 28 * 28, 3))
        self.seen = []

    def forward(self, inputs):
        self.seen.append(inputs.detach())
        return self.head(inputs)


def test_it_learns_the_toy_problem_the_same_from_the_same_seed():
    build = partial(OFFApexNet, width=0.25)
    train = [train_network(build, CONFIG, MOTION[:27], LABELS[:27], seed=seed) for seed in (0, 0, 1)]
    predictions = [predict(MOTION[27:]) for predict in train]
    assert torch.equal(predictions[0], predictions[1])
    assert not torch.equal(predictions[0], predictions[2])
    assert (predictions[0].argmax(1) == LABELS[27:]).float().mean() > 0.8
    torch.testing.assert_close(predictions[0].sum(1), torch.ones(9))


def test_inputs_are_normalised_by_the_training_clips_alone():
    recorder = Recorder()
    inputs = 5 + 3 * torch.randn(16, 2, 28, 28)
    predict = train_network(lambda: recorder, CONFIG, inputs, LABELS[:16], seed=0)
    shown = torch.cat(recorder.seen[:2])
    assert shown.shape == (16, 2, 28, 28)
    torch.testing.assert_close(shown.mean((0, 2, 3)), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(shown.std((0, 2, 3)), torch.ones(2), atol=1e-4, rtol=0)
    recorder.seen.clear()
    predict(torch.full((2, 2, 28, 28), 11.0))  # test clips do not normalise themselves
    mean, deviation = inputs.mean((0, 2, 3)), inputs.std((0, 2, 3))
    torch.testing.assert_close(recorder.seen[0][0, :, 0, 0], (11 - mean) / deviation)


def test_no_batch_is_left_with_a_single_sample():
    recorder = Recorder()
    train_network(lambda: recorder, CONFIG, MOTION[:17], LABELS[:17], seed=0)
    assert {len(batch) for batch in recorder.seen} == {5, 6}


def test_moves_change_what_is_seen_and_are_the_same_for_the_same_seed():
    shown = []
    for moves in (Moves(), Moves(flip=True, shift=2, zoom=0.1), Moves(flip=True, shift=2, zoom=0.1)):
        recorder = Recorder()
        train_network(lambda recorder=recorder: recorder, CONFIG, MOTION[:8], LABELS[:8], moves=moves, seed=0)
        shown.append(torch.cat(recorder.seen))
    assert torch.equal(shown[1], shown[2]) and not torch.equal(shown[0], shown[1])


def test_random_numbers_of_others_are_left_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    train_network(partial(OFFApexNet, width=0.1), CONFIG, MOTION[:8], LABELS[:8], seed=0)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"width": 0.0}, {"lr": -1e-3}, {"lr": float("nan")}, {"width": 0.5, "pretrained": True}],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        NetworkConfig(**{**vars(CONFIG), **wrong})
