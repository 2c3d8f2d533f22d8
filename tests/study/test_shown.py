"""What a notebook shows of a table."""

import numpy as np
import pandas as pd

from selfme_lib.study.shown import html_table


def test_what_is_missing_is_blank_and_numbers_are_rounded():
    frame = pd.DataFrame({"UF1": [0.12345, np.nan], "paper": ["–", None], "p": [0.5, None], "clips": [3, 4]})
    html = html_table(frame).data
    assert "0.123" in html and "0.12345" not in html and "–" in html and "<td>3</td>" in html
    assert html.count("<td></td>") == 3
