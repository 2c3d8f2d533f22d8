"""Every rival behind one call: its name, its input, and how it is trained and asked.

    rival = Rival("ststnet", settings.evaluation.rivals.ststnet)
    predict = train(rival, inputs, labels, seed=0)
    probabilities = predict(other_inputs)                # (m, 3)

`fit_predict` is a fold of `evaluation.loso`, as `classifier.training.fit_predict` is.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from jaxtyping import Float, Int
from torch import Tensor

from selfme_lib.runtime.errors import UsageError

from .capsule_net import CapsuleNet
from .dual_inception import DualInception
from .featref import FeatRef
from .googlenet import GoogLeNet
from .off_apexnet import OFFApexNet
from .settings import BiWOOFConfig, LBPTOPConfig, NetworkConfig
from .ststnet import STSTNet
from .svm import train_svm
from .tcae import TCAEHead
from .training import Moves, Network, train_network
from .vgg16 import VGG16

Predictor = Callable[[Float[Tensor, "m c h w"]], Float[Tensor, "m k"]]
Sees = Literal["clip", "apex frame", "flow", "flow and strain", "action vectors"]


@dataclass(frozen=True)
class Method:
    """What a rival is.

    Attributes:
        title: its name in the paper's tables.
        table: of the paper.
        sees: its input; `flow` is u and v.
        network: None for the two with a support vector machine.
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
    """One rival with its settings: all that determines its folds besides data and seed.

    Attributes:
        method: of `RIVALS`.
        settings: its field of `RivalsConfig`.
        moves: augmentation of the training clips, for networks that see pictures of any kind.
    """

    method: str
    settings: NetworkConfig | LBPTOPConfig | BiWOOFConfig
    moves: Moves = Moves()

    @property
    def sees(self) -> Sees:
        return RIVALS[self.method].sees


def build(rival: Rival, *, channels: int, classes: int = 3) -> Network:
    """The network of a rival, untrained. Only `TCAE+FC` depends on the `channels` of its input.

    Raises:
        ValueError: the rival is a support vector machine.
    """
    network, settings = RIVALS[rival.method].network, rival.settings
    if network is None or not isinstance(settings, NetworkConfig):
        raise ValueError(f"{rival.method} is a support vector machine and has no network")
    if network is TCAEHead:
        return TCAEHead(vector=channels, classes=classes)
    built = network(size=settings.size, width=settings.width, classes=classes)
    if settings.pretrained:  # all weights but the classifier's, which was made for a thousand classes
        own, found = built.body.state_dict(), imagenet_state(rival.method)
        fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
        built.body.load_state_dict({**own, **fitting})
    return built


def train(
    rival: Rival,
    inputs: Float[Tensor, "n c h w"],
    labels: Int[Tensor, "n"],
    *,
    classes: int = 3,
    seed: int,
    device: str = "cpu",
) -> Predictor:
    """Train a rival on some clips; the result gives class probabilities of others.

    Args:
        inputs: what the rival sees (see `inputs`); descriptors of support vector machines are `n d 1 1`.
        classes: number of classes.
    """
    settings = rival.settings
    if not isinstance(settings, NetworkConfig):
        return train_svm(inputs, labels, c=settings.c, classes=classes)
    return train_network(
        lambda: build(rival, channels=inputs.shape[1], classes=classes),
        settings,
        inputs,
        labels,
        moves=Moves() if rival.sees == "action vectors" else rival.moves,
        motion=rival.sees != "apex frame",
        seed=seed,
        device=device,
    )


def fit_predict(
    rival: Rival, inputs: Float[Tensor, "n c h w"], labels: Int[Tensor, "n"], test_inputs: Tensor, **options: Any
) -> Float[Tensor, "m k"]:
    """Train on some clips and give the class probabilities of others: one fold of `evaluation.loso`. Options as in `train`."""
    return train(rival, inputs, labels, **options)(test_inputs)


def imagenet_state(method: str) -> dict[str, Tensor]:
    """ImageNet weights of a rival that has a network for photographs: from torchvision's cache, else downloaded.

    Raises:
        UsageError: there are none for this rival.
        OSError: no network connection.
    """
    from torchvision.models import get_weight  # slow to import

    network = RIVALS[method].network
    if network is None or not network.imagenet:
        raise UsageError(f"{method}: no pretrained weights exist; set pretrained to false")
    return dict(get_weight(network.imagenet).get_state_dict(progress=False))


def with_available_weights(rival: Rival) -> Rival:
    """The same rival, but with random weights (and a line on stderr) if its ImageNet weights are not available."""
    settings = rival.settings
    if not isinstance(settings, NetworkConfig) or not settings.pretrained:
        return rival
    try:
        imagenet_state(rival.method)
    except OSError as error:
        reason, title = str(error).splitlines()[0], RIVALS[rival.method].title
        print(
            f"ImageNet weights of {title} are not available ({reason}): starting from random weights", file=sys.stderr
        )
        return replace(rival, settings=replace(settings, pretrained=False))
    return rival
