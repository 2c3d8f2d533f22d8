import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from selfme_lib.classifier import linear
from selfme_lib.classifier.linear import LinearConfig
from selfme_lib.classifier.symmetry import flip_motion
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.settings import from_plain
from toy_motion import moving_blobs

MOTION, LABELS, SUBJECTS, _ = moving_blobs(4, 9)


def test_cells_are_means_of_u_and_then_of_v():
    motion = torch.arange(2 * 16 * 16.0).reshape(1, 2, 16, 16)
    cells = linear.cell_means(motion, 2)
    wanted = [motion[0, c, 8 * y : 8 * y + 8, 8 * x : 8 * x + 8].mean() for c in (0, 1) for y in (0, 1) for x in (0, 1)]
    torch.testing.assert_close(cells[0], torch.stack(wanted))


def test_it_is_logistic_regression_on_the_clips_and_their_mirror_images():
    train, test = MOTION[:27], MOTION[27:]
    found = linear.fit_predict(LinearConfig(), train, LABELS[:27], test)
    seen = torch.cat([linear.cell_means(train), linear.cell_means(flip_motion(train))]).double().numpy()
    centre = seen.mean(0)
    scale = (seen - centre).std()
    model = LogisticRegression(C=1.0, max_iter=5000).fit((seen - centre) / scale, np.tile(LABELS[:27], 2))
    wanted = model.predict_proba((linear.cell_means(test).double().numpy() - centre) / scale)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert (found.argmax(1) == LABELS[27:]).float().mean() > 0.85


def test_the_strength_of_all_motions_together_changes_nothing():
    once, twice = (
        linear.fit_predict(LinearConfig(), factor * MOTION[:27], LABELS[:27], factor * MOTION[27:]) for factor in (1, 3)
    )
    torch.testing.assert_close(once, twice, atol=1e-4, rtol=0)


@pytest.mark.parametrize("present", [(1,), (0, 2)])
def test_classes_that_nobody_shows_get_no_probability(present):
    chosen = torch.isin(LABELS, torch.tensor(present))
    found = linear.fit_predict(LinearConfig(), MOTION[chosen], LABELS[chosen], MOTION[:5])
    torch.testing.assert_close(found.sum(1), torch.ones(5))
    assert set(np.flatnonzero(found.sum(0))) == set(present)


@pytest.mark.parametrize("wrong", [{"cells": 0}, {"c": 0.0}, {"c": -1.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        from_plain(LinearConfig, wrong)
