"""The settings of stage 1: sizes of the networks, their training, and the pre-training from random weights."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from selfme_lib.grids import FLOOR
from selfme_lib.runtime.settings import STRICT

from .pairs import Augmentation

Side = Annotated[int, Field(ge=8, le=8192, description="px; memory grows with its square")]
Channels = Annotated[int, Field(ge=1, le=8192, description="weights grow with their square")]
Depth = Annotated[int, Field(ge=0, le=8, description="each level halves the frame")]
Spread = Annotated[float, Field(ge=1e-3, le=100, description="the network divides by its square")]
Weight = Annotated[float, Field(ge=0, le=1e6, description="a weight of the loss")]
Count = Annotated[int, Field(ge=1, le=10**7, description="each is rendered or read")]
Scales = Annotated[tuple[Annotated[float, Field(gt=0, le=4)], ...], Field(description="factors on the side of a frame")]
FeatureName = Literal["contrast", "vgg19", "vgg16-edges", "vgg19-random"]


@dataclass(frozen=True, config=STRICT)
class LearnerConfig:
    r"""Sizes and choices; the paper gives none of them. Its own form is near `contrast` and `matching` False, `reach` None.

    Attributes:
        size, largest: smallest and largest side, in pixels, of the frames in which motion is estimated; see
            `MotionLearner.working_size`.
        keypoints: K.
        passes: passes per estimate. From the second on, motion is estimated between the source as warped so far and the
            target. 1 is the paper's.
        width, depth, max_width: hourglasses of detector and dense motion, at a quarter of the frames' size.
        generator_width, generator_depth: the generator's, at full image size.
        temperature: of the keypoints' soft-argmax; lower is sharper.
        reach: how far a keypoint may stray from its home, as the standard deviation of a Gaussian prior in normalised
            units. Without it all keypoints crowd around the eyes, where blinks change most, and no local motion is left
            for brows, cheeks and mouth; homes on a regular grid spread them over the face, without labels. None: no homes.
        heatmap_variance: $\sigma^2$ of the heatmaps in normalised units.
        locality: standard deviation, in normalised units, of a Gaussian around each keypoint of the target. Its logarithm
            is added to the logits of the weights, so that training starts from local motions that apply near their keypoints.
        matching: compare the frames by Lucas and Kanade's data term; see `dense_motion.DenseMotion`.
        contrast: take local contrast as input, which light and colour do not change, instead of the image.
        contrast_floor: see `losses.local_contrast`.
    """

    size: Side = 128
    largest: Side = 192
    keypoints: Annotated[int, Field(ge=1, le=10_000, description="each has a heatmap in memory")] = 100
    passes: Annotated[int, Field(ge=1, le=100, description="each estimates motion once")] = 3
    width: Channels = 24
    depth: Depth = 3
    max_width: Channels = 96
    generator_width: Channels = 8
    generator_depth: Depth = 1
    temperature: Spread = 0.1
    reach: Spread | None = 0.15
    heatmap_variance: Spread = 0.01
    locality: Spread = 0.09
    matching: bool = True
    contrast: bool = True
    contrast_floor: Annotated[float, Field(ge=1e-9, le=1, description="without it flat skin gives 0/0")] = FLOOR

    def __post_init__(self):
        for size in (self.size, self.largest):
            if size % self.step:
                raise ValueError(f"size {size} of a motion learner is not a multiple of {self.step}")

    @property
    def step(self) -> int:
        """Sides of frames are multiples of it, so that every level of the hourglasses has a whole number of cells."""
        return 4 * 2**self.depth


@dataclass(frozen=True, config=STRICT)
class TrainingConfig:
    r"""How a motion learner is trained. The defaults are for training from scratch.

    Attributes:
        steps: optimiser steps.
        batch_size: pairs per step and process.
        lr: (initial) learning rate of Adam.
        schedule: `one-cycle`, `constant`, or `multistep`: a tenth at 20/35 and again at 30/35 of the steps, the paper's
            epochs 20 and 30.
        lambda_rec, lambda_eqv: weights of the two losses (Eq 8).
        lambda_dense: weight of the dense motion's equivariance; 0 leaves it out, as the paper does.
        sizes: sides in pixels of the frames. Each step draws one of them, and takes proportionally fewer pairs the more
            pixels it has than the first. Empty: the frames as they are.
        scales: ι of Eq 6.
        perceptual: feature maps of Eq 6, see `perceptual.features`.
        augmentation: random changes to the pairs; None for none.
        seed: of weights, pairs and transformations.
    """

    steps: Annotated[int, Field(ge=1, le=10**9, description="of the optimiser; more take years")]
    batch_size: Annotated[int, Field(ge=1, le=10**5, description="pairs that are in memory at once")] = 8
    lr: Annotated[float, Field(ge=0, le=10, description="a larger step of Adam diverges")] = 2e-3
    schedule: Literal["one-cycle", "constant", "multistep"] = "one-cycle"
    lambda_rec: Weight = 10.0
    lambda_eqv: Weight = 10.0
    lambda_dense: Weight = 1.0
    sizes: tuple[Side, ...] = ()
    scales: Scales = (1.0, 0.5, 0.25, 0.125)
    perceptual: FeatureName = "contrast"
    augmentation: Augmentation | None = Augmentation()
    seed: Annotated[int, Field(ge=0, lt=2**63, description="random generators take 63 bits")] = 0

    def learning_rate(self, step: int) -> float:
        """Of step 0, 1, …, steps - 1."""
        progress = step / self.steps
        if self.schedule == "one-cycle":  # up over a twentieth, down along a cosine
            return self.lr * min(1, (step + 1) / max(1, 0.05 * self.steps)) * (0.5 + 0.5 * math.cos(math.pi * progress))
        if self.schedule == "multistep":
            return self.lr * 0.1 ** (int(progress >= 20 / 35) + int(progress >= 30 / 35))
        return self.lr


@dataclass(frozen=True, config=STRICT)
class VoxCeleb:
    """Faces of real people, which the user provides.

    Attributes:
        root: folder; `data.voxceleb` describes what it may contain.
        frames: the most frames taken of each sequence.
        skip_broken: skip sequences that cannot be read, instead of stopping at the first.
    """

    root: Path
    frames: Annotated[int, Field(ge=2, le=10**6, description="motion is between two")] = 8
    skip_broken: bool = False


SIZES = (128, 128, 192, 256)  # of frames, in pixels: half of the steps use small ones


def sizes_up_to(largest: int) -> tuple[int, ...]:
    """Those of `SIZES` up to `largest`; if there are none, `largest` itself."""
    return tuple(size for size in SIZES if size <= largest) or (largest,)


PRINTED = LearnerConfig(keypoints=10, contrast=False, matching=False, reach=None, locality=0.25, passes=1)
"""SelfME as printed: 10 keypoints that may lie anywhere, networks that see the image itself and compare nothing, one pass."""


def printed_training(training: TrainingConfig, perceptual: FeatureName) -> TrainingConfig:
    """The paper's losses (Eq 8) and schedule alone: no dense term, no changes to the pairs, one size.

    Its rate of 2e-6 is for VoxCeleb's hundred thousands of steps; here it is 1e-3 and falls at the same shares of the run.
    """
    return replace(
        training,
        lambda_dense=0.0,
        augmentation=None,
        schedule="multistep",
        lr=1e-3,
        sizes=training.sizes[:1],
        perceptual=perceptual,
    )


@dataclass(frozen=True, config=STRICT)
class PretrainingConfig:
    """The recipe; the defaults train a learner with every extension of LEDGER.md, in half an hour on two cores.

    Attributes:
        persons: rendered people; the last `validation_persons` of them are not trained on.
        pairs: pairs of frames per person. For VoxCeleb, of its validation people alone.
        world: where rendered people live.
        learner: sizes of the networks.
        training: steps, losses and schedule.
        voxceleb: take these people instead; a tenth of them, at most `validation_persons`, are not trained on.
    """

    persons: Count = 200
    validation_persons: Count = 16
    pairs: Count = 10
    world: Literal["synthme-1", "home"] = "synthme-1"
    learner: LearnerConfig = LearnerConfig()
    training: TrainingConfig = TrainingConfig(steps=1200, sizes=SIZES)
    voxceleb: VoxCeleb | None = None

    def __post_init__(self):
        if self.voxceleb is None and self.persons <= self.validation_persons:
            raise ValueError(
                f"of {self.persons} persons, {self.validation_persons} for validation leave none to train on"
            )

    @property
    def face_size(self) -> int:
        """Side in pixels of the frames on disk: the largest that is trained on."""
        return max(self.training.sizes, default=self.learner.largest)
