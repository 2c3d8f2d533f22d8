"""How hard SynthME is, as the benchmark of difficulty sees it."""

import numpy as np
import pytest
import torch

from selfme_lib.bench import difficulty
from selfme_lib.synthme import SYNTHME_2, Difficulty

RNG = np.random.default_rng(3)


def test_every_setting_of_the_version_is_a_nuisance_or_what_is_looked_for():
    """Whatever synthme-2 turns on can be turned off again in the table."""
    listed = {name for settings in difficulty.OFF.values() for name in settings}
    on = {name for name in vars(SYNTHME_2) if getattr(SYNTHME_2, name) != getattr(Difficulty(), name)}
    assert on - listed <= {"peak", "unit_sharing", "distractor_peak"}
    assert all(
        getattr(SYNTHME_2, name) != off for settings in difficulty.OFF.values() for name, off in settings.items()
    )


def test_a_linear_classifier_reads_what_a_motion_says_and_nothing_from_noise():
    subjects, labels = np.repeat(np.arange(6), 6), np.tile(["a", "b", "c"], 12)
    motion = torch.zeros(36, 2, 32, 32)
    for index, label in enumerate(labels):
        row = 8 * "abc".index(label)
        motion[index, 1, row : row + 8] = 1.0
    noise = torch.from_numpy(RNG.normal(0, 1, motion.shape)).float()
    found = difficulty.linear_score(motion + 0.1 * noise, labels, subjects)
    assert found["uf1"] == pytest.approx(1.0) and found["strength"] in difficulty.STRENGTHS
    assert difficulty.linear_score(noise, labels, subjects, strengths=(0.1,))["uf1"] < 0.65


def test_a_mirrored_person_is_as_good_as_another_one():
    """What is learned on the left half of the face serves the right one."""
    subjects, labels = np.repeat([0, 1], 8), np.tile(["a", "b"], 8)
    motion = torch.zeros(16, 2, 32, 32)
    for index, (subject, label) in enumerate(zip(subjects, labels)):
        columns = slice(0, 16) if subject else slice(16, 32)
        motion[index, 1, :, columns] = 1.0 if label == "a" else -1.0
    assert difficulty.linear_score(motion, labels, subjects)["uf1"] == pytest.approx(1.0)


def test_what_is_taken_away_is_what_it_added(tmp_path):
    measured = difficulty.bench_difficulty(people=3, clips=3, size=48, nuisances=["noise"], workers=1, folder=tmp_path)
    assert set(measured["linear"]) == {"truth", *difficulty.METHODS}
    added = measured["nuisances"]["noise"]["methods"]
    assert set(added) == set(difficulty.METHODS)
    assert added["farneback"]["epe_degradation"] > 0
    low, high = added["farneback"]["epe_degradation_interval"]
    assert low <= added["farneback"]["epe_degradation"] <= high
    assert 0 < measured["head_drift"]["50%"] < 3
