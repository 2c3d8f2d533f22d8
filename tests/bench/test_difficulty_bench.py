"""How hard SynthME is, as the benchmark of difficulty sees it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from selfme_lib.bench import difficulty
from selfme_lib.synthme import SYNTHME_2, Difficulty, Person
from selfme_lib.synthme.identity import make_face
from selfme_lib.synthme.timeline import write_script

RNG = np.random.default_rng(3)


def test_every_setting_of_the_version_is_a_nuisance_or_what_is_looked_for():
    """Whatever synthme-2 turns on can be turned off again in the table."""
    listed = {name for settings in difficulty.OFF.values() for name in settings}
    on = {name for name in vars(SYNTHME_2) if getattr(SYNTHME_2, name) != getattr(Difficulty(), name)}
    assert on - listed <= {"peak", "unit_sharing", "distractor_rate"}
    assert all(
        getattr(SYNTHME_2, name) != off for settings in difficulty.OFF.values() for name, off in settings.items()
    )


OF_A_SCRIPT = {
    "poses": {"head drift", "registration"},
    "gain": {"light"},
    "sway": {"lamps"},
    "gaze": {"blinks and glances"},
    "intensity": {"blinks and glances", "other movements", "uneven sides", "range of units"},
    "apex": {"coded frames"},
    "jpeg_quality": {"JPEG"},
}


@pytest.mark.parametrize("name", difficulty.OFF)
def test_a_nuisance_is_taken_away_and_the_rest_of_the_clip_stays(name):
    """Otherwise the table would say what another drift of the head adds."""
    person, less = make_face(Person((3,), "choice", world="home")), replace(SYNTHME_2, **difficulty.OFF[name])
    changed = set()
    for seed in range(12):
        before, after = (write_script(person, "happiness", one, (7, seed)) for one in (SYNTHME_2, less))
        for field, nuisances in OF_A_SCRIPT.items():
            same = np.allclose(getattr(before, field), getattr(after, field), atol=1e-5)
            assert same or name in nuisances, field
            changed |= set() if same else {field}
    assert changed == {field for field, nuisances in OF_A_SCRIPT.items() if name in nuisances}


def test_a_clip_is_shown_with_everything_and_without_each_nuisance():
    shown = difficulty.on_and_off(49, 0, size=32, nuisances=["noise", "head drift"])
    assert list(shown) == ["everything", "noise", "head drift"]
    everything, quiet, still = shown.values()
    assert torch.equal(everything.truth, quiet.truth) and not torch.equal(everything.apex, quiet.apex)
    assert (everything.action - still.action).abs().mean() < 0.01, "the face does the same"
    drift = [(pair.truth - pair.action).norm(dim=1).mean() for pair in (everything, still)]
    assert drift[1] < drift[0] / 2, "what is left is the error of registration"


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
