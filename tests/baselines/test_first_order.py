from dataclasses import replace

import pytest
import torch
from PIL import Image

from selfme_lib.app import cli
from selfme_lib.baselines.first_order import FIRST_ORDER, first_order_training
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import PRINTED, TrainingConfig, printed_training


def test_it_sees_colour_and_takes_light_for_what_it_is_shown():
    torch.manual_seed(0)
    small = {"size": 32, "width": 8, "depth": 2, "max_width": 16, "generator_width": 4}
    learner = MotionLearner(replace(FIRST_ORDER, **small)).eval()
    frame = torch.rand(1, 3, 32, 32)
    assert torch.equal(learner.detail(frame), frame)
    assert learner.dense_motion(frame, frame.flip(-1)).shape == (1, 2, 8, 8)


def test_its_objective_is_eq_8():
    config = first_order_training(TrainingConfig(steps=7, seed=3))
    assert (config.steps, config.seed, config.lambda_dense) == (7, 3, 0)
    assert (config.lambda_rec, config.lambda_eqv) == (10, 10)


def test_it_is_trained_by_the_command_that_trains_ours(tmp_path):
    for person in ("ada", "bob"):
        for frame in range(2):
            pixels = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8)
            (tmp_path / "faces" / person / "clip").mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.numpy()).save(tmp_path / "faces" / person / "clip" / f"{frame}.png")
    options = ["--dataset", "voxceleb", "--root", str(tmp_path / "faces"), "--accelerator", "cpu"]
    sizes = ["--size", "32", "--steps", "1", "--batch", "2"]
    assert cli.run(["pretrain", str(tmp_path / "out"), "--form", "first-order", *options, *sizes]) == 0
    assert checkpoint.load(tmp_path / "out" / "motion.safetensors").config == replace(FIRST_ORDER, size=32, largest=32)


def test_the_printed_form_has_the_papers_losses_and_schedule_alone():
    config = printed_training(TrainingConfig(steps=35, sizes=(128, 192)), "vgg16-edges")
    assert (config.lambda_dense, config.augmentation, config.sizes, config.perceptual) == (
        0,
        None,
        (128,),
        "vgg16-edges",
    )
    rates = [config.learning_rate(step) for step in range(35)]
    assert [rates[step] / rates[0] for step in (19, 20, 29, 30)] == pytest.approx([1, 0.1, 0.1, 0.01])
    assert PRINTED.keypoints == 10 and PRINTED.passes == 1 and not (PRINTED.matching or PRINTED.contrast)
