r"""The motion learner as a whole: keypoints → local motions → weights → dense motion → reconstruction (Fig 2, left).

The forward pass is the paper's motion learning stage; afterwards only `dense_motion` is used.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from selfme_lib.grids import Flow, Frames, Images, Points, compose, resize_flow, resize_image, sample, warp
from selfme_lib.runtime.device import device_of

from .dense_motion import DenseMotion, weighted_motion
from .generator import Generator
from .keypoints import KeypointDetector
from .losses import local_contrast
from .settings import LearnerConfig

CONTRAST_WINDOWS = (2.0, 5.0)  # of local contrast, in pixels at `LearnerConfig.size`


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

    def to(self, device: torch.device) -> "Motion":
        """The same on another device."""
        found = tuple(flow.to(device) for flow in self.found)
        keypoints = self.keypoints_source.to(device), self.keypoints_target.to(device)
        return Motion(*keypoints, self.local.to(device), self.weights.to(device), found)


class MotionLearner(nn.Module):
    """Keypoint detector, dense motion and generator.

    When a clip's motion is extracted, the source is the onset and the target the apex; in training they are any two frames.
    Frames may be on another device than the model; what is found in them comes back to theirs.
    """

    def __init__(self, config: LearnerConfig = LearnerConfig()):
        super().__init__()
        self.config = config
        channels = len(CONTRAST_WINDOWS) if config.contrast else 3
        self.detector = KeypointDetector(config, channels=channels)
        self.dense = DenseMotion(config, channels=channels)
        self.generator = Generator(config)

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
        resized = resize_image(image.to(device_of(self)), self.working_size(image))
        return self.detector(self.detail(resized)).to(image.device)

    def forward_motion(self, source: Frames, target: Frames, *, passes: int = 1) -> Motion:
        """Eq 1 to 5, repeated with further passes for the motion that remains.

        This is Lucas and Kanade's iterated warping. With `matching`, later passes match the frames anew but keep the
        hourglass's output from the first: running it again costs several times as much as the rest of a pass and finds
        nothing more.
        """
        size, place = self.working_size(source), source.device
        frames = resize_image(torch.cat([source, target]).to(device_of(self)), size)
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
        return Motion(keypoints_source, keypoints_target, first.motions, first.weights, tuple(found)).to(place)

    def forward(self, source: Frames, target: Frames) -> tuple[Frames, Motion]:
        r"""The estimated target frame $\hat X_t$ and the motion behind it."""
        motion = self.forward_motion(source, target, passes=self.config.passes)
        height, width = source.shape[-2:]
        device = device_of(self)
        prediction = self.generator(source.to(device), resize_flow(motion.dense, (height, width)).to(device))
        return prediction.to(source.device), motion

    @torch.inference_mode()
    def dense_motion(self, onset: Frames, apex: Frames) -> Float[Tensor, "b 2 s s"]:
        r"""$\tilde\Phi$ from onset to apex: a backward flow in pixels of its lattice, a quarter of the working size.

        The model must be in `eval` mode."""
        return self.forward_motion(onset, apex, passes=self.config.passes).dense
