import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap, norm
from scipy.stats import t as student

from selfme_lib.evaluation.intervals import averaged, bootstrap_over_subjects, draws_of_seeds, interval, resample_folds
from selfme_lib.evaluation.metrics import accuracy, confusion_matrix, uar, uf1

SKILLED = ((4, 2), (12, 2))  # Beta distributions of the chance to be right


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


def test_resampling_takes_whole_subjects():
    table = predictions(1, subjects=4)
    folds = np.stack([by_hand(clips) for _, clips in table.groupby("subject")])
    drawn = np.random.default_rng(0).multinomial(4, np.full(4, 0.25), size=50)
    counts = [[1, 1, 1, 1], [0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0], *drawn]
    expected = []
    for chosen in counts:
        clips = pd.concat([table[table["subject"] == f"{s:02d}"] for s in range(4) for _ in range(chosen[s])])
        expected.append(uf1(by_hand(clips)))
    np.testing.assert_allclose(resample_folds(folds, uf1, n=50), expected)


def by_hand(clips):
    return confusion_matrix(clips["label"].to_numpy(), clips["prediction"].to_numpy())


def test_the_interval_is_scipys_bca_at_students_level():
    """Accuracy of as many clips each is a mean over subjects, which SciPy's bootstrap knows."""
    table = predictions(4)
    widened = np.sqrt(12 / 11) * student.ppf(0.975, 11)
    shares = table.assign(right=table["label"] == table["prediction"]).groupby("subject")["right"].mean()
    level, rng = 2 * norm.cdf(widened) - 1, np.random.default_rng(0)
    theirs = bootstrap((shares,), np.mean, n_resamples=50_000, confidence_level=level, method="BCa", rng=rng)
    one_clip = 1 / 96  # draws are counts of clips; a quantile may fall on either side of one
    np.testing.assert_allclose(
        bootstrap_over_subjects(table, accuracy, n=50_000), theirs.confidence_interval, atol=1.01 * one_clip
    )


def test_one_subject_has_no_interval():
    low, high = bootstrap_over_subjects(predictions(2, subjects=1), accuracy)
    assert low == high


def people(rng, subjects, skill, clips=8):
    """Confusions (s, 3, 3) of subjects, each right with a chance of their own."""
    truth = rng.integers(3, size=(subjects, clips))
    said = np.where(rng.random((subjects, clips)) < skill, truth, (truth + rng.integers(1, 3, truth.shape)) % 3)
    found = np.zeros((subjects, 3, 3))
    np.add.at(found, (np.arange(subjects)[:, None], truth, said), 1)
    return found


@pytest.mark.parametrize("subjects", [12, 24])
def test_intervals_cover_the_truth_94_times_in_a_hundred_or_more(subjects):
    """Of a score of .67, of one of .86, and of a difference, which is zero, between two methods that find the same people hard.

    The middle 95 % of the draws would cover .91 to .93 here.
    """
    rng, covered = np.random.default_rng(0), []
    truths = [uf1(people(rng, 200_000, rng.beta(*skilled, size=(200_000, 1))).sum(0)) for skilled in SKILLED]
    for n in range(1000):
        for skilled, truth in zip(SKILLED, truths):
            skill = rng.beta(*skilled, size=(subjects, 1))
            values = [resample_folds(people(rng, subjects, skill), uf1, n=500, seed=n) for _ in range(2)]
            low, high = interval(values[0], subjects)
            below, above = interval(values[0] - values[1], subjects)
            covered += [low <= truth <= high, below <= 0 <= above]
    assert 0.94 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize("subjects", [2, 3, 5])
def test_few_subjects_have_wide_intervals_that_are_numbers(subjects):
    for seed in range(20):
        table = predictions(seed, subjects=subjects)
        low, high = bootstrap_over_subjects(table, accuracy, n=200)
        assert 0 <= low <= (table["label"] == table["prediction"]).mean() <= high <= 1


def test_subjects_that_are_all_alike_have_no_width():
    folds = np.repeat(np.diag([3, 2, 1])[None], 6, axis=0)
    assert interval(resample_folds(folds, uf1, n=50), 6) == (1, 1)


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


def test_the_mean_of_two_data_sets_is_as_certain_as_both_together():
    """Of a mean, whose deviation is known: that of half of the sum of two independent means."""
    generator = np.random.default_rng(0)
    people = [generator.normal(1, 1, (40, 1)), generator.normal(3, 2, (60, 1))]
    counted = [np.concatenate([one, np.ones_like(one)], axis=1) for one in people]
    values = [resample_folds(one, lambda sums: sums[:, 0] / sums[:, 1], n=4000) for one in counted]
    together, subjects = averaged(values, [40, 60])
    assert subjects == 100 and together[0] == pytest.approx(np.mean([one.mean() for one in people]))
    assert len(together) == 1 + 100 + 4000
    low, high = interval(together, subjects)
    deviation = np.sqrt(sum(one.var() / len(one) for one in people)) / 2
    assert (high - low) / 2 == pytest.approx(1.984 * deviation, rel=0.06)
    one, alone = averaged(values[:1], [40])
    np.testing.assert_allclose(interval(one, alone), interval(values[0], 40))


def test_draws_of_equal_people_are_not_paired_across_data_sets():
    folds = np.random.default_rng(0).normal(size=(30, 1))
    values = resample_folds(folds, lambda sums: sums[:, 0], n=2000)
    together, _ = averaged([values, -values], [30, 30])
    assert np.std(together[61:]) > 0.5 * np.std(values[31:])  # paired draws would cancel
