r"""How far a probability can be believed, and what is won by not answering.

*Temperature* (C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017): one number $T$
flattens or sharpens all probabilities, $p_k \propto p_k^{1/T}$, and changes no prediction. Here it is fitted for each subject on
the others, so nobody's probabilities are corrected by labels of his own.

*Expected calibration error*: clips are sorted into bins of confidence (the largest probability), and

$$ECE = \sum_b \frac{n_b}{n} \left|\text{accuracy}_b - \text{confidence}_b\right|.$$

*Risk and coverage* (Y. Geifman, R. El-Yaniv, Selective Classification for Deep Neural Networks, NeurIPS 2017): answer only the
share of clips of which the classifier is surest; the risk is the share of these answers that are wrong.

Predictions are tables as `evaluation.loso` gives them: subject, clip, label, prediction, p0, p1, …
"""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from .intervals import interval, resample_folds

BINS = 10
RANGE = (0.05, 20.0)  # of temperatures
SMALLEST = 1e-7  # of probabilities, so that a mistake made with certainty costs something finite


def probabilities(predictions: pd.DataFrame) -> Float[np.ndarray, "n k"]:
    """The columns p0, p1, …"""
    columns = [column for column in predictions.columns if column.startswith("p") and column[1:].isdigit()]
    return predictions[sorted(columns, key=lambda column: int(column[1:]))].to_numpy(float)


def fit_temperature(p: Float[np.ndarray, "n k"], labels: Int[np.ndarray, "n"]) -> float:
    """The temperature under which the labels are likeliest."""
    logits, rows = np.log(np.clip(p, SMALLEST, 1)), np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(RANGE), method="bounded").x))


def at_temperature(p: Float[np.ndarray, "n k"], temperature: float) -> Float[np.ndarray, "n k"]:
    """The same probabilities, flatter above a temperature of 1, sharper below."""
    return np.exp(log_softmax(np.log(np.clip(p, SMALLEST, 1)) / temperature, axis=1))


def calibrate(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, each subject's probabilities at the temperature that fits the other subjects best.

    Raises:
        ValueError: there is only one subject.
    """
    subjects, labels, p = predictions["subject"].to_numpy(), predictions["label"].to_numpy(), probabilities(predictions)
    if len(set(subjects)) < 2:
        raise ValueError("a temperature is fitted on other subjects, and there are none")
    found = np.empty_like(p)
    for subject in np.unique(subjects):
        own = subjects == subject
        found[own] = at_temperature(p[own], fit_temperature(p[~own], labels[~own]))
    return predictions.assign(**{f"p{k}": column for k, column in enumerate(found.T)})


def expected_calibration_error(
    predictions: pd.DataFrame, *, bins: int = BINS, n: int = 2000, seed: int = 0
) -> tuple[float, float, float]:
    """ECE in bins of equal width, and its 95 % interval over subjects."""
    folds = _sums_by_bin(predictions, bins)  # (s, bins, 3)
    values = resample_folds(folds, _ece, n=n, seed=seed)
    return (float(values[0]), *interval(values, len(folds)))


def reliability(predictions: pd.DataFrame, *, bins: int = BINS) -> pd.DataFrame:
    """A row per bin that is not empty: clips, mean confidence and accuracy."""
    count, confidence, right = _sums_by_bin(predictions, bins).sum(0).T
    table = pd.DataFrame({"clips": count.astype(int), "confidence": confidence, "accuracy": right})[count > 0]
    return table.assign(**{name: table[name] / table["clips"] for name in ("confidence", "accuracy")}).reset_index(
        drop=True
    )


def _sums_by_bin(predictions: pd.DataFrame, bins: int) -> Float[np.ndarray, "s b 3"]:
    """Of each subject and bin: number of clips, sum of confidences, number of right answers."""
    confidence, right = confidence_and_hits(predictions)
    subjects = pd.factorize(predictions["subject"], sort=True)[0]
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    sums = np.zeros((subjects.max() + 1, bins, 3))
    np.add.at(sums, (subjects, place), np.stack([np.ones(len(right)), confidence, right], axis=1))
    return sums


def _ece(sums: Float[np.ndarray, "m b 3"]) -> Float[np.ndarray, "m"]:
    return np.abs(sums[..., 2] - sums[..., 1]).sum(-1) / sums[..., 0].sum(-1)


def confidence_and_hits(predictions: pd.DataFrame) -> tuple[Float[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    """The largest probability of each clip, and whether its prediction is right."""
    return probabilities(predictions).max(1), (predictions["prediction"] == predictions["label"]).to_numpy()


def risk_coverage(predictions: pd.DataFrame) -> pd.DataFrame:
    """A row per threshold: coverage (share of clips that are answered), risk (share of these that are wrong), threshold.

    Clips of equal confidence are answered together, so the curve does not depend on their order.
    """
    confidence, right = confidence_and_hits(predictions)
    order = np.argsort(-confidence, kind="stable")
    confidence, wrong = confidence[order], np.cumsum(~right[order])
    last = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1)  # of each threshold
    answered = last + 1
    return pd.DataFrame(
        {"coverage": answered / len(confidence), "risk": wrong[last] / answered, "threshold": confidence[last]}
    )


def area_under_risk(predictions: pd.DataFrame) -> float:
    """AURC: the mean risk over all coverages; 0 is perfect, the error rate what a useless confidence gives."""
    curve = risk_coverage(predictions)
    widths = np.diff(curve["coverage"], prepend=0.0)
    return float((curve["risk"] * widths).sum())


def abstain(predictions: pd.DataFrame, *, risk: float) -> pd.DataFrame:
    """The same predictions with a column `answered`: whether the classifier is sure enough to be wrong at most so often.

    The threshold of each subject is the lowest at which the others' risk is within `risk`; if there is none, nothing is answered.
    """
    subjects = predictions["subject"].to_numpy()
    confidence, _ = confidence_and_hits(predictions)
    answered = np.zeros(len(predictions), bool)
    for subject in np.unique(subjects):
        own = subjects == subject
        answered[own] = confidence[own] >= sure_from(predictions[~own], risk=risk)
    return predictions.assign(answered=answered)


def sure_from(predictions: pd.DataFrame, *, risk: float) -> float:
    """The lowest confidence from which on no more than `risk` of the answers are wrong; infinite if there is none."""
    curve = risk_coverage(predictions)
    allowed = curve[curve["risk"] <= risk]
    return float(allowed["threshold"].min()) if len(allowed) else np.inf
