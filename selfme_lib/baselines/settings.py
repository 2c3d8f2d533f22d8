"""The settings of every rival."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from selfme_lib.runtime.settings import STRICT

Side = Annotated[int, Field(ge=1, le=4096, description="memory grows with its square")]
Count = Annotated[int, Field(ge=1, le=10**7, description="more take months")]
Batch = Annotated[int, Field(ge=1, le=10**5, description="samples that are in memory at once")]
Width = Annotated[float, Field(gt=0, le=4, description="a factor; weights grow with its square")]
Rate = Annotated[float, Field(gt=0, le=10, description="0 learns nothing, a larger step of Adam diverges")]
Cost = Annotated[float, Field(gt=0, le=1e12, description="of a support vector machine; beyond it libsvm never ends")]
Photograph = Annotated[int, Field(ge=32, le=4096, description="the network halves its input five times")]


@dataclass(frozen=True, config=STRICT)
class LBPTOPConfig:
    """LBP-TOP.

    Attributes:
        size: side of the grey frames in px.
        frames: moments of a clip, evenly spaced.
        blocks: cells per side.
        c: cost of the support vector machine.
    """

    size: Side = 128
    frames: Annotated[int, Field(ge=3, le=10_000, description="a moment has one before and one after it")] = 15
    blocks: Side = 5
    c: Cost = 1.0

    def __post_init__(self):
        if self.blocks > self.size - 2:
            raise ValueError(f"{self.blocks} blocks do not fit into {self.size} px without their border")


@dataclass(frozen=True, config=STRICT)
class BiWOOFConfig:
    """Bi-WOOF.

    Attributes:
        size: side of the flow in px.
        blocks: cells per side.
        bins: sectors of the circle.
        c: cost of the support vector machine.
    """

    size: Side = 128
    blocks: Side = 8
    bins: Annotated[int, Field(ge=2, le=1000, description="sectors of a circle")] = 8
    c: Cost = 1e4

    def __post_init__(self):
        if self.blocks > self.size:
            raise ValueError(f"{self.blocks} blocks do not fit into {self.size} px")


@dataclass(frozen=True, config=STRICT)
class NetworkConfig:
    """A network's size and training.

    Attributes:
        size: side of the input in px.
        width: factor on the number of channels; 1 is the paper's network.
        epochs, batch_size: fixed; the last epoch counts.
        lr: peak of the one-cycle schedule of Adam.
        pretrained: start from ImageNet weights (see `rivals.imagenet_state`), for the networks that have any.
    """

    size: Side
    width: Width
    epochs: Count
    batch_size: Batch
    lr: Rate
    pretrained: bool

    def __post_init__(self):
        if self.pretrained and self.width != 1:
            raise ValueError("pretrained weights fit width 1 only")


@dataclass(frozen=True, config=STRICT)
class PhotographConfig(NetworkConfig):
    """As `NetworkConfig`, for networks made for photographs, which halve their input up to five times."""

    size: Photograph


@dataclass(frozen=True, config=STRICT)
class TCAEConfig:
    """TCAE's size and training.

    Attributes:
        size: side of the frames in px, a power of two from 32; 256 is the paper's.
        width: factor on the number of channels; 1 is the paper's.
        steps, batch_size: of the training, on faces of people who are not evaluated.
        lr: peak of the one-cycle schedule of Adam.
    """

    size: Photograph = 256
    width: Width = 1.0
    steps: Count = 20000
    batch_size: Annotated[int, Field(ge=2, le=10**5, description="batch normalisation needs two")] = 16
    lr: Rate = 1e-3

    def __post_init__(self):
        if self.size & (self.size - 1):
            raise ValueError(f"size {self.size} is not a power of two")


@dataclass(frozen=True, config=STRICT)
class RivalsConfig:
    """All of them, named as in `rivals.RIVALS`. `tcae` is the autoencoder behind `tcae_fc`."""

    lbp_top: LBPTOPConfig
    bi_woof: BiWOOFConfig
    capsule_net: PhotographConfig
    googlenet: PhotographConfig
    vgg16: PhotographConfig
    off_apexnet: NetworkConfig
    dual_inception: NetworkConfig
    ststnet: NetworkConfig
    featref: NetworkConfig
    tcae: TCAEConfig
    tcae_fc: NetworkConfig
