"""GoogLeNet on a flow.

C. Szegedy et al. Going Deeper with Convolutions. CVPR 2015; torchvision's form, with batch norm.

Input: u, v and optical strain of TV-L1 in place of red, green and blue, 224 x 224 px. Parameters: 5,602,979 with three
classes and without the two auxiliary classifiers, which only help very deep training. Unclear: the paper's row names a network
made for photographs and does not say how a flow becomes one, nor whether ImageNet weights were kept. STSTNet's paper, from
which such rows come, calls it transfer learning, so ImageNet weights are an option here.
"""

from jaxtyping import Float
from torch import Tensor

from selfme_lib.runtime.errors import UsageError

from .training import Network


class GoogLeNet(Network):
    """Args: `size` of the input, at least 32 px; `width` must be 1."""

    imagenet = "GoogLeNet_Weights.IMAGENET1K_V1"

    def __init__(self, *, size: int = 224, width: float = 1.0, classes: int = 3):
        super().__init__()
        from torchvision.models import GoogLeNet  # slow to import

        if width != 1:
            raise UsageError("googlenet: torchvision's network has one width; set width to 1")
        self.body = GoogLeNet(num_classes=classes, aux_logits=False, transform_input=False, init_weights=False)

    def forward(self, inputs: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k"]:
        return self.body(inputs)
