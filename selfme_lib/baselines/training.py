"""How a rival's network is trained: the same way for all, whatever each paper did.

A fixed number of epochs, of which the last counts; nothing is chosen on the held-out subject. Since no epoch is picked, the
learning rate rises once and falls to zero (one-cycle), so that the last epoch is a settled one; the papers keep it constant.
Inputs are standardised channel by channel with the training clips' statistics, which are stored with the network; several
papers normalise each sample by itself, which removes the strength of a motion.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from selfme_lib.classifier.augmentation import augment
from selfme_lib.runtime.device import one_thread

from .settings import NetworkConfig


@dataclass(frozen=True)
class Moves:
    """Augmentation, as SCViT's (see `classifier.augmentation.augment`); all zero for none. `shift` in px of the input."""

    flip: bool = False
    shift: float = 0.0
    zoom: float = 0.0


class Network(nn.Module):
    """A classifier with its own objective, by default the cross-entropy of its logits.

    Attributes:
        imagenet: torchvision's name of the weights that fit `body`; empty if there are none.
    """

    imagenet: ClassVar[str] = ""
    body: nn.Module

    def loss(self, inputs: Float[Tensor, "b c h w"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        return F.cross_entropy(self(inputs), labels)


def channels(number: int, width: float) -> int:
    """`number` of channels, scaled by `width`, but at least one."""
    return max(1, round(number * width))


def count_parameters(network: nn.Module) -> int:
    """Learned values: weights and biases, including those of batch norms."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@one_thread()
def train_network(
    build: Callable[[], Network],
    config: NetworkConfig,
    inputs: Float[Tensor, "n c h w"],
    labels: Int[Tensor, "n"],
    *,
    moves: Moves = Moves(),
    motion: bool = True,
    seed: int,
    device: str = "cpu",
) -> Callable[[Float[Tensor, "m c h w"]], Float[Tensor, "m k"]]:
    """Train for a fixed number of epochs; the result gives class probabilities of other clips, on the CPU.

    The same seed gives the same weights, bit for bit on a CPU.

    Args:
        build: makes the network, with random weights.
        inputs: all samples as one tensor.
        moves: random augmentation of the samples in each epoch.
        motion: the first two channels are a motion, whose vectors are mirrored and scaled along.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build().to(device).train()
        generator = torch.Generator().manual_seed(seed)
        mean = inputs.mean((0, 2, 3), keepdim=True).to(device)
        deviation = inputs.std((0, 2, 3), keepdim=True).clamp_min(1e-6).to(device)
        samples, targets = inputs.to(device), labels.to(device)
        optimiser = torch.optim.Adam(network.parameters(), lr=config.lr, fused=True)
        batches = -(-len(samples) // config.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, config.epochs * batches)
        for _ in range(config.epochs):
            order = torch.randperm(len(samples), generator=generator).to(device)
            for batch in order.tensor_split(batches):  # of almost equal size: batch norm cannot learn from one sample
                seen = samples[batch]
                if moves != Moves():
                    seen = augment(seen, **vars(moves), motion=motion, generator=generator)
                loss = network.loss((seen - mean) / deviation, targets[batch])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    network.eval()

    @one_thread()
    @torch.inference_mode()
    def predict(others: Float[Tensor, "m c h w"]) -> Float[Tensor, "m k"]:
        parts = [(part.to(device) - mean) / deviation for part in others.split(64)]
        return torch.cat([network(part).softmax(-1).cpu() for part in parts])

    return predict
