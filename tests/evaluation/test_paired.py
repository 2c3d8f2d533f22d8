import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from selfme_lib.evaluation.metrics import accuracy, uf1
from selfme_lib.evaluation.paired import holm, permutation_p


def folds(rng, subjects, skill):
    """Confusions of people with three clips of each class, found with probability `skill`."""
    truth = np.repeat([0, 1, 2], 3)
    found = np.zeros((subjects, 3, 3), dtype=np.int64)
    for subject in range(subjects):
        guess = np.where(rng.random(9) < skill, truth, rng.integers(0, 3, 9))
        np.add.at(found[subject], (truth, guess), 1)
    return found


@pytest.mark.parametrize("subjects", [8, 20])
def test_p_is_scipys(subjects):
    """Accuracy with equally many clips a subject is a mean over subjects: a paired permutation of samples."""
    rng = np.random.default_rng(0)
    first, second = folds(rng, subjects, 0.7), folds(rng, subjects, 0.5)
    samples = tuple(np.trace(item, axis1=1, axis2=2) / 9 for item in (first, second))
    expected = permutation_test(samples, lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=20_000)
    tolerance = 1e-9 if subjects == 8 else 0.02
    assert permutation_p([(first, second)], accuracy) == pytest.approx(expected.pvalue, abs=tolerance)


def test_p_is_uniform_when_there_is_nothing():
    rng = np.random.default_rng(1)
    found = [permutation_p([(folds(rng, 7, 0.6), folds(rng, 7, 0.6))], uf1) for _ in range(300)]
    assert np.mean(np.array(found) < 0.05) < 0.09
    assert np.mean(np.array(found) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_the_order_of_the_two_does_not_matter_and_seeds_are_exchanged_together():
    rng = np.random.default_rng(2)
    first, second = folds(rng, 9, 0.8), folds(rng, 9, 0.4)
    p = permutation_p([(first, second)], uf1)
    assert p == permutation_p([(second, first)], uf1) == permutation_p([(first, second)] * 3, uf1)
    assert permutation_p([(first, second), (second, first)], uf1) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_helps(p_values):
    corrected = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, corrected))
    assert min(corrected) == pytest.approx(min(1, len(p_values) * min(p_values)))
    order = np.argsort(p_values)
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize("subjects", [12, 24])
def test_false_verdicts_are_no_more_often_than_the_level(subjects):
    """Tables of ten comparisons without any effect, all with the same row, as tables have them."""
    rng, wrong = np.random.default_rng(3), []
    for table in range(150):
        base = folds(rng, subjects, 0.6)
        found = [permutation_p([(folds(rng, subjects, 0.6), base)], uf1, n=1000, seed=table) for _ in range(10)]
        wrong.append(min(holm(found)) < 0.05)
    assert np.mean(wrong) <= 0.05
