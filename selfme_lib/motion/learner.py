r"""The motion learner as a whole: keypoints → local motions → weights → dense motion → reconstruction (Fig 2, left).

The forward pass is the paper's motion learning stage; `dense_motion` is all that is used of it afterwards.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import compose, resize_flow, resize_image, sample, warp
from selfme_lib.runtime.errors import UsageError

from .dense_motion import DenseMotion, weighted_motion
from .generator import Generator
from .keypoints import KeypointDetector
from .losses import FLOOR, local_contrast

CONTRAST_WINDOWS = (2.0, 5.0)  # of local contrast, in pixels at `LearnerConfig.size`


@dataclass(frozen=True)
class LearnerConfig:
    """Sizes and choices; the paper gives none of them. Its own form, or near it: `contrast`, `matching` False, `reach` None.

    Attributes:
        size, largest: least and greatest side in pixels of the frames that motion is looked for in; see
            `MotionLearner.working_size`.
        keypoints: K.
        passes: how often motion is looked for when it is extracted; from the second time on, between the source as warped
            so far and the target. 1 is the paper's. Training looks as often.
        width, depth, max_width: hourglasses of detector and dense motion, at a quarter of the frames' size.
        generator_width, generator_depth: the generator's, at the image's full size.
        temperature, reach: see `keypoints.KeypointDetector`.
        heatmap_variance, locality, matching: see `dense_motion.DenseMotion`.
        contrast: look at local contrast, which light and colour do not change, instead of the image.
        contrast_floor: see `losses.local_contrast`.
    """

    size: int = 128
    largest: int = 192
    keypoints: int = 100
    passes: int = 3
    width: int = 24
    depth: int = 3
    max_width: int = 96
    generator_width: int = 8
    generator_depth: int = 1
    temperature: float = 0.1
    reach: float | None = 0.15
    heatmap_variance: float = 0.01
    locality: float = 0.09
    matching: bool = True
    contrast: bool = True
    contrast_floor: float = FLOOR

    def __post_init__(self):
        for size in (self.size, self.largest):
            if size % self.step:
                raise UsageError(f"size {size} of a motion learner is not a multiple of {self.step}")

    @property
    def step(self) -> int:
        """Sides of frames are multiples of it, so that every level of the hourglasses is whole."""
        return 4 * 2**self.depth


@dataclass(frozen=True)
class Motion:
    """What one forward pass finds between a source and a target frame."""

    keypoints_source: Float[Tensor, "b k 2"]  # normalised
    keypoints_target: Float[Tensor, "b k 2"]
    local: Float[Tensor, "b k+1 2"]  # Φ^k (Eq 2), normalised; the last one is zero
    weights: Float[Tensor, "b k+1 h w"]  # ψ^k (Eq 4), of the first pass
    found: tuple[Float[Tensor, "b 2 h w"], ...]  # Φ̃ (Eq 5) after each pass, pixels of its own lattice

    @property
    def dense(self) -> Float[Tensor, "b 2 h w"]:
        """All of the motion."""
        return self.found[-1]


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

    def working_size(self, image: Float[Tensor, "b 3 h w"]) -> tuple[int, int]:
        """The image's own size, as near as `config.size`, `config.largest` and whole levels allow; it is square."""
        side = min(max(image.shape[-1], self.config.size), self.config.largest)
        return (side // self.config.step * self.config.step,) * 2

    def detail(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c h w"]:
        """What detector and dense motion look at: the local contrast of the image, or the image. Always in float32."""
        if not self.config.contrast:
            return image
        with torch.autocast(device_type=image.device.type, enabled=False):
            floor = self.config.contrast_floor
            return torch.cat([local_contrast(image, window, floor) for window in CONTRAST_WINDOWS], dim=1)

    def forward_keypoints(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b k 2"]:
        """Eq 1; normalised coordinates."""
        return self.detector(self.detail(resize_image(image, self.working_size(image))))

    def forward_motion(
        self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"], *, passes: int = 1
    ) -> Motion:
        """Eq 1 to 5; and again, with more than one pass, for the motion that is left.

        With `matching`, later passes compare the frames anew but keep what the hourglass said in the first: asking it
        again takes as long as everything else in a pass several times over, and finds nothing more.
        """
        size = self.working_size(source)
        frames = resize_image(torch.cat([source, target]), size)
        details = self.detail(frames)
        source, seen = frames[: len(source)], details[len(source) :]
        keypoints_source, keypoints_target = self.detector(details).split(len(source))
        look = self.dense(*details.split(len(source)), keypoints_source, keypoints_target)
        found = [weighted_motion(look.weights, look.motions)]
        context = look.context if self.config.matching else None
        for _ in range(1, passes):
            warped = self.detail(warp(source, resize_flow(found[-1], size)))
            moved = keypoints_source - sample(found[-1], keypoints_target)  # where they are in it
            again = self.dense(warped, seen, moved, keypoints_target, context)
            found.append(compose(weighted_motion(again.weights, again.motions), found[-1]))
        return Motion(keypoints_source, keypoints_target, look.motions, look.weights, tuple(found))

    def forward(
        self, source: Float[Tensor, "b 3 h w"], target: Float[Tensor, "b 3 h w"]
    ) -> tuple[Float[Tensor, "b 3 h w"], Motion]:
        r"""The estimated target frame $\hat X_t$ and the motion that it was made with."""
        motion = self.forward_motion(source, target, passes=self.config.passes)
        flow = resize_flow(motion.dense, tuple(source.shape[-2:]))
        return self.generator(source, flow), motion

    @torch.inference_mode()
    def dense_motion(self, onset: Float[Tensor, "b 3 h w"], apex: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 s s"]:
        r"""$\tilde\Phi$ from onset to apex, a backward flow in pixels of its lattice, a quarter of the working size;
        the model must be in `eval` mode."""
        return self.forward_motion(onset, apex, passes=self.config.passes).dense
