"""Each fault of a public counter, on an example made by hand, beside what `metrics` says of the same example."""

import pytest
from test_spotting_metrics import span, video

from selfme_lib.spotting.intervals import iou
from selfme_lib.spotting.legacy import (
    LEGACY,
    every_pair,
    exclusive,
    exclusive_iou,
    legacy_counts,
    megc2020,
    megc2020_iou,
    softnet,
)
from selfme_lib.spotting.metrics import Counts, count


def late(*spans):
    """As found by somebody who counts from 1, so that labels counted from 1 do no harm."""
    return [span(onset + 1, offset + 1) for onset, offset in spans]


def test_megc2020_intervals_apart_overlap():
    assert megc2020_iou((0, 4), (100, 104)) == pytest.approx(1 / 9)
    assert megc2020_iou((0, 1), (2, 3)) == pytest.approx(1 / 3)
    assert iou(span(0, 1), span(2, 3)) == 0
    assert megc2020_iou((0, 10), (5, 10)) == iou(span(0, 10), span(5, 10))  # where they do overlap, it is right


def test_megc2020_an_interval_of_one_frame_is_never_found():
    assert megc2020_iou((3, 3), (3, 3)) == 0
    assert count([span(3, 3)], [span(3, 3)]) == Counts(1, 0, 0)


def test_megc2020_labels_count_from_1():
    truth, found = [span(0, 5)], [span(0, 2)]
    assert count(truth, found) == Counts(1, 0, 0)
    assert megc2020(truth, found) == Counts(0, 1, 1)  # frames 1 to 6 against 0 to 2
    assert megc2020(truth, late((0, 2))) == Counts(1, 0, 0)


def test_megc2020_one_interval_finds_two_labels_and_fp_is_negative():
    truth, found = [span(0, 4), span(5, 9)], late((0, 9))
    assert megc2020(truth, found) == Counts(2, -1, 0)
    assert count(truth, [span(0, 9)]) == Counts(1, 0, 1)


def test_megc2020_duplicates_are_false_alarms():
    assert megc2020([span(0, 9)], late((0, 9), (0, 9), (1, 9))) == Counts(1, 2, 0)


def test_every_pair_makes_hits_of_duplicates():
    truth, found = [span(0, 9)], late((0, 9), (0, 9), (1, 9))
    assert every_pair(truth, found) == Counts(3, 0, -2)
    assert every_pair(truth, found).recall == 3
    assert count(truth, [span(0, 9), span(0, 9), span(1, 9)]) == Counts(1, 2, 0)


def test_softnet_leaves_out_videos_without_an_expression():
    assert softnet([], [span(0, 9), span(20, 29)]) == Counts()
    assert count([], [span(0, 9), span(20, 29)]) == Counts(0, 2, 0)


def test_softnet_counts_a_result_where_there_is_none():
    assert softnet([span(5, 9)], []) == Counts(0, 1, 1)
    assert count([span(5, 9)], []) == Counts(0, 0, 1)


def test_softnet_compares_with_the_nearest_label_alone():
    truth, found = [span(0, 11), span(4, 15)], [span(4, 14), span(3, 14)]  # both are nearest to the second label
    assert softnet(truth, found) == Counts(1, 1, 1)
    assert count(truth, found) == Counts(2, 0, 0)


def test_exclusive_lengths():
    truth, found = [span(0, 10)], [span(5, 10)]
    assert exclusive_iou(truth[0], found[0]) == 0.5
    assert iou(truth[0], found[0]) == pytest.approx(0.545, abs=5e-4)
    assert exclusive(truth, found) == Counts(0, 1, 1)
    assert count(truth, found) == Counts(1, 0, 0)


@pytest.mark.parametrize("counter", LEGACY)
def test_kinds_are_counted_one_by_one(counter):
    truth, found = (
        [span(0, 9), span(50, 80, "macro")],
        [span(0, 9, "macro"), span(51, 81, "macro"), span(5, 9, "blink")],
    )
    counts = legacy_counts([video(truth, found)], counter)
    assert counts["micro"] == (Counts(0, 1, 1) if counter == "softnet" else Counts(0, 0, 1))
    assert counts["macro"] == Counts(1, 1, 0)
    assert counts["all"] == counts["micro"] + counts["macro"]
