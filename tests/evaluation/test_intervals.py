import numpy as np
import pandas as pd

from selfme_lib.evaluation.intervals import bootstrap_over_subjects, draws_of_seeds
from selfme_lib.evaluation.metrics import accuracy, confusion_matrix, uar, uf1


def predictions(seed, subjects=12, clips=8):
    """Some subjects are easy and some are hard, as in life."""
    rng = np.random.default_rng(seed)
    rows = []
    for subject in range(subjects):
        skill = rng.beta(4, 2)  # mean 2/3
        for clip in range(clips):
            label = int(rng.integers(3))
            prediction = label if rng.random() < skill else (label + 1) % 3
            rows.append((f"{subject:02d}", f"EP{clip}", label, prediction))
    return pd.DataFrame(rows, columns=["subject", "clip", "label", "prediction"])


def test_same_seed_same_interval_and_it_holds_the_score():
    table = predictions(0)
    pooled = confusion_matrix(table["label"].to_numpy(), table["prediction"].to_numpy())
    for metric in (uf1, uar):
        low, high = bootstrap_over_subjects(table, metric, seed=5)
        assert (low, high) == bootstrap_over_subjects(table, metric, seed=5)
        assert (low, high) != bootstrap_over_subjects(table, metric, seed=6)
        assert 0 <= low < metric(pooled) < high <= 1


def test_draws_take_whole_subjects():
    table = predictions(1, subjects=4)
    drawn = np.random.default_rng(0).multinomial(4, np.full(4, 0.25), size=50)
    values = []
    for counts in drawn:
        clips = pd.concat([table[table["subject"] == f"{s:02d}"] for s in range(4) for _ in range(counts[s])])
        values.append(uf1(confusion_matrix(clips["label"].to_numpy(), clips["prediction"].to_numpy())))
    expected = tuple(np.quantile(values, [0.025, 0.975]))
    np.testing.assert_allclose(bootstrap_over_subjects(table, uf1, n=50), expected)


def test_one_subject_has_no_interval():
    low, high = bootstrap_over_subjects(predictions(2, subjects=1), accuracy)
    assert low == high


def test_95_percent_intervals_cover_the_truth_about_that_often():
    truth = 2 / 3
    intervals = [bootstrap_over_subjects(predictions(seed, subjects=24), accuracy, n=400) for seed in range(200)]
    covered = np.mean([low <= truth <= high for low, high in intervals])
    assert 0.88 <= covered <= 0.99


def test_resemblance_within_subjects_widens_the_interval():
    """Drawing clips as if each were a person of its own would promise too much."""
    table = predictions(3)
    low, high = bootstrap_over_subjects(table, accuracy)
    as_people = table.assign(subject=[f"{number:03d}" for number in range(len(table))])
    low_clips, high_clips = bootstrap_over_subjects(as_people, accuracy)
    assert high - low > high_clips - low_clips


def trainings(shared, own, count=200, subjects=12, clips=16, seed=0):
    """Confusions of many trainings (count, s, 2, 2): the skill of a fold has a part of its training's and one of its own."""
    rng = np.random.default_rng(seed)
    skill = 0.6 + shared * rng.standard_normal((count, 1)) + own * rng.standard_normal((count, subjects))
    right = np.round(clips * skill.clip(0, 1)).astype(int)
    confusions = np.zeros((count, subjects, 2, 2), dtype=int)
    confusions[..., 0, 0], confusions[..., 0, 1] = right, clips - right
    return confusions


def test_mixed_trainings_spread_as_whole_ones_do_if_each_fold_has_its_own_luck_and_less_if_it_is_shared():
    for shared, own, expected in ((0.0, 0.15, 1.0), (0.1, 0.05, 0.2)):
        folds = trainings(shared, own)
        whole = accuracy(folds.sum(1)).std()
        mixed = draws_of_seeds(folds, accuracy, n=4000).std()
        assert mixed / whole < expected + 0.15
        assert mixed / whole > expected - 0.15


def test_few_trainings_spread_less_by_the_factor_that_is_stated():
    """Mean variance of mixtures of two trainings, over many pairs of them, against the variance of trainings."""
    folds = trainings(0.0, 0.15, count=400)
    pairs = folds.reshape(200, 2, *folds.shape[1:])
    mixed = np.mean([draws_of_seeds(pair, accuracy, n=200, seed=number).var() for number, pair in enumerate(pairs)])
    assert np.isclose(2 * mixed, accuracy(folds.sum(1)).var(), rtol=0.15)


def test_one_training_has_no_luck_to_draw():
    assert np.ptp(draws_of_seeds(trainings(0.1, 0.1, count=1), accuracy, n=10)) == 0
