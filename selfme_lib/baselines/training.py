"""How a rival's network learns: the same for all, whatever each paper did.

A fixed number of epochs, the last one counts, nothing is chosen on the held-out subject. Since no epoch is picked, the
learning rate rises once and falls to nothing (one-cycle), so that the last epoch is a settled one; the papers have
constant rates. Inputs are brought to mean 0 and deviation 1, channel by channel, by the training clips' statistics, which
travel with the network; several papers normalise each sample by itself, which takes the strength of a motion away.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from selfme_lib.classifier.augmentation import augment
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import UsageError


@dataclass(frozen=True)
class NetworkConfig:
    """A network's size and training.

    Attributes:
        size: side of the input in px.
        width: factor on the number of channels; 1 is the paper's network.
        epochs, batch_size: fixed; the last epoch counts.
        lr: peak of the one-cycle schedule of Adam.
        pretrained: start from ImageNet weights (see `classifier.imagenet`); for the networks that have any.
    """

    size: int
    width: float
    epochs: int
    batch_size: int
    lr: float
    pretrained: bool

    def __post_init__(self):
        for name in ("size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise UsageError(f"rivals: {name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.width <= 4:
            raise UsageError(f"rivals: width is a factor in (0, 4], not {self.width}")
        if self.pretrained and self.width != 1:
            raise UsageError("rivals: pretrained weights fit width 1 only")


@dataclass(frozen=True)
class Moves:
    """Augmentation, as SCViT's (see `classifier.augmentation.augment`); all zero for none. `shift` in px of the input."""

    flip: bool = False
    shift: float = 0.0
    zoom: float = 0.0


class Network(nn.Module):
    """A classifier with an objective of its own; by default the cross-entropy of its logits."""

    def loss(self, inputs: Float[Tensor, "b c h w"], labels: Int[Tensor, "b"]) -> Float[Tensor, ""]:
        return F.cross_entropy(self(inputs), labels)


def channels(number: int, width: float) -> int:
    """So many channels, narrowed or widened, but at least one."""
    return max(1, round(number * width))


def count_parameters(network: nn.Module) -> int:
    """What is learned: weights and biases, those of batch norms included."""
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
    """Train for a fixed number of epochs; what comes back gives class probabilities of other clips, on the CPU.

    The same seed gives the same weights, bit for bit on a CPU.

    Args:
        build: makes the network, with random weights.
        inputs: all samples as one tensor.
        moves: random moves of the samples in each epoch.
        motion: the first two channels are a motion, whose direction and length move along.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = build().to(device).train()
        generator = torch.Generator().manual_seed(seed)
        mean = inputs.mean((0, 2, 3), keepdim=True)
        deviation = inputs.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
        samples, targets = inputs.to(device), labels.to(device)
        mean, deviation = mean.to(device), deviation.to(device)
        optimiser = torch.optim.Adam(network.parameters(), lr=config.lr, fused=True)
        batches = -(-len(samples) // config.batch_size)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, config.epochs * batches)
        for _ in range(config.epochs):
            order = torch.randperm(len(samples), generator=generator).to(device)
            for batch in order.tensor_split(batches):  # of almost equal size: batch norm cannot learn from one sample
                seen = samples[batch]
                if moves != Moves():
                    seen = augment(
                        seen, flip=moves.flip, shift=moves.shift, zoom=moves.zoom, motion=motion, generator=generator
                    )
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
