"""ImageNet weights for the rivals that have a network made for photographs, by torchvision: from its cache, else downloaded."""

import torch
from torch import nn
from torchvision.models import GoogLeNet_Weights, ResNet18_Weights, VGG16_Weights

from selfme_lib.runtime.errors import UsageError

WEIGHTS = {
    "googlenet": GoogLeNet_Weights.IMAGENET1K_V1,
    "vgg16": VGG16_Weights.IMAGENET1K_V1,
    "capsule_net": ResNet18_Weights.IMAGENET1K_V1,
}


def imagenet_state(method: str) -> dict[str, torch.Tensor]:
    """Weights by name.

    Raises:
        UsageError: there are none for this rival.
        OSError: no network.
    """
    if method not in WEIGHTS:
        raise UsageError(f"{method}: no pretrained weights exist; set pretrained to false")
    return WEIGHTS[method].get_state_dict(progress=False)


def load_imagenet(network: nn.Module, method: str) -> None:
    """Take over every weight whose name and shape the network has; the classifier, made for a thousand classes, stays random."""
    body = network.backbone if method == "capsule_net" else network.net
    own, found = body.state_dict(), imagenet_state(method)
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    body.load_state_dict({**own, **fitting})
