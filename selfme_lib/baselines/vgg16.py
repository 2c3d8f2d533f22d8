"""VGG16 on a flow.

K. Simonyan, A. Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015; torchvision's form.

Input: u, v and optical strain of TV-L1 in place of red, green and blue, 224 x 224 px. Parameters: 134,272,835 with three
classes. Unclear: as for GoogLeNet. From random weights on a hundred clips its 13 layers without batch norm hardly learn, so a
narrower network (`width` below 1) is torchvision's variant with batch norm; pretrained weights are those of the plain one at
full width.
"""

from jaxtyping import Float
from torch import Tensor, nn

from .training import Network, channels

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


class VGG16(Network):
    """Args: `size` of the input, at least 32 px."""

    imagenet = "VGG16_Weights.IMAGENET1K_V1"

    def __init__(self, *, size: int = 224, width: float = 1.0, classes: int = 3):
        super().__init__()
        from torchvision.models import vgg16  # slow to import

        self.body = vgg16(num_classes=classes) if width == 1 else _narrow(width, classes)

    def forward(self, inputs: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        return self.body(inputs)


def _narrow(width: float, classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    inside = 3
    for number, convolutions in STAGES:
        for _ in range(convolutions):
            outside = channels(number, width)
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
            inside = outside
        layers.append(nn.MaxPool2d(2))
    layers += [nn.AdaptiveAvgPool2d(7), nn.Flatten()]
    hidden = channels(4096, width)
    for numbers in (inside * 49, hidden):
        layers += [nn.Linear(numbers, hidden), nn.ReLU(), nn.Dropout()]
    return nn.Sequential(*layers, nn.Linear(hidden, classes))
