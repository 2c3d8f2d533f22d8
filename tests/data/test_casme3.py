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


def clips_apart(root, rows=trees.CASME3_ROWS[:-1]):
    """Part A cut into clips, all side by side, as Part_A_ME_clip has them, with depth beside the frames."""
    sheet = trees.write_casme3_file(root / "annotation", rows)
    shutil.copy(sheet, sheet.with_name(sheet.name.replace("_ME_", "_MaE_")))  # of macro-expressions
    for subject, recording, onset, _, offset, *_ in rows:
        for number in range(onset, offset + 1):
            for kind in ("frame", "depth"):
                folder = root / "Part_A_ME_clip" / kind / f"{subject.replace('NO', 'No')}_{recording}_{onset}"
                trees.write_image(folder / f"{number}.jpg", seed=f"{subject} {recording} {number} {kind}")
    return root


@pytest.mark.parametrize("inside", [".", "Part_A_ME_clip", "Part_A_ME_clip/frame"])
def test_part_a_cut_into_clips_is_the_same_data_set(tmp_path, inside):
    apart = load_clips("casme3", clips_apart(tmp_path / "apart") / inside)
    whole = load_clips("casme3", trees.casme3(tmp_path / "whole"))
    for one, other in zip(apart, whole, strict=True):
        assert (one.key, one.label, one.onset, one.apex, one.offset) == (
            *(other.key, other.label, other.onset, other.apex, other.offset),
        )
        assert one.frame_numbers == other.frame_numbers and one.apex_path.parent.parent.name == "frame"


def test_a_clip_of_part_a_without_a_label_or_without_frames(tmp_path):
    root = clips_apart(tmp_path)
    frames = root / "Part_A_ME_clip/frame"
    shutil.copytree(frames / "spNo.1_b_175", frames / "spNo.7_q_3")
    shutil.rmtree(frames / "spNo.1_b_184")
    examination = examine("casme3", root)
    (error,) = examination.errors
    assert "labelled, but the folder is missing (label file, row 3)" in error.problem
    assert [(clip.key, clip.reason) for clip in examination.left_out] == [("007/spNo.7_q_3", "frames but no label")]


@pytest.mark.parametrize(
    ("row", "moments", "words"),
    [
        (130, (112, 83, 127), "onset 112 comes after apex 83"),
        (710, (11, 21, 3), "onset 11 does not come before offset 3"),
        (752, (0, 3, 5), "no onset frame 0, only 170 to 190"),
    ],
)
def test_known_slips_of_the_sheet_are_left_out_with_a_reason(tmp_path, row, moments, words):
    filler = [("spNO.9", f"r{number}", 1, 2, 3, "", 7, "others") for number in range(6, row)]
    rows = [*trees.CASME3_ROWS[:-1], *filler, ("spNO.1", "b", *moments, "4", 4, "Disgust")]
    root = trees.casme3(tmp_path, rows=rows, suffix=".csv")
    examination = examine("casme3", root)
    assert examination.errors == [] and [clip.key for clip in load_clips("casme3", root)] == trees.CASME3_KEYS
    (slip,) = [clip for clip in examination.left_out if "slip" in clip.reason]
    assert slip.reason == f"a known slip in row {row} of the label file: {words}" and slip.subject == "001"
    trees.write_casme3_file(
        root, [*rows[:4], rows[-1]], suffix=".csv"
    )  # the same slip in a row that is not known for one
    with pytest.raises(DataError, match=words):
        load_clips("casme3", root)


def test_clips_that_last_too_long_get_a_note(tmp_path):
    rows = [*trees.CASME3_ROWS[:-1], ("spNO.2", "b", 1, 2, 3450, "4", 4, "Disgust")]
    trees.casme3(tmp_path, rows=rows)
    for number in (1, 2, 3450):
        trees.write_image(tmp_path / f"spNO.2/b/color/{number}.jpg", seed=number)
    (note,) = [fault for fault in examine("casme3", tmp_path).faults if "longer than" in fault.problem]
    assert note.severity == "note" and "1 clips last longer than 1 s, the longest, 002/b_1, 115.0 s" in note.problem


def test_names_in_another_case_and_with_blanks_at_their_end(tmp_path):
    trees.casme3(
        tmp_path, rows=[(f"{subject} ", name.upper(), *rest) for subject, name, *rest in trees.CASME3_ROWS[:-1]]
    )
    (tmp_path / "spNO.1").rename(tmp_path / "spno.1 ")
    (tmp_path / "spNO.2/a").rename(tmp_path / "spNO.2/a ")
    assert [clip.key.lower() for clip in load_clips("casme3", tmp_path)] == trees.CASME3_KEYS
