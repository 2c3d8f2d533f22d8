"""The motion learner in the form the paper builds on: first-order-model's, without this project's additions.

A. Siarohin, S. Lathuilière, S. Tulyakov, E. Ricci, N. Sebe. First Order Motion Model for Image Animation. NeurIPS 2019; its
zero-order version, as in the paper's Eq 2. Keypoints may lie anywhere, both networks see the image itself, weights are found
without comparing the frames, in a single pass, and the only objectives are reconstruction and the keypoints' equivariance
(Eq 8).

    selfme pretrain runs/first_order --form first-order

trained the one that comes with the package: 1,200 steps on 200 people of SynthME-1.
"""

from dataclasses import replace

from selfme_lib.motion.checkpoint import CHECKPOINTS
from selfme_lib.motion.settings import PRINTED, TrainingConfig

SHIPPED = CHECKPOINTS / "first_order.safetensors"
FIRST_ORDER = PRINTED
"""10 keypoints, as in the public configuration for faces."""


def first_order_training(training: TrainingConfig) -> TrainingConfig:
    """The same recipe with the objective of Eq 8 alone."""
    return replace(training, lambda_dense=0.0)
