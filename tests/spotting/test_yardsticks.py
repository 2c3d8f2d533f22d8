"""From curves to intervals: peaks, thresholds, and settings that come from training subjects alone."""

from dataclasses import replace

import numpy as np
import pytest
from test_spotting_metrics import span, video

from selfme_lib.spotting.curves import Curves
from selfme_lib.spotting.intervals import EXPRESSIONS, Interval, kind_of
from selfme_lib.spotting.metrics import count, score
from selfme_lib.spotting.peaks import (
    Grid,
    KindSettings,
    PeakFinder,
    Shape,
    Threshold,
    levels,
    shapes,
)
from selfme_lib.spotting.yardsticks import YARDSTICKS, Random, leave_one_subject_out, oracle

FPS = 30.0


def bumps(*places, frames=600, noise=0.0, seed=0, step=1, fps=FPS):
    """A curve with a bump per (middle, width, height), in samples."""
    time = np.arange(frames // step)
    curve = noise * np.random.default_rng(seed).normal(size=len(time))
    for middle, width, height in places:
        curve += height * np.maximum(0, 1 - abs(time - middle) / width)
    return Curves(values=np.stack([curve, 2 * curve], axis=1), names=("a", "b"), step=step, fps=fps, frames=frames)


def only(shape, threshold, kind="micro"):
    return {kind: KindSettings(Shape(curve="a", **shape), threshold)}


def finder(**grid):
    some = Grid(shapes=shapes(["a", "b"], [0, 0.1], [0.3, 0.4, 0.9], [0.5, 0.8]), thresholds=levels(0.5, 4, 4))
    return PeakFinder({kind: replace(some, **grid) for kind in EXPRESSIONS})


def fit(some, curves, truths):
    """Settings from training videos."""
    return some.settle([some.learn(*video) for video in zip(curves, truths)])


LEVEL = Threshold("level", 1.0)


@pytest.mark.parametrize(
    "shape, ends",
    [
        ({"length": 0.3}, (96, 104)),
        ({"length": 10 / 30}, (96, 105)),
        ({"depth": 0.5}, (97, 103)),
        ({}, (98, 102)),  # above 1 of 2
    ],
)
def test_a_peak_becomes_an_interval(shape, ends):
    (found,) = PeakFinder({}).spot(bumps((100, 6, 2.0)), only(shape, LEVEL))
    assert (found.onset, found.apex, found.offset, found.kind) == (ends[0], 100, ends[1], "micro")
    assert found.score == pytest.approx(1.0)  # above the threshold


def test_samples_become_frames():
    curves = bumps((20, 6, 2.0), frames=605, step=6, fps=200.0)
    (found,) = PeakFinder({}).spot(curves, only({"depth": 0.5}, LEVEL))
    assert (found.onset, found.apex, found.offset) == (6 * 17, 6 * 20, 6 * 23)
    assert kind_of(found.length, 200.0) == "macro" if found.kind == "macro" else "micro"


def test_thresholds():
    curve = np.r_[np.zeros(98), 4.0, 2.0]
    assert Threshold("share", 0.5).of(curve) == pytest.approx(0.06 + 0.5 * (4 - 0.06))
    assert Threshold("spread", 2).of(np.r_[curve, 1, 1, -1]) == 0
    noise = np.random.default_rng(0).normal(5, 3, 20_000)
    assert Threshold("spread", 2).of(noise) == pytest.approx(5 + 2 * 3, rel=0.02)
    assert Threshold("level", 7).of(curve) == 7


def test_only_the_higher_of_two_that_overlap_stays():
    curves = bumps((100, 5, 2.0), (108, 5, 3.0), (150, 5, 2.0))
    found = PeakFinder({}).spot(curves, only({"length": 0.4}, LEVEL))
    assert [one.apex for one in found] == [108, 150]


def test_one_run_above_the_threshold_is_one_interval():
    curves = bumps((100, 6, 2.0), (105, 6, 2.5))
    (found,) = PeakFinder({}).spot(curves, only({}, LEVEL))
    assert found.apex == 105 and found.onset <= 98


def test_the_length_decides_the_kind():
    curves = bumps((100, 12, 2.0), (300, 40, 2.0))
    settings = only({"depth": 0.5}, LEVEL) | only({"depth": 0.5}, LEVEL, "macro")
    assert [(one.kind, one.apex) for one in PeakFinder({}).spot(curves, settings)] == [("micro", 100), ("macro", 300)]


def test_what_is_learned_is_what_would_be_spotted():
    curves = bumps((50, 6, 2), (90, 5, 1.5), (97, 6, 3), (200, 30, 2.5), (300, 7, 1.2), (400, 15, 4), noise=0.2)
    truth = [span(46, 54), span(92, 103), span(180, 220, "macro"), span(297, 303), span(500, 510)]
    some = finder()
    learned = some.learn(curves, truth)
    for kind, grid in some.grids.items():
        for s, shape in enumerate(grid.shapes):
            for q, threshold in enumerate(grid.thresholds):
                found = some.spot(curves, {kind: KindSettings(shape, threshold)})
                counts = count([one for one in truth if one.kind == kind], found)
                assert learned[kind][s, q].tolist() == [counts.tp, counts.fp, counts.fn]


def test_settings_are_those_of_the_largest_f1():
    curves = [bumps((50, 8, 3), (150, 8, 1.2), noise=0.05, seed=n) for n in range(3)]
    truths = [[span(46, 54)]] * 3  # the low bump is none
    some = finder()
    found = [some.spot(one, fit(some, curves, truths)) for one in curves]
    scored = score([video(truth, one) for truth, one in zip(truths, found)])
    assert scored["micro"].f1 == 1 and scored["macro"].f1 == 0


def test_a_threshold_that_is_best_alone_is_not_chosen():
    thresholds = (*levels(1, 6, 6), Threshold("spread", 1.0))
    f1 = [0.0, 0.7, 0.0, 0.5, 0.6, 0.4, 0.44]
    counts = np.array([[(round(50 * one), 100 - 2 * round(50 * one), 0) for one in f1]])  # 2 TP + FP + FN = 100
    some = PeakFinder({"micro": Grid(shapes=(Shape(curve="a"),), thresholds=thresholds)})
    assert some.settle([{"micro": counts}])["micro"].threshold == thresholds[4]


def test_a_subjects_own_labels_change_nothing_for_it():
    curves = [bumps((50 + 9 * n, 8, 3), (150, 8, 1.2), noise=0.05, seed=n) for n in range(4)]
    truths = [[span(46 + 9 * n, 54 + 9 * n)] for n in range(4)]
    subjects = ["1", "2", "2", "3"]
    found = leave_one_subject_out(finder(), curves, truths, subjects)
    false = [
        [span(300, 310), span(146, 154), span(400, 490, "macro")] if s == "2" else t for s, t in zip(subjects, truths)
    ]
    again = leave_one_subject_out(finder(), curves, false, subjects)
    assert again[1:3] == found[1:3]
    by_hand = fit(finder(), [curves[0], curves[3]], [truths[0], truths[3]])
    assert found[1] == finder().spot(curves[1], by_hand)
    assert score([video(t, f) for t, f in zip(truths, found)])["micro"].f1 == 1


def test_one_subject_has_nobody_to_learn_from():
    with pytest.raises(ValueError, match="other subjects"):
        leave_one_subject_out(finder(), [bumps()], [[]], ["1"])


def test_random_intervals_have_the_rate_and_the_lengths_of_others():
    truth = [span(10, 18), span(40, 50), span(100, 140, "macro")]
    curves = [bumps(frames=36_000, noise=1, seed=n) for n in range(20)]  # 20 minutes each
    rates = fit(Random(), [bumps(frames=900)] * 2, [truth, truth[:2]])  # 4 micro and 1 macro a minute
    found = [Random().spot(one, rates) for one in curves]
    lengths = {kind: [one.length for some in found for one in some if one.kind == kind] for kind in EXPRESSIONS}
    assert set(lengths["micro"]) == {9, 11} and set(lengths["macro"]) == {41}
    assert len(lengths["micro"]) == pytest.approx(20 * 20 * 4, rel=0.1)
    assert len(lengths["macro"]) == pytest.approx(20 * 20, rel=0.2)
    assert found[0] == Random().spot(curves[0], rates) != found[1]


def test_the_maximum_is_one_of_a_kind_in_every_video():
    some = YARDSTICKS["maximum"].finder
    grids = {
        kind: replace(grid, shapes=tuple(replace(one, curve="a") for one in grid.shapes[:48]))
        for kind, grid in some.grids.items()
    }
    some = PeakFinder(grids)
    curves = [bumps((100, 8, 3), (200, 8, 2), (300, 60, 2.5), noise=0.01), bumps(noise=0.01)]
    truths = [[span(96, 104), span(280, 320, "macro")], []]
    settings = fit(some, curves[:1], truths[:1])
    for one in curves:
        found = some.spot(one, settings)
        assert all(sum(f.kind == kind for f in found) <= 1 for kind in EXPRESSIONS)
    assert [f.apex for f in some.spot(curves[0], settings) if f.kind == "micro"] == [100]


def test_the_oracle_knows_it_all():
    truth = [Interval(onset=5, apex=None, offset=9, kind="micro"), span(50, 90, "macro")]
    scored = score([video(truth, oracle(truth))])
    assert scored["all"].f1 == 1 and oracle(truth)[0].apex == 7
