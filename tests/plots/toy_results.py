"""Results of two people for tests of figures."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from selfme_lib.study.results import Result, loso_record
from selfme_lib.study.rows import Row

LABELS = [0, 0, 1, 2, 0, 0, 1, 1]


def result_of(row: Row, predictions: list[int], probabilities: Float[np.ndarray, "n 3"]) -> Result:
    clips = pd.DataFrame({"subject": ["01"] * 4 + ["02"] * 4, "clip": list("abcdefgh"), "label": LABELS})
    columns = {f"p{k}": probabilities[:, k] for k in range(3)}
    record = loso_record(
        row.name, clips.assign(prediction=predictions, **columns), seed=0, settings={}, classes=3, bootstrap=50
    )
    return Result(row=row, records=(record,), fold_seconds=({},))
