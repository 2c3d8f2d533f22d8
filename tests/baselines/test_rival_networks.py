"""Parameter counts as they are printed or counted by others, and layers in closed form."""

import math

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from selfme_lib.baselines.capsule_net import CapsuleNet
from selfme_lib.baselines.dual_inception import DualInception, Inception
from selfme_lib.baselines.featref import PROPOSAL_WEIGHT, FeatRef, proposal_loss
from selfme_lib.baselines.googlenet import GoogLeNet
from selfme_lib.baselines.off_apexnet import OFFApexNet
from selfme_lib.baselines.settings import PhotographConfig
from selfme_lib.baselines.ststnet import STSTNet
from selfme_lib.baselines.training import count_parameters
from selfme_lib.baselines.vgg16 import VGG16
from selfme_lib.runtime.errors import UsageError


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        (STSTNet, 1_683),
        (OFFApexNet, 2_664_475),
        (DualInception, 6_449_867),
        (FeatRef, 10_385_870),
        (GoogLeNet, 5_602_979),
        (VGG16, 134_272_835),
        (CapsuleNet, 13_842_496),
    ],
)
def test_parameters(network, parameters):
    with torch.device("meta"):
        built = network()
    assert count_parameters(built) == parameters


def test_ststnets_printed_count_is_ours_without_batch_norm_and_the_biases_of_its_streams_and_outputs_twice():
    network = STSTNet()
    norms = sum(p.numel() for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d) for p in m.parameters())
    streams = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    (output,) = (m for m in network.modules() if isinstance(m, torch.nn.Linear))
    biases = sum(m.bias.numel() for m in [*streams, output])
    assert count_parameters(network) - norms + biases == 1_670


def test_dual_inceptions_public_form_has_three_channels_a_stream():
    extra = 2 * 4 * 2 * 6  # two streams, four 1 x 1 convolutions each, two more channels, six kernels
    assert extra == 96


@pytest.mark.parametrize("network", [STSTNet, OFFApexNet, DualInception, FeatRef])
@pytest.mark.parametrize("size", [28, 32, 40])
def test_small_networks_take_any_size(network, size):
    channels = 3 if network is STSTNet else 2
    inputs = torch.randn(2, channels, size, size)
    assert network(size=size, width=0.25).eval()(inputs).shape == (2, 3)


@pytest.mark.parametrize("network", [GoogLeNet, VGG16])
def test_networks_for_photographs_take_small_inputs_down_to_a_limit(network):
    width = 1.0 if network is GoogLeNet else 1 / 16
    assert network(size=32, width=width).eval()(torch.randn(1, 3, 32, 32)).shape == (1, 3)
    with pytest.raises(ValidationError, match=r"size\n.*greater than or equal to 32"):
        PhotographConfig(size=28, width=width, epochs=1, batch_size=1, lr=1e-3, pretrained=False)


def test_googlenet_has_one_width():
    with pytest.raises(UsageError, match="set width to 1"):
        GoogLeNet(width=0.5)


def test_an_inception_block_holds_a_convolution_and_a_maximum():
    block = Inception(2, 3)
    inputs = torch.randn(1, 2, 9, 9)
    outputs = block(inputs)
    assert outputs.shape == (1, 12, 9, 9)
    one, pooled = block.branches[0][0], block.branches[3][1]
    torch.testing.assert_close(outputs[:, :3], F.conv2d(inputs, one.weight, one.bias).relu())
    largest = inputs.unfold(2, 3, 1).unfold(3, 3, 1).amax((-1, -2))  # inside the border
    expected = F.conv2d(largest, pooled.weight, pooled.bias).relu()
    torch.testing.assert_close(outputs[:, 9:, 1:-1, 1:-1], expected)


@pytest.mark.parametrize("network", [OFFApexNet, DualInception, FeatRef])
def test_u_and_v_have_streams_of_their_own(network):
    built = network(width=0.25)
    streams = built.streams if network is OFFApexNet else built.streams.streams
    inputs = torch.randn(1, 2, 28, 28)
    changed = inputs.clone()
    changed[:, 1] += 1
    before, after = (streams[0](x[:, :1]) for x in (inputs, changed))
    assert torch.equal(before, after)
    assert not torch.equal(built(inputs), built(changed))


def test_featrefs_objective_is_classification_plus_proposals():
    network = FeatRef(width=0.1)
    inputs, labels = torch.randn(4, 2, 28, 28), torch.tensor([0, 1, 2, 0])
    logits, proposed = network.forward_expressions(inputs)
    expected = F.cross_entropy(logits, labels) + PROPOSAL_WEIGHT * proposal_loss(proposed, labels)
    torch.testing.assert_close(network.loss(inputs, labels), expected)


def test_proposals_that_know_nothing_lose_log_two_and_right_ones_nothing():
    labels = torch.tensor([0, 1, 2, 2])
    assert proposal_loss(torch.zeros(4, 3), labels) == pytest.approx(math.log(2))
    assert proposal_loss(100 * (2.0 * F.one_hot(labels, 3) - 1), labels) < 1e-6


def test_an_expressions_proposal_teaches_its_own_branch_alone():
    network = FeatRef(width=0.1)
    _, proposed = network.forward_expressions(torch.randn(2, 2, 28, 28))
    proposed[:, 1].sum().backward()
    grads = [branch.attention.weight.grad for branch in network.proposals]
    assert [bool(grad.abs().sum() > 0) for grad in grads] == [False, True, False]
