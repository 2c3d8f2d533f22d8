r"""A pre-trained network that is not trained any further: what it says of a motion is computed once and read by a linear model.

With a few hundred clips, fine-tuning a million weights forgets more than it learns. `describe` gives what the head would read of
each region of a face, for a motion and for its mirror image. Two folds of `evaluation.loso` begin there: `fit_predict` is
logistic regression with the penalty of `linear.LinearConfig`; `fit_predict_heads` trains heads by the paper's objective (Eq 16),

$$e^i_\alpha = P z^i_\alpha, \qquad \hat y = MLP\Big(\sum_\alpha e^i_\alpha\Big), \qquad
  L_c = L_{cls} + \omega L_{sc}(e),$$

with $z_\alpha$ what is read of region $\alpha$ and $P$ learned, because the symmetric contrastive loss needs embeddings of
regions that can still change: those of the patches are frozen.
"""

from collections.abc import Callable, Sequence
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
from .training import Losses, epoch_order, over_batches, over_epochs

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


class Heads(nn.Module):
    """P and the MLP, several of them side by side, on regions that are centred and scaled like those they were trained on.

    Args:
        described: what they are trained on.
        seeds: of the first weights of each.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, described: Float[Tensor, "n 2 r d"], *, classes: int, seeds: Sequence[int]):
        super().__init__()
        width = described.shape[-1]
        self.register_buffer("centre", described.mean((0, 1)))
        self.register_buffer("scale", (described - self.centre).sum(2).std())
        first = []
        for seed in seeds:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                first.append([*nn.Linear(width, width).parameters(), *nn.Linear(width, classes).parameters()])
        inner, inner_bias, outer, outer_bias = (torch.stack(some).detach() for some in zip(*first))
        self.project = nn.Parameter(torch.eye(width).repeat(len(seeds), 1, 1))  # (s, d, d)
        self.inner, self.inner_bias = nn.Parameter(inner.mT.contiguous()), nn.Parameter(inner_bias[:, None])
        self.outer, self.outer_bias = nn.Parameter(outer.mT.contiguous()), nn.Parameter(outer_bias[:, None])

    def scaled(self, described: Float[Tensor, "*n r d"]) -> Float[Tensor, "*n r d"]:
        """z, centred and scaled."""
        return (described - self.centre) / self.scale

    def embed(self, scaled: Float[Tensor, "s b r d"]) -> Float[Tensor, "s b r d"]:
        """e, of each region."""
        return torch.bmm(scaled.flatten(1, 2), self.project).view_as(scaled)

    def classify(self, embedded: Float[Tensor, "s b r d"]) -> Float[Tensor, "s b k"]:
        """Logits."""
        hidden = F.gelu(torch.baddbmm(self.inner_bias, embedded.sum(2), self.inner))
        return torch.baddbmm(self.outer_bias, hidden, self.outer)


@one_thread()
def fit_predict_heads(
    config: ClassifierConfig,
    described: Float[Tensor, "n 2 r d"],
    labels: Int[Tensor, "n"],
    test: Float[Tensor, "m 2 r d"],
    *,
    classes: int = 3,
    seed: Sequence[int],
    device: str = "cpu",
    curve: dict[str, Float[Tensor, "s e"]] | None = None,
) -> Float[Tensor, "s m k"]:
    """Train a head from each seed on some clips and return its class probabilities of others.

    Heads are so small that a step's cost is that of starting it, so those of all seeds take it together; each has weights,
    batches and mirror images of its own. With `config.flip`, half of a batch is mirrored.

    Args:
        config: its epochs, batch size, rate, decay, $\\omega$, $\\tau$ and `denominator` count.
        curve: gets the losses of each head and epoch, as in `training.fit_predict`.
    """
    heads = Heads(described, classes=classes, seeds=seed).to(device)
    regions, targets = heads.scaled(described.to(device)), labels.to(device)
    if not config.omega:  # P is linear: without a loss of regions it may see their sum
        regions = regions.sum(2, keepdim=True)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.lr, config.epochs * -(-len(labels) // config.batch_size)
    )
    generators = [torch.Generator().manual_seed(one) for one in seed]
    epochs: list[Losses] = []
    for _ in range(config.epochs):
        order = torch.stack([epoch_order(labels, balanced=config.balanced, generator=one) for one in generators])
        view = torch.stack(
            [torch.randint(2 if config.flip else 1, one.shape, generator=g) for one, g in zip(order, generators)]
        )
        told: list[tuple[int, Losses]] = []
        for batch, seen in zip(order.split(config.batch_size, 1), view.split(config.batch_size, 1)):  # (s, b) each
            embedded, wanted = heads.embed(regions[batch, seen]), targets[batch]
            each = F.cross_entropy(heads.classify(embedded).flatten(0, 1), wanted.flatten(), reduction="none")
            loss = each.sum() / batch.shape[1]  # the sum of the heads' means: each gets the gradient it would get alone
            cross_entropy = each.detach().view_as(batch).mean(1)  # (s,)
            losses: Losses = {"loss": cross_entropy}
            if config.omega:
                contrasts = symmetric_contrastive_loss(embedded, wanted, tau=config.tau, denominator=config.denominator)
                loss = loss + config.omega * contrasts.sum()
                losses = {"loss": cross_entropy + config.omega * contrasts.detach(), "cross_entropy": cross_entropy}
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            told.append((batch.shape[1], losses))
        epochs.append(over_batches(told))
    if curve is not None:
        curve.update(over_epochs(epochs))
    with torch.inference_mode():
        shown = heads.scaled(test[:, 0].to(device)).expand(len(seed), -1, -1, -1)
        return heads.classify(heads.embed(shown)).softmax(-1).cpu()
