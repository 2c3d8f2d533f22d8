from dataclasses import replace

import torch

from selfme_lib.baselines.first_order import FIRST_ORDER, first_order_training
from selfme_lib.motion.learner import MotionLearner


def test_it_sees_colour_and_takes_light_for_what_it_is_shown():
    torch.manual_seed(0)
    small = {"size": 32, "width": 8, "depth": 2, "max_width": 16, "generator_width": 4}
    learner = MotionLearner(replace(FIRST_ORDER, **small)).eval()
    frame = torch.rand(1, 3, 32, 32)
    assert torch.equal(learner.detail(frame), frame)
    assert learner.dense_motion(frame, frame.flip(-1)).shape == (1, 2, 8, 8)


def test_its_objective_is_eq_8():
    config = first_order_training(steps=7)
    assert (config.steps, config.lambda_dense, config.lambda_rec, config.lambda_eqv) == (7, 0, 10, 10)
