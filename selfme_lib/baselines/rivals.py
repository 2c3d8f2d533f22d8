"""Every rival behind one call: what it is called, what it sees, and how it is trained and asked.

    rival = Rival("ststnet", settings.evaluation.rivals.ststnet)
    predict = train(rival, inputs, labels, seed=0)
    probabilities = predict(other_inputs)                # (m, 3)

`fit_predict` is a fold of `evaluation.loso`, as `classifier.training.fit_predict` is.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

from .bi_woof import BiWOOFConfig
from .capsule_net import CapsuleNet
from .dual_inception import DualInception
from .featref import FeatRef
from .googlenet import GoogLeNet
from .lbp_top import LBPTOPConfig
from .off_apexnet import OFFApexNet
from .ststnet import STSTNet
from .svm import train_svm
from .tcae import TCAEConfig, TCAEHead
from .torchvision_weights import imagenet_state, load_imagenet
from .training import Moves, Network, NetworkConfig, train_network
from .vgg16 import VGG16

Predictor = Callable[[Float[Tensor, "m c h w"]], Float[Tensor, "m k"]]
Sees = Literal["clip", "apex frame", "flow", "flow and strain", "action vectors"]


@dataclass(frozen=True)
class RivalsConfig:
    """Settings of every rival; the names are those of `RIVALS`. `tcae` is the autoencoder, which comes before `tcae_fc`."""

    lbp_top: LBPTOPConfig
    bi_woof: BiWOOFConfig
    capsule_net: NetworkConfig
    googlenet: NetworkConfig
    vgg16: NetworkConfig
    off_apexnet: NetworkConfig
    dual_inception: NetworkConfig
    ststnet: NetworkConfig
    featref: NetworkConfig
    tcae: TCAEConfig
    tcae_fc: NetworkConfig


@dataclass(frozen=True)
class Method:
    """What a rival is.

    Attributes:
        title: as the paper's tables call it.
        table: of the paper.
        sees: its input; `flow` is u and v.
        network: None for the two that end in a support vector machine.
    """

    title: str
    table: int
    sees: Sees
    network: type[Network] | None = None


RIVALS: dict[str, Method] = {
    "lbp_top": Method("LBP-TOP", 2, "clip"),
    "capsule_net": Method("CapsuleNet", 2, "apex frame", CapsuleNet),
    "bi_woof": Method("Bi-WOOF", 2, "flow and strain"),
    "googlenet": Method("GoogLeNet", 2, "flow and strain", GoogLeNet),
    "vgg16": Method("VGG16", 2, "flow and strain", VGG16),
    "off_apexnet": Method("OFF-ApexNet", 2, "flow", OFFApexNet),
    "dual_inception": Method("Dual-Inception", 2, "flow", DualInception),
    "ststnet": Method("STSTNet", 2, "flow and strain", STSTNet),
    "featref": Method("FeatRef", 2, "flow", FeatRef),
    "tcae_fc": Method("TCAE+FC", 3, "action vectors", TCAEHead),
}
"""In the order of the paper's tables."""


@dataclass(frozen=True)
class Rival:
    """One rival with its settings: all that determines its folds, beside data and seed.

    Attributes:
        method: of `RIVALS`.
        settings: its field of `RivalsConfig`.
        moves: augmentation of the training clips, for networks on pictures of any kind.
    """

    method: str
    settings: NetworkConfig | LBPTOPConfig | BiWOOFConfig
    moves: Moves = Moves()

    @property
    def sees(self) -> Sees:
        return RIVALS[self.method].sees


def build(rival: Rival, *, channels: int, classes: int = 3) -> Network:
    """The network of a rival, not trained yet. `channels` of its input count for `TCAE+FC` only."""
    method = RIVALS[rival.method]
    if method.network is TCAEHead:
        return TCAEHead(vector=channels, classes=classes)
    network = method.network(size=rival.settings.size, width=rival.settings.width, classes=classes)
    if rival.settings.pretrained:
        load_imagenet(network, rival.method)
    return network


def train(
    rival: Rival,
    inputs: Float[Tensor, "n c h w"],
    labels: Int[Tensor, "n"],
    *,
    classes: int = 3,
    seed: int,
    device: str = "cpu",
) -> Predictor:
    """Train a rival on some clips; what comes back gives class probabilities of others.

    Args:
        inputs: what the rival sees (see `inputs`); descriptors of support vector machines are `n d 1 1`.
        classes: number of classes.
    """
    method = RIVALS[rival.method]
    if method.network is None:
        return train_svm(inputs, labels, c=rival.settings.c, classes=classes)
    return train_network(
        lambda: build(rival, channels=inputs.shape[1], classes=classes),
        rival.settings,
        inputs,
        labels,
        moves=Moves() if method.sees == "action vectors" else rival.moves,
        motion=method.sees != "apex frame",
        seed=seed,
        device=device,
    )


def fit_predict(
    rival: Rival,
    inputs: Float[Tensor, "n c h w"],
    labels: Int[Tensor, "n"],
    test_inputs: Float[Tensor, "m c h w"],
    *,
    classes: int = 3,
    seed: int,
    device: str = "cpu",
) -> Float[Tensor, "m k"]:
    """Train on some clips and give the class probabilities of others: one fold of `evaluation.loso`."""
    return train(rival, inputs, labels, classes=classes, seed=seed, device=device)(test_inputs)


def with_available_weights(rival: Rival) -> Rival:
    """The same rival, but random weights (and a line on stderr) if the ImageNet weights cannot be had."""
    if not getattr(rival.settings, "pretrained", False):
        return rival
    try:
        imagenet_state(rival.method)
    except OSError as error:
        reason = str(error).splitlines()[0]
        title = RIVALS[rival.method].title
        print(f"ImageNet weights of {title} cannot be had ({reason}): starting from random weights", file=sys.stderr)
        return replace(rival, settings=replace(rival.settings, pretrained=False))
    return rival
