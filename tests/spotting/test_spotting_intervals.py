"""Intervals: their frames, their overlap, and the truth that labels hold."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import jaccard_score

from selfme_lib.data.long_videos import Expression, LongVideo
from selfme_lib.spotting.intervals import Interval, frame_number, iou, kind_of, truth_of


def span(onset, offset, kind="micro", apex=None):
    return Interval(onset=onset, apex=apex, offset=offset, kind=kind)


def labelled(*moments, numbers=tuple(range(1, 31)), kind="macro"):
    expressions = tuple(Expression(name="x", kind=kind, onset=o, apex=a, offset=e) for o, a, e in moments)
    frames = tuple(Path(f"{n}.jpg") for n in numbers)
    return LongVideo(
        dataset="casme2-long",
        subject="15",
        name="v",
        place=Path("v"),
        frames=frames,
        frame_numbers=tuple(numbers),
        fps=30.0,
        expressions=expressions,
    )


@pytest.mark.parametrize("a, b", [((0, 10), (5, 10)), ((3, 3), (3, 3)), ((0, 4), (5, 9)), ((2, 8), (4, 5))])
def test_iou_is_the_jaccard_index_of_the_frames(a, b):
    frames = np.arange(20)
    of_a, of_b = ((frames >= start) & (frames <= end) for start, end in (a, b))
    assert iou(span(*a), span(*b)) == pytest.approx(jaccard_score(of_a, of_b))


def test_half_a_second_is_micro():
    assert [kind_of(length, 30.0) for length in (1, 15, 16)] == ["micro", "micro", "macro"]


@pytest.mark.parametrize("moments", [(5, 4, 8), (5, 9, 8), (-1, 0, 2), (5, None, 4)])
def test_moments_are_in_order(moments):
    with pytest.raises(ValueError, match="onset <= apex <= offset"):
        span(moments[0], moments[2], apex=moments[1])


def test_labels_count_from_1_and_intervals_from_0():
    video = labelled((3, 6, 9), (None, 12, None), (20, None, 25))
    assert truth_of(video) == [
        span(0, 11, "macro", apex=11),
        span(2, 8, "macro", apex=5),
        span(19, 24, "macro"),
    ]
    assert frame_number(video, 2) == 3


def test_where_frames_are_missing_an_interval_is_that_of_the_others():
    numbers = [1, 2, 3, 6, 7, 8, 9, 20, 21]
    video = labelled((4, 5, 8), (10, 12, 15), numbers=numbers)
    (interval,) = truth_of(video)  # nothing is left of the other
    assert [frame_number(video, frame) for frame in (interval.onset, interval.apex, interval.offset)] == [6, 6, 8]


def test_frames_of_a_file_count_from_1():
    video = labelled((3, 6, 9), numbers=())
    assert truth_of(video) == [span(2, 8, "macro", apex=5)]
    assert frame_number(video, 2) == 3
