import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfme_lib.baselines.capsule_net import CapsuleNet, margin_loss, route, squash


@settings(deadline=None, max_examples=30)
@given(st.floats(0.01, 50), st.integers(2, 8))
def test_squash_keeps_the_direction_and_makes_the_length_known(length, dimensions):
    direction = torch.nn.functional.normalize(torch.randn(dimensions), dim=0)
    squashed = squash(length * direction)
    torch.testing.assert_close(squashed, direction * length**2 / (1 + length**2), atol=1e-5, rtol=1e-4)
    assert squashed.norm() < 1


def test_one_vote_is_heard_as_it_is_shared():
    vote = torch.randn(2, 3, 1, 4)  # of one capsule, for three classes
    torch.testing.assert_close(route(vote, rounds=1), squash(vote[:, :, 0] / 3))


def test_routing_turns_to_the_class_on_which_capsules_agree():
    votes = torch.zeros(1, 2, 6, 4)
    votes[0, 0] = torch.tensor([1.0, 0, 0, 0])  # all six say the same of class 0
    votes[0, 1] = (
        torch.tensor([1.0, 0, 0, 0]) * torch.tensor([1, -1, 1, -1, 1, -1])[:, None]
    )  # and quarrel over class 1
    first, third = (route(votes, rounds=rounds).norm(dim=-1)[0] for rounds in (1, 3))
    assert third[0] > first[0] and third[1] <= 1e-3


def test_margin_loss_is_zero_when_lengths_are_right_and_known_when_not():
    labels = torch.tensor([0, 2])
    assert margin_loss(torch.tensor([[0.95, 0.05, 0.1], [0.0, 0.1, 0.9]]), labels) == 0
    lengths = torch.tensor([[0.4, 0.3, 0.0]])
    assert margin_loss(lengths, labels[:1]) == pytest.approx(0.5**2 + 0.5 * 0.2**2)


@pytest.mark.parametrize("size", [32, 64])
def test_lengths_are_below_one_and_learned(size):
    network = CapsuleNet(size=size, width=1 / 16)
    frames, labels = torch.rand(3, 3, size, size), torch.tensor([0, 1, 2])
    lengths = network(frames)
    assert lengths.shape == (3, 3) and (lengths < 1).all() and (lengths > 1e-3).all()  # awake: squash is flat at zero
    network.loss(frames, labels).backward()
    assert network.votes.grad.abs().sum() > 0 and network.conv.weight.grad.abs().sum() > 0
