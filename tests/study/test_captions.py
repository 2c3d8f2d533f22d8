import os

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.study.captions import caption_of
from selfme_lib.study.run_folder import RunFolder

YAML = """
05_face:
  title: A face of {size} px
  caption: Seen {often:.1f} times.
  alt: a face
05_plain:
  caption: shown only
  digits: 1
05_widget: {alt: a slider}
05_typo: {titel: oops}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "captions").mkdir()
    (tmp_path / "captions" / "05_faces.yaml").write_text(YAML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_braces_are_filled_with_the_values_given(place):
    caption = caption_of("05_face", size=96, often=2)
    assert (caption.title, caption.caption, caption.alt) == ("A face of 96 px", "Seen 2.0 times.", "a face")


@pytest.mark.parametrize(
    ("name", "message"),
    [("05_face", "size"), ("05_fase", "05_face"), ("05_typo", "title")],
    ids=["a value is missing", "no such name", "no such key"],
)
def test_what_is_wrong_is_said_with_the_file(place, name, message):
    with pytest.raises(UsageError, match=message) as error:
        caption_of(name)
    assert "05_faces.yaml" in str(error.value)


def test_a_chapter_without_captions_is_one_clear_line(place):
    with pytest.raises(DataError, match="97_"):
        caption_of("97_face")


@pytest.fixture
def displayed(monkeypatch):
    calls = []
    monkeypatch.setattr("IPython.display.display", lambda what, **options: calls.append((what, options)))
    return calls


def test_a_figure_is_saved_shown_small_and_closed(place, displayed):
    figure, ax = plt.subplots(figsize=(3, 3))
    ax.imshow(np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8))
    run = RunFolder(place / "run")
    run.show("05_face", figure, size=96, often=2)
    assert run.load("05_face")["caption"] == "Seen 2.0 times." and run.picture("05_face").is_file()
    (picture, _), (words, _) = displayed
    assert picture.data[:3] == b"\xff\xd8\xff" and len(picture.data) < os.path.getsize(run.picture("05_face")) / 2
    assert picture.alt == "a face" and words.data == "**A face of 96 px.** Seen 2.0 times."
    assert not plt.fignum_exists(figure.number)


def test_few_colours_are_a_png_of_few_colours(place, displayed):
    figure, ax = plt.subplots(figsize=(3, 3))
    ax.plot([0, 1], [0, 1])
    RunFolder(place / "run").show("05_face", figure, size=96, often=2)
    assert displayed[0][0].data[:4] == b"\x89PNG"


def test_what_has_no_title_is_shown_alone(place, displayed):
    run = RunFolder(place / "run")
    run.show("05_plain", pd.DataFrame({"score": [0.26]}))
    run.show("05_widget", object())
    assert run.items() == []
    (table, _), (words, _), (_, options) = displayed
    assert "<td>0.3</td>" in table.data and words.data == "shown only"
    assert options["metadata"]["image/jpeg"] == {"alt": "a slider"}
