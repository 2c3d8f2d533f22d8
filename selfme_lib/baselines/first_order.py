"""The motion learner in the form that the paper builds on: first-order-model's, without this project's additions.

A. Siarohin, S. Lathuilière, S. Tulyakov, E. Ricci, N. Sebe. First Order Motion Model for Image Animation. NeurIPS 2019; its
zero-order version, as the paper's Eq 2 has it. Keypoints may lie anywhere, both networks look at the image itself, weights
are found without comparing the frames, one look is all, and nothing but reconstruction and the keypoints' equivariance is
asked for (Eq 8).

    learner = experiments.from_scratch(settings, run, FIRST_ORDER, first_order_training(steps=1500))
"""

from selfme_lib.motion.learner import LearnerConfig
from selfme_lib.motion.training import TrainingConfig

FIRST_ORDER = LearnerConfig(keypoints=10, contrast=False, matching=False, reach=None, locality=0.25, passes=1)
"""10 keypoints, as in the public configuration for faces."""


def first_order_training(*, steps: int, seed: int = 0) -> TrainingConfig:
    """The objective of the paper's Eq 8 and no more; the rest is `TrainingConfig`'s."""
    return TrainingConfig(steps=steps, seed=seed, lambda_dense=0.0)
