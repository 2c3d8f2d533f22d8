from types import SimpleNamespace

import numpy as np
import torch

from selfme_lib.classifier.network import ClassifierConfig
from selfme_lib.evaluation.loso import Experiment
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.pairs import FramePairs
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.study import privacy
from selfme_lib.study.rows import Row
from toy_motion import moving_blobs

MOTION, LABELS, SUBJECTS, CLIPS = moving_blobs(6, 6, size=32)


def remembers(config, motion, labels, test, *, classes, seed, device):
    """Knows by heart what it was trained on, and guesses otherwise."""
    known = {clip.numpy().tobytes(): int(label) for clip, label in zip(motion, labels)}
    generator = np.random.default_rng(seed)
    rows = []
    for clip in test:
        label = known.get(clip.numpy().tobytes())
        rows.append(np.eye(classes)[label] if label is not None else generator.dirichlet(np.ones(classes)))
    return torch.tensor(np.array(rows), dtype=torch.float32)


def guesses(config, motion, labels, test, *, classes, seed, device):
    return torch.tensor(np.random.default_rng(0).dirichlet(np.ones(classes), len(test)), dtype=torch.float32)


def study(tmp_path, fit_predict):
    experiment = Experiment(ClassifierConfig(), MOTION, LABELS.tolist(), SUBJECTS, CLIPS, 0, fit_predict)
    return SimpleNamespace(
        subjects=np.array(SUBJECTS),
        classes=("a", "b", "c"),
        run=SimpleNamespace(folds=tmp_path),
        experiments=lambda _row: [experiment],
    )


def test_a_model_that_remembers_is_found_out_and_one_that_guesses_is_not(tmp_path):
    found = privacy.classifier_membership(study(tmp_path / "a", remembers), Row("x"))
    assert found["auc"] > 0.95 and found["members"] == 1.0 and found["strangers"] < 0.8
    nothing = privacy.classifier_membership(study(tmp_path / "b", guesses), Row("x"))
    assert abs(nothing["auc"] - 0.5) < 0.2
    table = privacy.membership_table({"remembers": found, "guesses": nothing})
    assert table["model"].tolist() == ["remembers", "guesses"]


def test_a_learner_that_finds_nothing_leaves_everything_and_tells_nobody_apart():
    torch.manual_seed(0)
    learner = MotionLearner(
        LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
    ).eval()
    learner.dense_motion = lambda onset, apex: torch.zeros(len(onset), 2, 8, 8)
    frames = np.random.default_rng(0).integers(0, 255, (48, 32, 32, 3), dtype=np.uint8)
    members, strangers = (FramePairs(some, range(0, 25, 2)) for some in (frames[:24], frames[24:]))
    np.testing.assert_allclose(privacy.left_over(learner, members), 1, atol=1e-4)
    found = privacy.estimator_membership(learner, members, strangers, pairs_per_person=3)
    assert found["low"] <= 0.5 <= found["high"]
