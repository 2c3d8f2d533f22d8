r"""The motion learner as a whole: keypoints → local motions → weights → dense motion → reconstruction (Fig 2, left).

The forward pass is the paper's motion learning stage; `dense_motion` is all that is used of it afterwards.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.errors import UsageError
from selfme_lib.grids import resize_flow, resize_image
from selfme_lib.motion.dense_motion import DenseMotion, weighted_motion
from selfme_lib.motion.generator import Generator
from selfme_lib.motion.keypoints import KeypointDetector
from selfme_lib.motion.losses import local_contrast

CONTRAST_WINDOWS = (2.0, 5.0)  # of local contrast, in pixels at `LearnerConfig.size`


@dataclass(frozen=True)
class LearnerConfig:
    """Sizes and choices; the paper gives none of them. Its own form, or near it: `contrast`, `matching` False, `reach` None.

    Attributes:
        size: side in pixels of the frames that motion is looked for in; frames of any other size are brought to it.
        keypoints: K.
        width, depth, max_width: hourglasses of detector and dense motion, at a quarter of `size`.
        generator_width, generator_depth: the generator's, at the image's full size.
        temperature, reach: see `keypoints.KeypointDetector`.
        heatmap_variance, locality, matching: see `dense_motion.DenseMotion`.
        contrast: look at local contrast, which light and colour do not change, instead of the image.
    """

    size: int = 128
    keypoints: int = 36
    width: int = 24
    depth: int = 3
    max_width: int = 96
    generator_width: int = 8
    generator_depth: int = 1
    temperature: float = 0.1
    reach: float | None = 0.25
    heatmap_variance: float = 0.01
    locality: float = 0.15
    matching: bool = True
    contrast: bool = True

    def __post_init__(self):
        if self.size % (4 * 2**self.depth):
            raise UsageError(f"size {self.size} of a motion learner is not a multiple of {4 * 2**self.depth}")


@dataclass(frozen=True)
class Motion:
    """What one forward pass finds between a source and a target frame."""

    keypoints_source: Float[Tensor, "b k 2"]  # normalised
    keypoints_target: Float[Tensor, "b k 2"]
    local: Float[Tensor, "b k+1 2"]  # Φ^k (Eq 2), normalised; the last one is zero
    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4)
    dense: Float[Tensor, "b 2 h w"]  # Φ̃ (Eq 5), pixels of its own lattice, a quarter of `size`


class MotionLearner(nn.Module):
    """Keypoint detector, dense motion and generator.

    Source is the onset and target the apex when a clip's motion is extracted; any two frames when it is trained.
    """

    def __init__(self, config: LearnerConfig = LearnerConfig()):
        super().__init__()
        self.config = config
        channels = len(CONTRAST_WINDOWS) if config.contrast else 3
        shape = {"channels": channels, "width": config.width, "depth": config.depth, "max_width": config.max_width}
        self.detector = KeypointDetector(
            keypoints=config.keypoints, temperature=config.temperature, reach=config.reach, **shape
        )
        self.dense = DenseMotion(
            keypoints=config.keypoints,
            variance=config.heatmap_variance,
            locality=config.locality,
            matching=config.matching,
            **shape,
        )
        self.generator = Generator(
            width=config.generator_width, depth=config.generator_depth, max_width=config.max_width
        )

    def detail(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c s s"]:
        """What detector and dense motion look at: the local contrast of the image, or the image, at `config.size`."""
        image = resize_image(image, (self.config.size, self.config.size))
        if not self.config.contrast:
            return image
        return torch.cat([local_contrast(image, window) for window in CONTRAST_WINDOWS], dim=1)

    def forward_keypoints(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k 2"]:
        """Eq 1; normalised coordinates."""
        return self.detector(self.detail(image))

    def forward_motion(self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"]) -> Motion:
        """Eq 1 to 5."""
        details = self.detail(torch.cat([source, target]))
        keypoints_source, keypoints_target = self.detector(details).split(len(source))
        weights, local = self.dense(*details.split(len(source)), keypoints_source, keypoints_target)
        return Motion(keypoints_source, keypoints_target, local, weights, weighted_motion(weights, local))

    def forward(
        self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 3 h w"], Motion]:
        r"""The estimated target frame $\hat X_t$ and the motion that it was made with."""
        motion = self.forward_motion(source, target)
        flow = resize_flow(motion.dense, tuple(source.shape[-2:]))
        return self.generator(source, flow), motion

    @torch.inference_mode()
    def dense_motion(self, onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 s s"]:
        r"""$\tilde\Phi$ from onset to apex, a backward flow in pixels of its lattice, a quarter of
        `config.size`; the model must be in `eval` mode."""
        return self.forward_motion(onset, apex).dense
