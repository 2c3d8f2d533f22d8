"""What a notebook shows of a table and of a picture."""

import io

import numpy as np
import pandas as pd
from PIL import Image

from selfme_lib.study.shown import html_table, palette_png
from selfme_lib.widgets.canvas import wheel


def test_what_is_missing_is_blank_and_numbers_are_rounded():
    frame = pd.DataFrame({"UF1": [0.12345, np.nan], "paper": ["–", None], "p": [0.5, None], "clips": [3, 4]})
    html = html_table(frame).data
    assert "0.123" in html and "0.12345" not in html and "–" in html and "<td>3</td>" in html
    assert html.count("<td></td>") == 3


def test_a_small_flow_beside_a_photograph_keeps_its_colours():
    generator = np.random.default_rng(0)
    skin = np.array([180.0, 140.0, 110.0]) * (0.6 + 0.5 * generator.random((150, 400, 1)))
    page = np.full((150, 520, 3), 255, np.uint8)
    page[:, :400] = skin
    page[20:68, 430:478] = wheel(1.0, 48)[1]
    found = np.asarray(Image.open(io.BytesIO(palette_png(page))).convert("RGB"))
    off = np.abs(found.astype(int) - page).max(-1)
    assert off[20:68, 430:478].mean() < 8 and off[:, :400].mean() < 4
    assert off[70:, 430:].max() <= 2, "paper stays white"
