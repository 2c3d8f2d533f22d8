r"""Unweighted F1 and unweighted average recall (paper §4.2, Eq 17, 18), pooled over the folds.

Everything is computed from a confusion matrix: rows are the truth, columns the prediction. With $TP_j$, $FP_j$, $FN_j$ summed
over all subjects before anything is divided,

$$UF1 = \frac1{n_c} \sum_j \frac{2 TP_j}{2 TP_j + FP_j + FN_j}, \qquad
  UAR = \frac1{n_c} \sum_j \frac{TP_j}{TP_j + FN_j}.$$

Eq 18 prints the recall as $TP / (FP + FN)$, which exceeds 1; we use the recall. Pooling matters: most subjects do not
show all classes, so the mean of per-subject scores is a different, lower number (`fold_mean`, for comparison only). A class
that is neither true nor predicted anywhere scores 0, as with scikit-learn's `zero_division=0`, and still counts in $n_c$.

The number of classes is three (negative, positive, surprise) unless given.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float, Int, Shaped

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.sheets import restore, separator

COLUMNS = ("subject", "clip", "label", "prediction")


def confusion_matrix(
    labels: Int[np.ndarray, "n"], predictions: Int[np.ndarray, "n"], *, classes: int = 3
) -> Int[np.ndarray, "k k"]:
    """Counts of clips by truth (row) and prediction (column)."""
    matrix = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(matrix, (labels, predictions), 1)
    return matrix


def uf1(confusion: Shaped[np.ndarray, "*r k k"]) -> Float[np.ndarray, "*r"] | float:
    """Eq 17, of one confusion matrix or of many at once."""
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _mean_ratio(2 * hits, confusion.sum(-2) + confusion.sum(-1))  # 2 TP + FP + FN = predicted + true


def uar(confusion: Shaped[np.ndarray, "*r k k"]) -> Float[np.ndarray, "*r"] | float:
    """Eq 18 with the recall corrected, of one confusion matrix or of many at once."""
    return _mean_ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1))


def accuracy(confusion: Shaped[np.ndarray, "*r k k"]) -> Float[np.ndarray, "*r"] | float:
    """Share of clips predicted correctly; it flatters a classifier that always answers with the largest class."""
    return np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum((-2, -1))


def _mean_ratio(part: np.ndarray, whole: np.ndarray) -> Any:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0).mean(-1)


def _people(predictions: pd.DataFrame) -> pd.DataFrame:
    """The same predictions, with subjects named apart where a column `dataset` says that they come from different data sets."""
    if "dataset" not in predictions.columns or predictions["dataset"].nunique() < 2:
        return predictions
    return predictions.assign(subject=predictions["dataset"].astype(str) + "-" + predictions["subject"].astype(str))


def fold_confusions(predictions: pd.DataFrame, *, classes: int = 3) -> dict[str, Int[np.ndarray, "k k"]]:
    """The confusion matrix of each subject, sorted by subject."""
    return {
        str(subject): confusion_matrix(fold["label"].to_numpy(), fold["prediction"].to_numpy(), classes=classes)
        for subject, fold in _people(predictions).groupby("subject", sort=True)
    }


def score(predictions: pd.DataFrame, *, classes: int = 3) -> dict[str, Any]:
    """Pooled scores, the mean of the folds' scores, and counts, as plain numbers.

    Args:
        predictions: a row per clip with the columns subject, clip, label and prediction (0 negative, 1 positive,
            2 surprise; or any whole numbers below `classes`); a column dataset tells people of several data sets apart.
        classes: number of classes.

    Raises:
        DataError: a column is missing, a value is not a class, or a clip appears twice.
    """
    check_predictions(predictions, "predictions", classes=classes)
    folds = np.stack(list(fold_confusions(predictions, classes=classes).values()))
    pooled = folds.sum(0)
    return {
        "pooled": {"uf1": float(uf1(pooled)), "uar": float(uar(pooled)), "accuracy": float(accuracy(pooled))},
        "fold_mean": {"uf1": float(np.mean(uf1(folds))), "uar": float(np.mean(uar(folds)))},
        "confusion": pooled.tolist(),
        "n_clips": len(predictions),
        "n_subjects": len(folds),
    }


def read_predictions(path: Path | str, *, classes: int = 3) -> pd.DataFrame:
    """Read a CSV file of predictions, separated by commas, semicolons or tabs, and check it.

    Blanks around cells do not count, and cells that `sheets.disarm` changed are as they were.

    Raises:
        DataError: no such file, not a CSV file, or not what `score` requires.
    """
    expected = f"give a CSV file with the columns {', '.join(COLUMNS)}"
    try:
        with open(path, encoding="utf-8-sig") as file:
            sign = separator("".join(file.readline(10_000) for _ in range(3)), COLUMNS)
        # without a header, so that pandas neither renames a column that stands twice nor takes surplus fields for row names
        table = pd.read_csv(path, sep=sign, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {expected}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {expected}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text; save it as CSV in UTF-8") from error
    except ValueError as error:  # ParserError and EmptyDataError
        if "Expected" in str(error):
            raise DataError(f"{path}: rows hold more fields than the first line names; {expected}") from error
        raise DataError(f"{path}: cannot be read as CSV ({str(error).splitlines()[0]}); {expected}") from error
    table = table.map(lambda cell: restore(cell.strip()).strip())
    titles = [title.lower() for title in table.iloc[0]]
    if twice := next((title for title in titles if title and titles.count(title) > 1), None):
        raise DataError(f"{path}: two columns are called {twice}; remove one of them")
    predictions = table.iloc[1:].reset_index(drop=True).set_axis(titles, axis=1)
    predictions = predictions.mask(predictions == "")
    for column in {"label", "prediction"} & set(titles):
        numbers = pd.to_numeric(predictions[column], errors="coerce")
        predictions[column] = predictions[column] if (numbers.isna() & predictions[column].notna()).any() else numbers
    check_predictions(predictions, str(path), classes=classes)
    return predictions


def check_predictions(predictions: pd.DataFrame, source: str, *, classes: int = 3) -> None:
    """Raise DataError, naming `source`, unless `score` accepts these predictions."""
    missing = [column for column in COLUMNS if column not in predictions.columns]
    if missing:
        raise DataError(f"{source}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    if predictions.empty:
        raise DataError(f"{source}: no rows; expected one per clip")
    for column in (*COLUMNS, *({"dataset"} & set(predictions.columns))):
        if predictions[column].isna().any():
            row = int(predictions[column].isna().to_numpy().argmax())
            raise DataError(f"{source}: row {row + 1} has no {column}; fill it in or drop the row")
    for column in ("label", "prediction"):
        wrong = ~predictions[column].isin(range(classes))
        if wrong.any() or not pd.api.types.is_integer_dtype(predictions[column]):
            value = predictions[column][wrong].iloc[0] if wrong.any() else predictions[column].iloc[0]
            raise DataError(f"{source}: {column} {value} is not a class; expected whole numbers 0 to {classes - 1}")
    people = _people(predictions)
    twice = people.duplicated(["subject", "clip"])
    if twice.any():
        row = people[twice].iloc[0]
        raise DataError(f"{source}: subject {row['subject']} clip {row['clip']} appears twice; keep one row per clip")
