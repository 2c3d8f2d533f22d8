r"""TCAE, the twin-cycle autoencoder: facial action and head pose separated without labels.

Y. Li, J. Zeng, S. Shan, X. Chen. Self-Supervised Representation Learning From Videos for Facial Action Unit Detection. CVPR
2019.

An encoder turns a face into two vectors, one for its facial *action*, one for its *pose*. From the action vectors of a source
and a target face a decoder makes the displacement $T_a$ that brings the target's action into the source face; from the pose
vectors another makes $T_p$. Weighted at every pixel by their own confidence, they give the total displacement

$$T = \frac{e^{m_a} T_a + e^{m_p} T_p}{e^{m_a} + e^{m_p}}, \qquad \hat I_t(u) = I_s(u + T(u)).$$

`tcae_training` says how it is trained, and what keeps the two apart. Two rows of the paper's Table 3 come from it: the action
vectors of onset and apex with a batch norm and a fully connected layer (`TCAE+FC`), and its motion as the input of ViT and
SCViT. That motion is taken to be $T$, with which it reconstructs.

Parameters of the autoencoder: 14,717,094 at 256 px and width 1, as in the authors' public code. Unclear in the paper: which
displacement "its motion field" is ($T$ or $T_a$), and whether `TCAE+FC` sees the apex alone. An apex alone cannot tell a mouth
that is wide from one that has become so, and TCAE's own decoder is given both frames' vectors, so both are given here.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from selfme_lib.grids import Flow, Frames, resize_flow, resize_image
from selfme_lib.motion import checkpoint
from selfme_lib.runtime.device import device_of
from selfme_lib.runtime.errors import DataError

from .settings import TCAEConfig
from .training import Network, channels

APART = 3  # convolutions of the encoder that action and pose each have to themselves
KIND = "tcae"  # in a checkpoint's metadata

Code = tuple[Float[Tensor, "b d 1 1"], Float[Tensor, "b d 1 1"]]
"""Action and pose vectors."""


@dataclass(frozen=True)
class Displacements:
    """Between a source and a target face, as backward flows in pixels."""

    action: Flow
    pose: Flow
    both: Flow


class TCAE(nn.Module):
    """An encoder, and one decoder each for action and pose."""

    def __init__(self, config: TCAEConfig):
        super().__init__()
        self.config = config
        levels = int(math.log2(config.size))
        self.vector = channels(256, config.width)
        plan = [channels(32 * min(8, 2**level), config.width) for level in range(levels - 1)] + [self.vector]
        split = levels - APART
        self.encode_face = _down([3, *plan[:split]])
        self.encode_action = nn.Sequential(_down(plan[split - 1 : -1]), nn.Conv2d(plan[-2], plan[-1], 4, 2, 1))
        self.encode_pose = nn.Sequential(_down(plan[split - 1 : -1]), nn.Conv2d(plan[-2], plan[-1], 4, 2, 1))
        self.decode_action = _up([2 * self.vector, *reversed(plan[:-1])])
        self.decode_pose = _up([2 * self.vector, *reversed(plan[:-1])])

    def encode(self, faces: Frames) -> Code:
        """Action and pose vectors of faces of `config.size`."""
        features = self.encode_face(faces)
        return self.encode_action(features), self.encode_pose(features)

    def decode(
        self, decoder: nn.Module, source: Float[Tensor, "b d 1 1"], target: Float[Tensor, "b d 1 1"]
    ) -> tuple[Flow, Float[Tensor, "b 1 h w"]]:
        """Displacement in pixels, at most half the image, and confidence."""
        raw = decoder(torch.cat([source, target], dim=1))  # (b, 3, s, s)
        return raw[:, :2] * (self.config.size - 1) / 2, raw[:, 2:]

    def displacements(self, source: Code, target: Code) -> Displacements:
        """From the encodings of two faces."""
        action, sure_of_action = self.decode(self.decode_action, source[0], target[0])
        pose, sure_of_pose = self.decode(self.decode_pose, source[1], target[1])
        share = torch.cat([sure_of_action, sure_of_pose], dim=1).softmax(1)
        return Displacements(action, pose, share[:, :1] * action + share[:, 1:] * pose)

    def encode_resized(self, frames: Frames) -> Code:
        """`encode` for frames of any size, on any device; the vectors stay on the network's."""
        return self.encode(resize_image(frames.to(device_of(self)), (self.config.size, self.config.size)))

    @torch.inference_mode()
    def flow(self, onset: Frames, apex: Frames) -> Flow:
        """The motion from onset to apex, called like the classical methods; frames may have any size, on any device."""
        height, width = onset.shape[-2:]
        found = self.displacements(self.encode_resized(onset), self.encode_resized(apex))
        return resize_flow(found.both, (height, width)).to(onset.device)

    @torch.inference_mode()
    def vectors(self, onset: Frames, apex: Frames) -> Float[Tensor, "b d2 1 1"]:
        """The action vectors of onset and apex, concatenated, where the frames are."""
        return torch.cat([self.encode_resized(frame)[0] for frame in (onset, apex)], dim=1).to(onset.device)


class TCAEHead(Network):
    """`TCAE+FC`: batch norm and a fully connected layer without bias on the vectors."""

    def __init__(self, *, vector: int, classes: int = 3):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(vector), nn.Linear(vector, classes, bias=False))

    def forward(self, vectors: Float[Tensor, "b d 1 1"]) -> Float[Tensor, "b k"]:
        return self.head(vectors)


def _down(plan: list[int]) -> nn.Sequential:
    """Halve the image once for every number of channels after the first."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(plan):
        layers += [nn.Conv2d(inside, outside, 4, 2, 1), nn.BatchNorm2d(outside), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers)


def _up(plan: list[int]) -> nn.Sequential:
    """Double the image once for every number of channels, ending with two coordinates and a confidence in [-1, 1]."""
    layers: list[nn.Module] = []
    for inside, outside in pairwise(plan):
        layers += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(inside, outside, 3, 1, 1)]
        layers += [nn.BatchNorm2d(outside), nn.ReLU()]
    layers += [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(plan[-1], 3, 3, 1, 1), nn.Tanh()]
    return nn.Sequential(*layers)


def save(model: TCAE, path: Path | str, **origin: str) -> None:
    """Write weights and settings atomically; `origin` describes how the weights were made."""
    checkpoint.save_network(model, model.config, path, kind=KIND, **origin)


def is_tcae(path: Path | str) -> bool:
    """Whether a file is a checkpoint of TCAE rather than, say, of a motion learner."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("kind") == KIND
    except (OSError, SafetensorError):
        return False


def load(path: Path | str, *, device="cpu") -> TCAE:
    """The TCAE of a checkpoint, in `eval` mode.

    Raises:
        DataError: the file is missing, or is not a checkpoint of TCAE.
    """
    if not is_tcae(path):
        raise DataError(f"{path}: not a checkpoint of TCAE; give one that chapter 08 has trained (checkpoints/tcae-…)")
    return checkpoint.load_network(TCAE, TCAEConfig, path, what="TCAE").to(device)
