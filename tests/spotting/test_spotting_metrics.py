"""What is counted, on examples made by hand and against independent computations."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from selfme_lib.evaluation.intervals import interval, resample_folds
from selfme_lib.spotting.intervals import Interval, iou
from selfme_lib.spotting.metrics import Counts, Spotted, average_precision, count, f1_of, match, overlaps, score


def span(onset, offset, kind="micro", apex=None, score=1.0):
    apex = (onset + offset) // 2 if apex is None else apex
    return Interval(onset=onset, apex=apex, offset=offset, kind=kind, score=score)


def video(truth, found, subject="1", fps=30.0, frames=1800, **classes):
    return Spotted(subject=subject, fps=fps, frames=frames, truth=truth, found=found, **classes)


spans = st.lists(st.builds(lambda s, n: span(s, s + n), st.integers(0, 12), st.integers(0, 8)), max_size=5)


@settings(max_examples=60, deadline=None)
@given(spans, spans, st.sampled_from([0.1, 0.3, 0.5]))
def test_matching_is_of_the_most_pairs_then_of_the_largest_overlap(truth, found, threshold):
    pairs = match(overlaps(truth, found), threshold)
    assert len({t for t, _ in pairs}) == len({f for _, f in pairs}) == len(pairs)
    assert all(iou(truth[t], found[f]) >= threshold for t, f in pairs)
    few, many = sorted((truth, found), key=len)
    best = (0, 0.0)
    for chosen in itertools.permutations(many, len(few)):
        ious = [iou(a, b) for a, b in zip(few, chosen) if iou(a, b) >= threshold]
        best = max(best, (len(ious), sum(ious)))
    total = sum(iou(truth[t], found[f]) for t, f in pairs)
    assert (len(pairs), total) == (best[0], pytest.approx(best[1]))


def test_a_maximum_matching_finds_what_the_first_come_would_lose():
    truth, found = [span(0, 9), span(6, 15)], [span(3, 12), span(0, 8)]  # the first overlaps both labels
    assert count(truth, found) == Counts(2, 0, 0)


def test_kinds_are_counted_apart_and_summed():
    truth = [span(0, 10), span(50, 90, "macro")]
    found = [span(0, 10, "macro"), span(50, 90, "macro"), span(200, 210, "blink"), span(300, 310, "other")]
    scored = score([video(truth, found), video([], [span(5, 9)], subject="2")])
    assert scored["micro"].counts[0.5] == Counts(0, 1, 1)  # the false alarm is in the video without expressions
    assert scored["macro"].counts[0.5] == Counts(1, 1, 0)
    assert scored["all"].counts[0.5] == Counts(1, 2, 1)
    assert (scored["all"].precision, scored["all"].recall, scored["all"].f1) == (1 / 3, 1 / 2, 0.4)
    assert (scored.videos, scored.subjects, scored.minutes) == (2, 2, 2.0)
    assert scored["all"].fp_per_minute == 1.0


def test_an_iou_of_exactly_the_threshold_is_enough():
    truth, found = [span(0, 9)], [span(0, 4)]
    assert iou(truth[0], found[0]) == 0.5
    scored = score([video(truth, found)])["micro"]
    assert [scored.counts[threshold].tp for threshold in (0.3, 0.5, 0.7)] == [1, 1, 0]


def test_duplicates_are_false_alarms():
    assert count([span(0, 9)], [span(0, 9), span(0, 9), span(1, 9)]) == Counts(1, 2, 0)


def test_nothing_counted_is_zero_and_nothing_matched_has_no_error():
    scored = score([video([], [])])["micro"]
    assert (scored.f1, scored.precision, scored.recall) == (0, 0, 0)
    assert np.isnan([scored.onset_error_ms, scored.apex_inside, scored.average_precision]).all()


def test_average_precision_is_that_of_scikit_learn_scaled_to_what_is_found():
    generator = np.random.default_rng(0)
    truth = [span(100 * n, 100 * n + 9) for n in range(12)]
    hits = generator.permutation(np.arange(20) < 9)  # 9 of 20 are right; 3 labels are never found
    places = iter(range(9))
    scores = np.round(generator.random(20), 1)  # some are equal
    found = [
        span(100 * place, 100 * place + 9, score=s) if hit else span(5000 + 20 * n, 5009 + 20 * n, score=s)
        for n, (hit, s) in enumerate(zip(hits, scores.tolist()))
        for place in [next(places) if hit else 0]
    ]
    expected = average_precision_score(hits, scores) * 9 / 12
    assert average_precision([video(truth, found)], ("micro",)) == pytest.approx(expected)
    halves = [video(truth[:6], found[::2]), video(truth[6:], found[1::2])]
    assert average_precision(halves, ("micro",)) < expected  # what is found in the wrong video is wrong


def test_average_precision_takes_the_surer_of_two_on_one_label():
    truth = [span(0, 9)]
    found = [span(0, 9, score=0.2), span(0, 8, score=0.9)]
    assert average_precision([video(truth, found)], ("micro",)) == 1.0
    assert average_precision([video(truth, [*found[:1], span(50, 59, score=0.5)])], ("micro",)) == 0.5


def test_errors_are_in_milliseconds_of_what_is_right():
    truth = [
        span(10, 19, apex=14),
        Interval(onset=50, apex=None, offset=59, kind="micro"),
        span(100, 109),
        span(200, 300, "macro"),
    ]
    found = [span(11, 19, apex=17), span(50, 58, apex=50), span(150, 159), span(204, 300, "macro", apex=250)]
    scored = score([video(truth, found, fps=200.0)])
    assert scored["micro"].onset_error_ms == pytest.approx(2.5)  # 5 and 0 ms
    assert scored["micro"].offset_error_ms == pytest.approx(2.5)
    assert scored["micro"].apex_error_ms == pytest.approx(15)  # nobody labelled the other
    assert scored["micro"].apex_inside == 0.5
    assert scored["macro"].onset_error_ms == pytest.approx(20)
    assert scored["all"].onset_error_ms == pytest.approx((5 + 0 + 20) / 3)


def test_intervals_resample_subjects():
    videos = [video([span(0, 9)], [span(0, 9)] if n % 3 else [span(50, 59)], subject=str(n // 2)) for n in range(12)]
    by_hand = [sum((count(v.truth, v.found) for v in videos[n : n + 2]), Counts()) for n in range(0, 12, 2)]
    folds = np.array([(c.tp, c.fp, c.fn) for c in by_hand], dtype=float)
    assert score(videos)["micro"].f1_interval == interval(resample_folds(folds, f1_of), 6)
    low, high = score(videos)["micro"].f1_interval
    assert low < score(videos)["micro"].f1 < high
