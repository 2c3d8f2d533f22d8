"""The same seed gives the same numbers: the core of a run, repeated on the same faces, in one process and in two."""

import pytest
import torch
from safetensors.torch import load_file

from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.files import read_json
from selfme_lib.study import clips, study
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study


def core_of_a_run(place, start, *, workers=1, seed=0):
    """Fine-tune, extract, two folds, metrics, in a new run folder; what `metrics.json` holds, apart from times."""
    trial = Study.open(
        "smoke",
        place,
        seed=seed,
        data={"subjects": 2, "clips": 2},
        motion={"checkpoint": str(start), "steps": 2, "lr": 1e-3},
        evaluation={"workers": workers},
    )
    with pytest.MonkeyPatch.context() as patch:
        for module in (study, clips):
            patch.setattr(module, "DATA", place.parent / "data")
        trial.record(trial.evaluate([Row("SelfME", motion="selfme", sc=True, gamma=2.0)]))
    metrics = read_json(trial.run.metrics)
    assert [len(item["predictions"]) for item in metrics["rows"]] == [4]
    weights = load_file(next(trial.run.checkpoints.glob("*.safetensors")))  # its header lists names in any order
    learner = {name: value.numpy().tobytes() for name, value in weights.items()}
    return metrics["rows"], metrics["dataset"], learner


def test_two_runs_give_the_same_metrics_bit_for_bit(tmp_path):
    start = tmp_path / "start.safetensors"
    torch.manual_seed(3)
    sizes = LearnerConfig(size=32, keypoints=3, width=8, depth=1, max_width=8, generator_width=4)
    checkpoint.save(MotionLearner(sizes), start)
    once = core_of_a_run(tmp_path / "once", start)
    torch.rand(5)  # the state of the global generator must not matter
    assert core_of_a_run(tmp_path / "again", start) == once
    assert core_of_a_run(tmp_path / "workers", start, workers=2) == once
    assert core_of_a_run(tmp_path / "seed", start, seed=1) != once
