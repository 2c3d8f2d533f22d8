"""Small rivals with SCViT's pre-training, frozen and read by a linear model: is it the pre-training or SCViT?

`PretrainedRival` takes a motion and gives as many numbers as the task has targets (see `classifier.pretraining`);
`describe_regions` gives what its last layer reads. The weights of those that come with the package are in `checkpoints`.
"""

from pathlib import Path
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.half import read_half, write_half

from .inputs import flow_inputs
from .off_apexnet import OFFApexNet
from .ststnet import STSTNet

SIDE = 28  # px, both papers'
TYPICAL = (0.15, 0.15, 0.03)  # of u, v and strain in rendered faces: what they are divided by
Small = Literal["off_apexnet", "ststnet"]
PENALTIES = {"off_apexnet": LinearConfig(c=0.01), "ststnet": LinearConfig(c=0.3)}  # chosen on choice people
CHECKPOINTS = Path(__file__).parent / "checkpoints"


class PretrainedRival(nn.Module):
    """Args: `method`, whose network at its paper's size; `targets` of the task."""

    def __init__(self, method: Small, *, targets: int):
        super().__init__()
        self.method = method
        self.network: OFFApexNet | STSTNet = (
            OFFApexNet(size=SIDE, classes=targets) if method == "off_apexnet" else STSTNet(size=SIDE, classes=targets)
        )

    @property
    def last(self) -> nn.Linear:
        """The layer that is the task's."""
        layer = self.network.head[-1] if isinstance(self.network, OFFApexNet) else self.network.fc
        assert isinstance(layer, nn.Linear)
        return layer

    def describe_regions(self, motion: Float[Tensor, "b 2 s s"]) -> Float[Tensor, "b 1 d"]:
        """What the last layer reads of each motion, as of one region: the whole face."""
        strain = self.method == "ststnet"
        inputs = flow_inputs(motion, SIDE, strain=strain)
        inputs = inputs / inputs.new_tensor(TYPICAL[: inputs.shape[1]])[:, None, None]
        read: list[Tensor] = []
        hook = self.last.register_forward_pre_hook(lambda _layer, given: read.append(given[0]))
        try:
            self.network(inputs)
        finally:
            hook.remove()
        return read[0][:, None]

    def forward(self, motion: Float[Tensor, "b 2 s s"]) -> Float[Tensor, "b t"]:
        return self.last(self.describe_regions(motion)[:, 0])


def save_rival(rival: PretrainedRival, path: Path | str, **origin: str) -> None:
    """Write a network in half precision; `origin` says how its weights were made."""
    write_half(path, rival.state_dict(), {"method": rival.method, "targets": rival.last.out_features}, **origin)


def load_rival(path: Path) -> PretrainedRival:
    """Read what `save_rival` wrote, in `eval` mode.

    Raises:
        DataError: the file is missing, damaged, or something else.
    """
    weights, form, _ = read_half(path, kind="a pre-trained rival")
    try:
        rival = PretrainedRival(**form)
        rival.load_state_dict(weights)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path}: not a pre-trained rival ({str(error).splitlines()[0]}); give another file") from None
    return rival.eval()


def shipped(method: Small) -> Path:
    """The file that comes with the package."""
    return CHECKPOINTS / f"{method}.safetensors"
