r"""The motion learner as a whole: keypoints → local motions → weights → dense motion → reconstruction (Fig 2, left).

The forward pass is the paper's motion learning stage; afterwards only `dense_motion` is used.
"""

from dataclasses import dataclass
from typing import Annotated

import pydantic
import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from selfme_lib.grids import Flow, Frames, Images, Points, compose, resize_flow, resize_image, sample, warp
from selfme_lib.runtime.settings import STRICT

from .dense_motion import DenseMotion, weighted_motion
from .generator import Generator
from .keypoints import KeypointDetector
from .losses import FLOOR, local_contrast

CONTRAST_WINDOWS = (2.0, 5.0)  # of local contrast, in pixels at `LearnerConfig.size`

Side = Annotated[int, Field(ge=8, le=8192)]
Channels = Annotated[int, Field(ge=1, le=8192)]
Spread = Annotated[float, Field(gt=0, le=100)]


@pydantic.dataclasses.dataclass(frozen=True, config=STRICT)
class LearnerConfig:
    """Sizes and choices; the paper gives none of them. Its own form is near `contrast` and `matching` False, `reach` None.

    Attributes:
        size, largest: smallest and largest side, in pixels, of the frames in which motion is estimated; see
            `MotionLearner.working_size`.
        keypoints: K.
        passes: passes per estimate. From the second on, motion is estimated between the source as warped so far and the
            target. 1 is the paper's.
        width, depth, max_width: hourglasses of detector and dense motion, at a quarter of the frames' size.
        generator_width, generator_depth: the generator's, at full image size.
        temperature, reach: see `keypoints.KeypointDetector`.
        heatmap_variance, locality, matching: see `dense_motion.DenseMotion`.
        contrast: take local contrast as input, which light and colour do not change, instead of the image.
        contrast_floor: see `losses.local_contrast`.
    """

    size: Side = 128
    largest: Side = 192
    keypoints: Annotated[int, Field(ge=1, le=10_000)] = 100
    passes: Annotated[int, Field(ge=1, le=100)] = 3
    width: Channels = 24
    depth: Annotated[int, Field(ge=0, le=8)] = 3
    max_width: Channels = 96
    generator_width: Channels = 8
    generator_depth: Annotated[int, Field(ge=0, le=8)] = 1
    temperature: Spread = 0.1
    reach: Spread | None = 0.15
    heatmap_variance: Spread = 0.01
    locality: Spread = 0.09
    matching: bool = True
    contrast: bool = True
    contrast_floor: Annotated[float, Field(ge=0, le=1)] = FLOOR

    def __post_init__(self):
        for size in (self.size, self.largest):
            if size % self.step:
                raise ValueError(f"size {size} of a motion learner is not a multiple of {self.step}")

    @property
    def step(self) -> int:
        """Sides of frames are multiples of it, so that every level of the hourglasses has a whole number of cells."""
        return 4 * 2**self.depth


@dataclass(frozen=True)
class Motion:
    """What one forward pass finds between a source and a target frame."""

    keypoints_source: Points  # normalised
    keypoints_target: Points
    local: Float[Tensor, "b k+1 2"]  # Φ^k (Eq 2), normalised; the last one is zero
    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4), of the first pass
    found: tuple[Flow, ...]  # Φ̃ (Eq 5) after each pass, in pixels of its own lattice

    @property
    def dense(self) -> Flow:
        """Φ̃ after the last pass."""
        return self.found[-1]


class MotionLearner(nn.Module):
    """Keypoint detector, dense motion and generator.

    When a clip's motion is extracted, the source is the onset and the target the apex; in training they are any two frames.
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

    def working_size(self, image: Frames) -> tuple[int, int]:
        """The image's own size, as far as `config.size`, `config.largest` and `config.step` allow; always square."""
        side = min(max(image.shape[-1], self.config.size), self.config.largest)
        side -= side % self.config.step
        return side, side

    def detail(self, image: Frames) -> Images:
        """The input of detector and dense motion: the image's local contrast, or the image. Always in float32."""
        if not self.config.contrast:
            return image
        with torch.autocast(device_type=image.device.type, enabled=False):
            floor = self.config.contrast_floor
            return torch.cat([local_contrast(image, window, floor) for window in CONTRAST_WINDOWS], dim=1)

    def forward_keypoints(self, image: Frames) -> Points:
        """Eq 1, in normalised coordinates."""
        return self.detector(self.detail(resize_image(image, self.working_size(image))))

    def forward_motion(self, source: Frames, target: Frames, *, passes: int = 1) -> Motion:
        """Eq 1 to 5, repeated with further passes for the motion that remains.

        This is Lucas and Kanade's iterated warping. With `matching`, later passes match the frames anew but keep the
        hourglass's output from the first: running it again costs several times as much as the rest of a pass and finds
        nothing more.
        """
        size = self.working_size(source)
        frames = resize_image(torch.cat([source, target]), size)
        details = self.detail(frames)
        source, target_detail = frames[: len(source)], details[len(source) :]
        keypoints_source, keypoints_target = self.detector(details).split(len(source))
        first = self.dense(*details.split(len(source)), keypoints_source, keypoints_target)
        found = [weighted_motion(first.weights, first.motions)]
        context = first.context if self.config.matching else None
        for _ in range(1, passes):
            warped = self.detail(warp(source, resize_flow(found[-1], size)))
            moved = keypoints_source - sample(found[-1], keypoints_target)  # the source's keypoints in the warped frame
            later = self.dense(warped, target_detail, moved, keypoints_target, context)
            found.append(compose(weighted_motion(later.weights, later.motions), found[-1]))
        return Motion(keypoints_source, keypoints_target, first.motions, first.weights, tuple(found))

    def forward(self, source: Frames, target: Frames) -> tuple[Frames, Motion]:
        r"""The estimated target frame $\hat X_t$ and the motion behind it."""
        motion = self.forward_motion(source, target, passes=self.config.passes)
        height, width = source.shape[-2:]
        return self.generator(source, resize_flow(motion.dense, (height, width))), motion

    @torch.inference_mode()
    def dense_motion(self, onset: Frames, apex: Frames) -> Float[Tensor, "b 2 s s"]:
        r"""$\tilde\Phi$ from onset to apex: a backward flow in pixels of its lattice, a quarter of the working size.

        The model must be in `eval` mode."""
        return self.forward_motion(onset, apex, passes=self.config.passes).dense
