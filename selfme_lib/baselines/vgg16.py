"""VGG16 on a flow.

K. Simonyan, A. Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. ICLR 2015; torchvision's form.

Input: u, v and optical strain of TV-L1 in the place of red, green and blue, 224 x 224 px. Parameters: 134,272,835 with three
classes. Unclear: as for GoogLeNet. From random weights on a hundred clips its 13 layers without batch norm learn slowly if at
all; so a narrower one (`width` below 1) has torchvision's variant with batch norm, and pretrained weights are those of the
plain one, at its full width.
"""

from jaxtyping import Float
from torch import Tensor, nn
from torchvision.models import vgg16

from selfme_lib.runtime.errors import UsageError

from .training import Network, channels

STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels, convolutions


class VGG16(Network):
    """Args: `size` of the input in px, at least 32, because it is halved five times."""

    def __init__(self, *, size: int = 224, width: float = 1.0, classes: int = 3):
        super().__init__()
        if size < 32:
            raise UsageError(f"vgg16: the input is halved five times and has to be at least 32 px, not {size}")
        self.net = vgg16(num_classes=classes) if width == 1 else _narrow(width, classes)

    def forward(self, inputs: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        return self.net(inputs)


def _narrow(width: float, classes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    inside = 3
    for number, convolutions in STAGES:
        for _ in range(convolutions):
            outside = channels(number, width)
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]
            inside = outside
        layers.append(nn.MaxPool2d(2))
    hidden = channels(4096, width)
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(7),
        nn.Flatten(),
        nn.Linear(inside * 49, hidden),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(hidden, classes),
    )
