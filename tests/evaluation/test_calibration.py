import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from selfme_lib.evaluation import calibration


def table(p, labels, subjects):
    return pd.DataFrame(
        {
            "subject": subjects,
            "clip": range(len(labels)),
            "label": labels,
            "prediction": p.argmax(1),
            **{f"p{k}": column for k, column in enumerate(p.T)},
        }
    )


def honest(n=6000, seed=0, people=30):
    """Probabilities from which the labels are drawn: as good as calibrated."""
    generator = np.random.default_rng(seed)
    p = softmax(generator.normal(0, 1.5, (n, 3)), axis=1)
    labels = (generator.random((n, 1)) > p.cumsum(1)).sum(1)
    return p, labels, [f"{k:02d}" for k in np.arange(n) % people]


def test_the_temperature_that_was_used_is_found():
    p, labels, _ = honest()
    for temperature in (0.4, 1.0, 2.5):
        distorted = calibration.at_temperature(p, temperature)
        np.testing.assert_allclose(distorted.sum(1), 1)
        assert calibration.fit_temperature(distorted, labels) == pytest.approx(1 / temperature, rel=0.06)


def test_no_other_temperature_has_a_lower_log_loss():
    p, labels, _ = honest(400, seed=3)
    best = calibration.fit_temperature(p, labels)
    at_best = log_loss(labels, calibration.at_temperature(p, best))
    for other in (0.5, 0.9, 1.1, 2.0):
        assert at_best <= log_loss(labels, calibration.at_temperature(p, best * other)) + 1e-9


def test_calibration_repairs_overconfidence_and_changes_no_prediction():
    p, labels, subjects = honest()
    sure = table(calibration.at_temperature(p, 0.4), labels, subjects)
    repaired = calibration.calibrate(sure)
    assert (calibration.probabilities(repaired).argmax(1) == sure["prediction"]).all()
    before, *_ = calibration.expected_calibration_error(sure)
    after, low, high = calibration.expected_calibration_error(repaired)
    assert before > 0.1 and after < 0.02
    assert low <= after <= high


def test_nobody_is_calibrated_by_labels_of_his_own():
    p, labels, subjects = honest(600, people=6)
    mine = np.array(subjects) == "03"
    other = np.where(mine, (labels + 1) % 3, labels)
    found = [calibration.calibrate(table(p, some, subjects)) for some in (labels, other)]
    columns = ["p0", "p1", "p2"]
    pd.testing.assert_frame_equal(found[0][mine][columns], found[1][mine][columns])
    assert not found[0][~mine][columns].equals(found[1][~mine][columns])
    with pytest.raises(ValueError, match="other subjects"):
        calibration.calibrate(table(p[:5], labels[:5], ["01"] * 5))


def test_ece_of_a_hand_made_example():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.55, 0.45]])
    predictions = table(p, np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])
    error, *_ = calibration.expected_calibration_error(predictions)
    # bin [.9, 1): confidence .9, accuracy .5; [.6, .7): .6 and 1; [.5, .6): .55 and 0
    assert error == pytest.approx((2 * 0.4 + 0.4 + 0.55) / 4)
    rows = calibration.reliability(predictions)
    assert rows["clips"].tolist() == [1, 1, 2] and rows["accuracy"].tolist() == [0, 1, 0.5]


def test_risk_and_coverage_of_a_hand_made_example():
    p = np.array([[0.9, 0.1], [0.8, 0.2], [0.8, 0.2], [0.6, 0.4]])
    predictions = table(p, np.array([0, 0, 1, 1]), list("abcd"))
    curve = calibration.risk_coverage(predictions)
    assert curve["coverage"].tolist() == [0.25, 0.75, 1.0]
    np.testing.assert_allclose(curve["risk"], [0, 1 / 3, 1 / 2])
    assert calibration.area_under_risk(predictions) == pytest.approx(0.5 / 3 + 0.25 / 2)
    backwards = predictions.iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(calibration.risk_coverage(backwards), curve)


def test_abstention_keeps_the_promise_on_other_people():
    p, labels, subjects = honest(people=60)
    predictions = calibration.abstain(table(p, labels, subjects), risk=0.1)
    answered = predictions[predictions["answered"]]
    wrong = (answered["prediction"] != answered["label"]).mean()
    assert 0.1 < len(answered) / len(predictions) < 0.9
    assert wrong == pytest.approx(0.1, abs=0.02)
    assert not calibration.abstain(table(p, (p.argmax(1) + 1) % 3, subjects), risk=0.1)["answered"].any()
