import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from selfme_lib.evaluation import membership


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0])
def test_it_is_the_area_under_the_roc_curve(shift):
    generator = np.random.default_rng(0)
    members, strangers = generator.normal(0, 1, 40), generator.normal(shift, 1, 70)
    truth = np.r_[np.ones(40), np.zeros(70)]
    assert membership.auc(members, strangers) == pytest.approx(roc_auc_score(truth, -np.r_[members, strangers]))


def test_equal_losses_tell_nothing():
    assert membership.auc(np.ones(5), np.ones(7)) == 0.5


def test_the_interval_is_over_people_not_clips():
    generator = np.random.default_rng(1)
    person = np.repeat(np.arange(12), 20)
    theirs, others = (generator.normal(0, 1, 12)[person] + generator.normal(0, 0.1, 240) for _ in range(2))
    value, low, high = membership.auc_over_people(theirs, person, others, person)
    _, narrow, wide = membership.auc_over_people(theirs, np.arange(240), others, np.arange(240))
    assert low < value < high and high - low > 2 * (wide - narrow)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="missing"):
        membership.auc(np.ones(3), np.ones(0))
    with pytest.raises(ValueError, match="not finite"):
        membership.auc(np.ones(3), np.array([np.nan]))


def test_cross_entropy_is_that_of_the_label():
    p = np.array([[0.5, 0.5], [0.1, 0.9]])
    np.testing.assert_allclose(membership.cross_entropy(p, np.array([0, 1])), [-np.log(0.5), -np.log(0.9)])


def test_both_groups_are_told_apart_by_one_record():
    loss, people = np.r_[np.zeros(6), np.ones(6)], np.repeat(np.arange(4), 3)
    member = loss == 0
    found = membership.told_apart(loss, people, member)
    assert found == {"auc": 1.0, "low": 1.0, "high": 1.0, "members": 0.0, "strangers": 1.0}
    assert membership.told_apart(loss, people, ~member)["auc"] == 0.0
    assert membership.told_apart(loss, people, member, shown=2 - loss)["members"] == 2.0
