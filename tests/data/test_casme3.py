"""CAS(ME)³, part A: recordings that hold several clips, depth that is not read, labels in .xlsx or .csv."""

import shutil

import pytest
import trees

from selfme_lib.data import examine, load_clips
from selfme_lib.runtime.errors import DataError


@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_clip_is_a_row_and_its_frames(tmp_path, suffix):
    clips = load_clips("casme3", trees.casme3(tmp_path / "part_A", suffix=suffix).parent)
    assert [clip.key for clip in clips] == trees.CASME3_KEYS
    assert [clip.label for clip in clips] == [0, 1, 2, 0]
    first, second = clips[:2]
    assert first.frame_numbers == tuple(range(175, 181)) and second.frame_numbers == tuple(range(184, 189))
    assert first.apex_path.name == "178.jpg" and first.apex_path.parent.name == "color"
    assert (second.action_units, second.fps, second.cropped) == ("12", 30, False)


def test_two_rows_of_one_clip(tmp_path):
    trees.casme3(tmp_path, rows=trees.CASME3_ROWS)
    with pytest.raises(DataError, match="subject 002, a_1 is already labelled in row 5"):
        load_clips("casme3", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("Subject,Filename\n".encode("utf-16"), "not UTF-8 text"),
        ("Subject,Filename,备注\n".encode("gbk"), "not UTF-8 text"),
        (b'"Subject,Filename', "not CSV"),
        (b"\0\0\0", "no column Subject"),
        (b"", "no column Subject"),
    ],
)
def test_csv_that_cannot_be_read(tmp_path, content, words):
    path = trees.write_casme3_file(trees.casme3(tmp_path, suffix=".csv"), suffix=".csv")
    path.write_bytes(content)
    with pytest.raises(DataError, match=words):
        load_clips("casme3", tmp_path)


def test_semicolons_and_short_lines(tmp_path):
    trees.casme3(tmp_path, suffix=".csv")
    path = tmp_path / f"{trees.CASME3_FILE}.csv"
    path.write_text(path.read_text(encoding="utf-8-sig").replace(",", ";") + "\n;;\n", encoding="utf-8")
    assert len(load_clips("casme3", tmp_path)) == 4
    with path.open("a") as file:
        file.write("spNO.2;a\n")
    with pytest.raises(DataError, match="row 8: emotion is ''"):
        load_clips("casme3", tmp_path)


def test_a_missing_recording_and_a_missing_subject(tmp_path):
    trees.casme3(tmp_path)
    shutil.rmtree(tmp_path / "spNO.1/g/color")
    with pytest.raises(DataError, match=r"color: labelled, but the folder is missing \(label file, row 4\)"):
        load_clips("casme3", tmp_path)
    shutil.rmtree(tmp_path / "spNO.2")
    assert any("subject 002 is missing" in fault.problem for fault in examine("casme3", tmp_path).errors)


def test_counts_are_stated_though_there_is_no_list(tmp_path):
    faults = examine("casme3", trees.casme3(tmp_path)).faults
    assert any("4 clips of 2 subjects (2/1/1); there is no official list" in fault.problem for fault in faults)
