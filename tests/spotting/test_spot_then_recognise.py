"""STRS and the F1 of the whole chain, on examples made by hand."""

import pytest
from sklearn.metrics import f1_score
from test_spotting_metrics import span, video

from selfme_lib.spotting.metrics import Counts
from selfme_lib.spotting.spot_then_recognise import score_chain

PLACES = [(n, n + 9) for n in range(0, 100, 20)]


def chain(truth_classes, found_classes, **more):
    truth = [span(*place) for place in PLACES[: len(truth_classes)]]
    return video(truth, [span(*place) for place in PLACES[: len(found_classes)]], truth_classes=truth_classes,
                 found_classes=found_classes, **more)  # fmt: skip


def test_strs_is_the_product_and_says_on_how_many_it_rests():
    labels, answers = [0, 1, 1, 0, 2], [0, 1, 0, 0]  # the last was not found
    scored = score_chain([chain(labels, answers)])
    assert scored.spotting == pytest.approx(2 * 4 / 9)
    assert scored.analysis == pytest.approx(f1_score(labels[:4], answers, average="macro"))
    assert scored.strs == pytest.approx(scored.spotting * scored.analysis)
    assert scored.recognised == 4


def test_a_lucky_pair_scores_as_if_it_were_all():
    scored = score_chain([chain([0, 1, 2, 2, 2], [0, 1])])
    assert (scored.analysis, scored.recognised) == (1.0, 2)
    assert scored.end_to_end == Counts(2, 0, 3)


def test_a_hit_needs_interval_and_class():
    scored = score_chain([chain([0, 1, 1], [0, 1, 0, 2])])
    assert scored.end_to_end == Counts(2, 2, 1)  # a wrong class, and a false alarm


def test_others_count_for_spotting_alone():
    scored = score_chain([chain([0, None, None], [0, 2])])
    assert scored.spotting == pytest.approx(2 * 2 / 5)
    assert scored.recognised == 1
    assert scored.end_to_end == Counts(1, 0, 0)


def test_cannot_tell_is_no_hit():
    scored = score_chain([chain([0, 1], [0, None])])
    assert scored.end_to_end == Counts(1, 1, 1)
    assert scored.analysis == pytest.approx(f1_score([0, 1], [0, 9], labels=[0, 1], average="macro"))


def test_other_kinds_are_no_part_of_the_chain():
    macro = [span(*place, "macro") for place in PLACES[:2]]
    both = video(macro, macro, truth_classes=[0, 1], found_classes=[0, 1])
    assert score_chain([both]).end_to_end == Counts()
    assert score_chain([both], kinds=("micro", "macro")).end_to_end == Counts(2, 0, 0)


def test_an_interval_on_a_label_of_its_class_is_right_beside_another():
    truth = [span(0, 9), span(3, 12)]
    found = [span(1, 10), span(2, 11)]
    scored = score_chain([video(truth, found, truth_classes=[0, 1], found_classes=[1, 0])])
    assert scored.end_to_end == Counts(2, 0, 0)  # overlap alone would pair them the other way


def test_classes_are_asked_for():
    with pytest.raises(ValueError, match="without a class"):
        score_chain([video([span(0, 9)], [])])
