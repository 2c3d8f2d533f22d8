"""The challenge's table: what is written is read again, and every nonsense is told by its row."""

import pytest
from test_spotting_intervals import labelled, span

from selfme_lib.runtime.errors import DataError
from selfme_lib.spotting.submission import read_submission, write_submission

HEAD = "vid,onset,offset,type\n"


def test_it_is_as_the_challenge_wants_it(tmp_path):
    found = [span(2, 8), span(10, 29, "macro"), span(12, 14, "blink"), span(20, 22, "other")]
    write_submission(tmp_path / "found.csv", [(labelled(), found)])
    assert (tmp_path / "found.csv").read_bytes() == (HEAD + "v,3,9,me\nv,11,30,mae\n").encode()


def test_what_is_written_is_read_again(tmp_path):
    video = labelled(numbers=[1, 2, 3, 6, 7, 8, 9, 20, 21])  # some frames are missing
    found = [span(2, 3), span(4, 8, "macro")]
    write_submission(tmp_path / "found.csv", [(video, found)])
    assert read_submission(tmp_path / "found.csv", [video]) == {"15/v": found}


def test_a_video_without_rows_has_nothing(tmp_path):
    (tmp_path / "found.csv").write_text(HEAD)
    assert read_submission(tmp_path / "found.csv", [labelled()]) == {"15/v": []}


@pytest.mark.parametrize(
    "row, problem",
    [
        ("w,3,9,me", "row 2: no video 'w'; there is v"),
        ("v,3,9,micro", "row 2: type 'micro' is neither mae nor me"),
        ("v,0,9,me", "row 2: onset '0' is not the number of a frame"),
        ("v,3.5,9,me", "row 2: onset '3.5' is not"),
        ("v,9,3,me", "row 2: onset 9 comes after offset 3"),
        ("v,3,31,me", "row 2: offset 31 is beyond the last frame, 30"),
        ("v,3,,me", "row 2: offset '' is not"),
    ],
)
def test_nonsense_is_told_by_its_row(tmp_path, row, problem):
    (tmp_path / "found.csv").write_text(HEAD + row + "\n")
    with pytest.raises(DataError, match=problem):
        read_submission(tmp_path / "found.csv", [labelled()])


def test_a_missing_column_is_told(tmp_path):
    (tmp_path / "found.csv").write_text("vid,onset,offset\nv,3,9\n")
    with pytest.raises(DataError, match="type"):
        read_submission(tmp_path / "found.csv", [labelled()])
