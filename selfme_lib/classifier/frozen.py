r"""A pre-trained network that is not trained any further: what it says of a motion is computed once and read by a linear model.

With a few hundred clips, fine-tuning a million weights forgets more than it learns. `describe` gives what the head would read of
each region of a face, for a motion and for its mirror image. Two folds of `evaluation.loso` begin there: `fit_predict` is
logistic regression with the penalty of `linear.LinearConfig`; `fit_predict_head` trains a head by the paper's objective (Eq 16),

$$e^i_\alpha = P z^i_\alpha, \qquad \hat y = MLP\Big(\sum_\alpha e^i_\alpha\Big), \qquad
  L_c = L_{cls} + \omega L_{sc}(e),$$

with $z_\alpha$ what is read of region $\alpha$ and $P$ learned, because the symmetric contrastive loss needs embeddings of
regions that can still change: those of the patches are frozen.
"""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import UsageError

from .checkpoint import SHIPPED, load_pretrained
from .linear import LinearConfig, fit_predict_features
from .network import ClassifierConfig, SCViT
from .symmetry import flip_motion, symmetric_contrastive_loss
from .training import epoch_order

PENALTIES = {"units": LinearConfig(c=0.1), "motion": LinearConfig(c=3.0)}
"""Of the linear model behind each shipped network, chosen on choice people."""


def weights_of(config: ClassifierConfig) -> Path:
    """The file that `config.init` names.

    Raises:
        UsageError: there is none for a network that is not to be trained.
    """
    if config.init not in SHIPPED:
        raise UsageError(
            f"classifier.trained: head and linear need a pre-trained network; set init to {' or '.join(SHIPPED)}"
        )
    return SHIPPED[config.init]


def trunk(config: ClassifierConfig, *, device: str = "cpu") -> SCViT:
    """The pre-trained network of these settings, in `eval` mode."""
    return load_pretrained(config, path=weights_of(config)).to(device).eval()


@one_thread()
@torch.inference_mode()
def describe(
    read: Callable[[Float[Tensor, "b 2 h w"]], Float[Tensor, "b r d"]],
    motion: Float[Tensor, "n 2 h w"],
    *,
    device: str | torch.device = "cpu",
    batch_size: int = 64,
) -> Float[Tensor, "n 2 r d"]:
    """What a network's last layers read (`SCViT.describe_regions`) of each motion, and of its mirror image; on the CPU."""
    parts = [part.to(device) for part in motion.split(batch_size)]
    return torch.cat([torch.stack([read(part), read(flip_motion(part))], dim=1).cpu() for part in parts])


def fit_predict(
    config: LinearConfig,
    described: Float[Tensor, "n 2 r d"],
    labels: Int[Tensor, "n"],
    test: Float[Tensor, "m 2 r d"],
    *,
    classes: int = 3,
    seed: int = 0,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train on some clips, each seen twice, and return the class probabilities of others. `seed` and `device` change nothing."""
    as_it_is, mirrored = described.sum(2).unbind(1)
    return fit_predict_features(config, (as_it_is, mirrored), labels, test[:, 0].sum(1), classes=classes)


class Head(nn.Module):
    """P and the MLP, on regions that are centred and scaled like those it was trained on."""

    centre: Tensor
    scale: Tensor

    def __init__(self, described: Float[Tensor, "n 2 r d"], *, classes: int):
        super().__init__()
        width = described.shape[-1]
        self.register_buffer("centre", described.mean((0, 1)))
        self.register_buffer("scale", (described - self.centre).sum(2).std())
        self.project = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.project.weight)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, classes))

    def embed(self, described: Float[Tensor, "b r d"]) -> Float[Tensor, "b r d"]:
        """e, of each region."""
        return self.project((described - self.centre) / self.scale)

    def classify(self, regions: Float[Tensor, "b r d"]) -> Float[Tensor, "b k"]:
        """Logits."""
        return self.mlp(regions.sum(1))


@one_thread()
def fit_predict_head(
    config: ClassifierConfig,
    described: Float[Tensor, "n 2 r d"],
    labels: Int[Tensor, "n"],
    test: Float[Tensor, "m 2 r d"],
    *,
    classes: int = 3,
    seed: int,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train a head on some clips and return the class probabilities of others. With `config.flip`, half of a batch is mirrored.

    Args:
        config: its epochs, batch size, rate, decay, $\\omega$, $\\tau$ and `denominator` count.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        head = Head(described, classes=classes).to(device)
    described, targets = described.to(device), labels.to(device)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    steps = config.epochs * -(-len(labels) // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.lr, steps)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.epochs):
        order = epoch_order(labels, balanced=config.balanced, generator=generator)
        for batch in order.split(config.batch_size):
            view = torch.randint(2 if config.flip else 1, (len(batch),), generator=generator)
            regions = head.embed(described[batch, view])
            loss = F.cross_entropy(head.classify(regions), targets[batch])
            if config.omega:
                contrast = symmetric_contrastive_loss(
                    regions, targets[batch], tau=config.tau, denominator=config.denominator
                )
                loss = loss + config.omega * contrast
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    with torch.inference_mode():
        return head.classify(head.embed(test[:, 0].to(device))).softmax(-1).cpu()
