"""What happens in a long video, and when."""

import itertools

import numpy as np
import pytest

from selfme_lib.synthme import SYNTHME_2, create_identity
from selfme_lib.synthme.long_script import (
    LABELLED,
    LONGEST_MICRO,
    Behaviour,
    Event,
    draw_events,
    write_long_script,
)
from selfme_lib.synthme.timeline import UNITS, pixel_motion

USUAL = Behaviour()
BUSY = Behaviour(micro=20, macro=10, speech=5, lips=5, empty=0)


def events_of(seed=0, *, fps=100, seconds=60.0, behaviour=USUAL):
    return draw_events((seed,), seconds=seconds, fps=fps, behaviour=behaviour, difficulty=SYNTHME_2)


def script_of(events, *, fps=100, seconds=4.0, seed=0, difficulty=SYNTHME_2):
    return write_long_script(
        create_identity(3), tuple(events), (seed,), seconds=seconds, fps=fps, difficulty=difficulty
    )


def intensity(script, unit):
    return script.intensity[:, UNITS.index(unit)]


@pytest.mark.parametrize("fps", [30, 100, 200])
@pytest.mark.parametrize("seed", range(4))
def test_expressions_last_as_long_as_they_do_and_lie_within_the_video(fps, seed):
    for event in events_of(seed, fps=fps, behaviour=BUSY):
        assert 0 <= event.onset < event.apex < event.offset < 60 * fps
        for onset, apex, offset in [(event.onset, event.apex, event.offset)] + [event.coded] * bool(event.emotion):
            seconds = (offset - onset + 1) / fps
            assert onset < apex < offset
            if event.kind == "micro":
                assert 0.1 < seconds <= LONGEST_MICRO
                assert (apex - onset) / fps <= 0.26 + 0.1 + 1 / fps  # a coder's error included
            elif event.kind == "macro":
                assert LONGEST_MICRO < seconds <= 4
            elif event.kind == "blink":
                assert 0.15 < seconds < 0.4


@pytest.mark.parametrize("seed", range(6))
def test_what_shares_a_part_of_the_face_does_not_overlap(seed):
    events = events_of(seed, behaviour=BUSY)
    assert [event.onset for event in events] == sorted(event.onset for event in events)
    for kinds in (("micro", "macro", "speech", "lips"), ("blink",), ("glance",), ("head",)):
        of_kind = [event for event in events if event.kind in kinds]
        assert all(before.offset < after.onset for before, after in itertools.pairwise(of_kind))
    coded = [event.coded for event in events if event.kind in LABELLED]
    assert all(before[2] < after[0] for before, after in itertools.pairwise(coded))


def test_events_are_as_frequent_as_asked():
    behaviour = Behaviour(empty=0)
    videos = [events_of(seed, fps=30, seconds=60, behaviour=behaviour) for seed in range(150)]
    for kind in ("micro", "macro", "blink", "glance", "head", "speech"):
        rate = np.mean([sum(event.kind == kind for event in video) for video in videos])
        assert rate == pytest.approx(getattr(behaviour, kind), rel=0.2), kind


def test_some_videos_hold_no_expression():
    empty = [not any(event.kind in LABELLED for event in events_of(seed, fps=30)) for seed in range(200)]
    assert np.mean(empty) == pytest.approx(0.2, abs=0.08)
    assert not any(event.kind in LABELLED for event in events_of(behaviour=Behaviour(empty=1)))
    assert any(event.kind == "blink" for event in events_of(behaviour=Behaviour(empty=1)))


def test_people_do_the_same_at_any_frame_rate():
    slow, fast = (events_of(fps=fps, behaviour=BUSY) for fps in (100, 200))
    assert [(event.kind, event.emotion, event.action_units) for event in slow] == [
        (event.kind, event.emotion, event.action_units) for event in fast
    ]
    for one, other in zip(slow, fast):
        assert (one.onset / 100, one.offset / 100) == pytest.approx((other.onset / 200, other.offset / 200), abs=0.021)


def test_a_macro_expression_is_larger_than_a_micro_expression():
    events = [event for event in events_of(behaviour=BUSY, seconds=120) if event.kind in LABELLED]
    script, identity = script_of(events, seconds=120), create_identity(3)
    size = {kind: [] for kind in LABELLED}
    for event in events:
        at_apex = dict(zip(UNITS, map(tuple, script.intensity[event.apex])))
        size[event.kind].append(pixel_motion(identity, at_apex))
        shown = {int(unit.lstrip("LR")) for unit in event.action_units.split("+")}
        assert all(max(at_apex[unit]) > 0 for unit in shown)
    assert len(size["micro"]) > 5 and len(size["macro"]) > 5
    assert min(size["micro"]) > 0.5 and max(size["micro"]) < 8  # px of 256
    assert np.median(size["macro"]) > 2 * np.median(size["micro"])


def test_expressions_rise_from_nothing_and_fall_to_nothing():
    event = next(event for event in events_of(behaviour=BUSY) if event.kind == "macro")
    script = script_of([event], seconds=60)
    moving = np.flatnonzero(script.intensity.any(axis=(1, 2)))
    assert event.onset <= moving[0] <= event.onset + 3 and event.offset - 3 <= moving[-1] <= event.offset


def test_a_blink_closes_the_eyes_quickly_and_opens_them_slowly():
    depths = []
    for seed in range(30):
        closed = intensity(script_of([Event("blink", 100, 112, 130)], seed=seed), 45)[:, 0]
        depths.append(closed.max())
        deepest = closed.argmax()
        assert 105 < deepest < 118 and closed[99] == closed[131] == 0
    assert 0.4 < np.mean(np.array(depths) > 0.95) < 1


def test_speech_opens_the_jaw_in_the_rhythm_of_syllables():
    script = script_of([Event("speech", 50, 200, 350)])
    jaw = intensity(script, 26)[:, 0]
    assert 0.03 < jaw.max() < 0.3 and not jaw[:50].any() and not jaw[351:].any()
    spectrum = np.abs(np.fft.rfft(jaw[50:350] - jaw[50:350].mean()))
    strongest = np.fft.rfftfreq(300, 1 / 100)[spectrum.argmax()]
    assert 3 <= strongest <= 7


def test_a_glance_jumps_away_and_back():
    plain, script = script_of([]), script_of([Event("glance", 100, 150, 200)])
    away = np.linalg.norm(script.gaze - plain.gaze, axis=1)
    assert away[150] > 0.14 and not away[:100].any() and away[201:].max() < 1e-9
    assert away[110] == pytest.approx(away[150])  # within a tenth of a second


def test_a_head_turn_moves_the_pose_and_nothing_else():
    plain, script = script_of([]), script_of([Event("head", 100, 150, 250)])
    turned = np.abs(np.array(script.poses) - np.array(plain.poses)).max(axis=0)
    assert turned[1] > 0.005 and not script.intensity.any()
    assert script.poses[99] == plain.poses[99] and np.allclose(script.poses[251], plain.poses[251])


def test_the_same_seed_gives_the_same_script_and_another_another():
    first, again = (script_of(events_of(seconds=4), seed=1) for _ in range(2))
    assert (first.intensity == again.intensity).all() and first.poses == again.poses
    assert (script_of(events_of(seconds=4), seed=2).gaze != first.gaze).any()
