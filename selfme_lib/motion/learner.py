r"""The motion learner as a whole: keypoints → local motions → weights → dense motion → reconstruction (Fig 2, left).

The forward pass is the paper's motion learning stage; `dense_motion` is all that is used of it afterwards.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import resize_flow, resize_image
from selfme_lib.motion.dense_motion import DenseMotion, weighted_motion
from selfme_lib.motion.generator import Generator
from selfme_lib.motion.keypoints import KeypointDetector
from selfme_lib.motion.losses import local_contrast


@dataclass(frozen=True)
class LearnerConfig:
    """Sizes of the networks. The paper gives none of them."""

    keypoints: int = 36
    width: int = 24  # of detector and dense motion, at a quarter of the image's size
    depth: int = 3
    max_width: int = 96
    generator_width: int = 8
    generator_depth: int = 1
    temperature: float = 0.1
    heatmap_variance: float = 0.01
    matching: bool = True

    @property
    def divisor(self) -> int:
        """Images must be this many pixels, or a multiple, on a side."""
        return max(4 * 2**self.depth, 2**self.generator_depth)


@dataclass(frozen=True)
class Motion:
    """What one forward pass finds between a source and a target frame."""

    keypoints_source: Float[Tensor, "b k 2"]  # normalised
    keypoints_target: Float[Tensor, "b k 2"]
    local: Float[Tensor, "b k+1 2"]  # Φ^k (Eq 2), normalised; the last one is zero
    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4)
    dense: Float[Tensor, "b 2 h w"]  # Φ̃ (Eq 5), pixels of its own lattice, a quarter of the image's


class MotionLearner(nn.Module):
    """Keypoint detector, dense motion and generator.

    Source is the onset and target the apex when a clip's motion is extracted; any two frames when it is trained.
    """

    def __init__(self, config: LearnerConfig = LearnerConfig()):
        super().__init__()
        self.config = config
        shape = {"width": config.width, "depth": config.depth, "max_width": config.max_width}
        self.detector = KeypointDetector(keypoints=config.keypoints, temperature=config.temperature, **shape)
        self.dense = DenseMotion(
            keypoints=config.keypoints, variance=config.heatmap_variance, matching=config.matching, **shape
        )
        self.generator = Generator(
            width=config.generator_width, depth=config.generator_depth, max_width=config.max_width
        )

    def lattice(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h//4 w//4"]:
        """The image on the lattice U, a quarter of its size (§3.2).

        Raises:
            ValueError: the image's sides are not multiples of what the hourglasses need.
        """
        height, width = image.shape[-2:]
        if height % self.config.divisor or width % self.config.divisor:
            raise ValueError(f"expected sides that are multiples of {self.config.divisor}, got {height} x {width}")
        return resize_image(image, (height // 4, width // 4))

    def forward_keypoints(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k 2"]:
        """Eq 1; normalised coordinates."""
        return self.detector(self.lattice(image))

    def forward_motion(self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"]) -> Motion:
        """Eq 1 to 5."""
        batch = len(source)
        frames = torch.cat([source, target])
        small = self.lattice(frames)
        keypoints_source, keypoints_target = self.detector(small).split(batch)
        detail = local_contrast(frames) if self.config.matching else frames
        weights, local = self.dense(small[:batch], keypoints_source, keypoints_target, *detail.split(batch))
        return Motion(keypoints_source, keypoints_target, local, weights, weighted_motion(weights, local))

    def forward(
        self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 3 h w"], Motion]:
        r"""The estimated target frame $\hat X_t$ and the motion that it was made with."""
        motion = self.forward_motion(source, target)
        flow = resize_flow(motion.dense, tuple(source.shape[-2:]))
        return self.generator(source, flow), motion

    @torch.inference_mode()
    def dense_motion(
        self, onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, "b 2 h//4 w//4"]:
        r"""$\tilde\Phi$ from onset to apex, a backward flow in pixels of its lattice; the model must be in `eval` mode."""
        return self.forward_motion(onset, apex).dense
