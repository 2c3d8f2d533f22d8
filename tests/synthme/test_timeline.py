from dataclasses import replace

import numpy as np
import pytest

from selfme_lib.synthme import Difficulty, create_identity
from selfme_lib.synthme.action_units import RECIPES
from selfme_lib.synthme.timeline import UNITS, pixel_motion, scaled_to, write_script

CALM = Difficulty(distractor_rate=0.0, blink_rate=0.0, spillover=0.0)


@pytest.fixture(scope="module")
def person():
    return create_identity(2)


@pytest.fixture(scope="module")
def scripts(person):
    return [write_script(person, emotion, CALM, (9, k)) for k in range(25) for emotion in RECIPES]


def test_the_same_seed_writes_the_same_script(person):
    a, b, other = (write_script(person, "disgust", Difficulty(), (9, k)) for k in (1, 1, 2))
    assert np.array_equal(a.intensity, b.intensity)
    assert a.poses == b.poses
    assert len(a) != len(other) or not np.array_equal(a.intensity, other.intensity)


def test_onset_comes_before_apex_before_offset(scripts):
    for script in scripts:
        assert 0 < script.onset < script.apex < script.offset < len(script)
        assert 10 <= len(script) <= 24
        assert len({script.first_frame for script in scripts}) > 10


def test_the_face_rests_at_the_onset_and_peaks_at_the_apex(scripts):
    for script in scripts:
        total = script.intensity.sum((1, 2))
        assert not total[: script.onset + 1].any()
        assert np.argmax(total) == script.apex
        assert total[script.offset] < 0.35 * total[script.apex]


def test_the_label_says_what_the_face_does(scripts):
    for script in scripts:
        shown = script.intensity[script.apex]
        named = {int(part.lstrip("LR")) for part in script.action_units.split("+")}
        assert {unit for unit, pair in zip(UNITS, shown) if pair.any()} == named
        assert named in [set(recipe.units) for recipe in RECIPES[script.emotion]]
        if script.action_units.startswith("L"):
            assert shown[:, 0].sum() > 3 * shown[:, 1].sum()
        if script.action_units.startswith("R"):
            assert shown[:, 1].sum() > 3 * shown[:, 0].sum()


def test_peaks_are_in_the_range_of_the_difficulty(person, scripts):
    low, high = CALM.peak
    for script in scripts:
        assert 0.9 * low < pixel_motion(person, script.state(script.apex)[0].action_units) < 1.1 * high


def test_sides_say_nothing_about_the_label(person):
    even = replace(person, style=dict.fromkeys(UNITS, (1.0, 1.0)))  # without the person's own habits
    tilt = {}
    for emotion in RECIPES:
        drawn = [write_script(even, emotion, CALM, (8, k)).intensity for k in range(150)]
        tilt[emotion] = np.mean([np.sign(x[..., 0].sum() - x[..., 1].sum()) for x in drawn])
    assert max(abs(value) for value in tilt.values()) < 0.3  # three standard errors


def test_unit_sharing_is_adjustable(person):
    for rate in (0.0, 1.0):
        for k in range(10):
            script = write_script(person, "surprise", Difficulty(unit_sharing=rate), (7, k))
            names = set(map(int, script.action_units.replace("L", "").replace("R", "").split("+")))
            assert any(recipe.shared == (rate == 1.0) and set(recipe.units) == names for recipe in RECIPES["surprise"])


def test_distractors_come_on_top(person):
    busy = Difficulty(distractor_rate=8.0, blink_rate=1.0)
    script = write_script(person, "surprise", busy, (5, 5))
    assert script.intensity[:, UNITS.index(45)].max() > 0.1
    assert sum(pair.any() for pair in script.intensity.max(0)) > 6


def test_a_script_is_trimmed_to_the_movement(scripts):
    script = scripts[0]
    trimmed = script.trimmed()
    assert trimmed.onset == 0
    assert trimmed.offset == len(trimmed) - 1
    assert trimmed.first_frame + trimmed.apex == script.first_frame + script.apex
    assert trimmed.state(trimmed.apex) == script.state(script.apex)


def test_scaling_is_by_pixels(person):
    for peak in (0.4, 3.0):
        assert pixel_motion(person, scaled_to(person, {9: (1.0, 0.5)}, peak)) == pytest.approx(peak, rel=0.05)
