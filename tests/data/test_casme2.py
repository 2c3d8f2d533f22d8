"""CASME II's traps: what must be read despite them, and what must be refused in one line."""

import re
import shutil
import time
import zipfile
from dataclasses import replace

import openpyxl
import pytest
import trees

from selfme_lib.data import examine, load_clips, selection_report
from selfme_lib.runtime.errors import DataError


def rejected(root, *, dataset="casme2"):
    """The one line of the error with which loading fails."""
    with pytest.raises(DataError) as error:
        load_clips(dataset, root)
    line = str(error.value)
    assert "\n" not in line and line
    return line


def with_row(number, **changes):
    return [replace(row, **changes) if index == number else row for index, row in enumerate(trees.ROWS)]


@pytest.mark.parametrize(
    ("frames", "prefix"),
    [
        ("Cropped", "reg_"),
        ("CASME2_RAW_selected", ""),
        ("CASME2_RAW_selected/CASME2_RAW_selected", ""),
        ("Cropped-updated/Cropped", "reg_"),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_every_release_and_both_roots_give_the_same_clips(tmp_path, frames, prefix, inside):
    trees.casme2(tmp_path, frames=frames, prefix=prefix)
    clips = load_clips("casme2", tmp_path / frames if inside else tmp_path)
    assert tuple(clip.key for clip in clips) == trees.USED
    assert [clip.label for clip in clips] == [0, 1, 0, 2, 1, 0]


def test_fields_are_clean(tmp_path):
    clips = {clip.key: clip for clip in load_clips("casme2", trees.casme2(tmp_path))}
    clip = clips["11/EP15_01f"]  # a subject that is a float, frame numbers that are text with blanks
    assert (clip.dataset, clip.subject, clip.name, clip.fps) == ("casme2", "11", "EP15_01f", 200)
    assert (clip.onset, clip.apex, clip.offset) == (3, 5, 9)
    assert clip.frame_numbers == (3, 4, 5, 6, 7, 8, 9)
    assert clip.onset_path.name == "reg_img3.jpg" and clip.apex_path.name == "reg_img5.jpg"
    assert [clips[key].action_units for key in trees.USED] == ["4+7", "12", "R2+15", "?", "L14", "15"]
    assert clips["02/EP03_02f"].emotion == "surprise"


def test_frames_are_sorted_by_number(tmp_path):
    clips = {clip.key: clip for clip in load_clips("casme2", trees.casme2(tmp_path))}
    names = [path.name for path in clips["01/EP19_05f"].frames]
    assert names == [f"reg_img{number}.jpg" for number in range(8, 15)] != sorted(names)


def test_the_report_says_what_was_left_out_and_why(tmp_path):
    report = selection_report("casme2", trees.casme2(tmp_path))
    assert (report.clips, report.subjects) == (6, 4)
    assert report.per_class == {"negative": 3, "positive": 2, "surprise": 1}
    reasons = {clip.key: clip.reason for clip in report.left_out}
    assert set(reasons) == {"02/EP08_04", "04/EP12_01f", "05/EP09_05f", "09/EP02_02f", "20/EP01_03"}
    assert "no apex" in reasons["04/EP12_01f"] and "apex is the onset" in reasons["05/EP09_05f"]
    assert "no label" in reasons["09/EP02_02f"] and "others" in reasons["02/EP08_04"]
    assert sum(report.reasons.values()) == 5


def test_the_middle_rule_moves_the_apex_and_keeps_the_clips(tmp_path):
    root = trees.casme2(tmp_path)
    by_label, by_rule = load_clips("casme2", root), load_clips("casme2", root, apex_rule="middle")
    assert [clip.key for clip in by_label] == [clip.key for clip in by_rule]
    assert [clip.apex for clip in by_label] == [59, 11, 101, 4, 5, 75]
    assert [clip.apex for clip in by_rule] == [54, 11, 100, 7, 6, 75]  # of 73..77, which is all that is there
    assert all(clip.onset < clip.apex <= clip.offset for clip in by_rule)


def test_cropped_frames_are_preferred_to_raw_ones(tmp_path):
    trees.casme2(tmp_path, frames="CASME2_RAW_selected", prefix="")
    trees.casme2(tmp_path, frames="Cropped")
    assert load_clips("casme2", tmp_path)[0].frames[0].name.startswith("reg_")


def test_the_label_file_may_have_other_columns_order_and_a_preamble(tmp_path):
    root = trees.casme2(tmp_path)
    workbook = openpyxl.Workbook()
    workbook.active.append(["CASME II coding"])
    workbook.active.append([None])
    workbook.active.append([*reversed(trees.HEADER), "Remark"])
    for row in trees.ROWS:
        workbook.active.append([*reversed(row.cells()), "-"])
        workbook.active.append([None] * 9)
    workbook.save(root / trees.LABEL_FILE)
    assert tuple(clip.key for clip in load_clips("casme2", root)) == trees.USED


@pytest.mark.parametrize("column", ["Subject", "Filename", "OnsetFrame ", "ApexFrame", "Estimated Emotion  "])
def test_a_missing_column_is_named(tmp_path, column):
    root = trees.casme2(tmp_path)
    header = ["Onset" if title == column else title for title in trees.HEADER]
    trees.write_label_file(root / trees.LABEL_FILE, header=header)
    line = rejected(root)
    assert trees.LABEL_FILE in line and column.strip() in line


@pytest.mark.parametrize("content", [b"", b"Subject,Filename\n1,EP02_01f\n", b"PK\x03\x04 broken"])
def test_a_label_file_that_is_not_a_workbook(tmp_path, content):
    root = trees.casme2(tmp_path)
    (root / trees.LABEL_FILE).write_bytes(content)
    assert "not a readable .xlsx" in rejected(root)


def with_entry(path, name, write):
    """The same workbook with one entry of its archive written anew."""
    with zipfile.ZipFile(path) as archive:
        entries = {entry: archive.read(entry) for entry in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for entry, content in entries.items():
            archive.writestr(entry, write(content) if entry == name else content)


def entities(content):
    """XML whose ten lines unfold to a gigabyte of text."""
    lines = [f"<!ENTITY e{n} '{f'&e{n - 1};' * 10}'>" for n in range(1, 10)]
    declared = f"<!DOCTYPE bomb [<!ENTITY e0 '{'x' * 10}'>{''.join(lines)}]>".encode()
    return declared + content.replace(b"</sheetData>", b"<row><c t='str'><v>&e9;</v></c></row></sheetData>")


@pytest.mark.parametrize(
    ("write", "reason"),
    [(lambda content: bytes(2**26), "unpacks to 64 MB"), (entities, "not a readable .xlsx workbook (")],
)
def test_a_label_file_that_unpacks_to_gigabytes_is_refused_at_once(tmp_path, write, reason):
    root = trees.casme2(tmp_path)
    with_entry(root / trees.LABEL_FILE, "xl/worksheets/sheet1.xml", write)
    assert (root / trees.LABEL_FILE).stat().st_size < 2**20
    started = time.process_time()
    assert reason in rejected(root)
    assert time.process_time() - started < 2


def test_a_label_file_of_another_format(tmp_path):
    root = trees.casme2(tmp_path)
    (root / trees.LABEL_FILE).rename(root / "CASME2-coding-20140508.xls")
    assert "not .xlsx or .csv; save it as .xlsx or .csv" in rejected(root)


@pytest.mark.parametrize("folder", [".", "Cropped"])
def test_several_label_files(tmp_path, folder):
    root = trees.casme2(tmp_path)
    shutil.copy(root / trees.LABEL_FILE, root / folder / "CASME2-coding-20190701.xlsx")
    line = rejected(root)
    assert "several label files" in line and "20140508" in line and "20190701" in line


def test_a_lock_file_of_excel_is_not_a_label_file(tmp_path):
    root = trees.casme2(tmp_path)
    (root / f"~${trees.LABEL_FILE}").write_bytes(b"owner")
    assert len(load_clips("casme2", root)) == 6


def test_no_label_file(tmp_path):
    root = trees.casme2(tmp_path)
    (root / trees.LABEL_FILE).unlink()
    assert "no label file" in rejected(root) and "no label file" in rejected(root / "Cropped")


def test_missing_empty_and_wrong_folders(tmp_path):
    assert "no such folder" in rejected(tmp_path / "nowhere")
    assert "no folders sub01" in rejected(tmp_path)
    (tmp_path / "file").write_text("x")
    assert "a file where a folder should be" in rejected(tmp_path / "file")
    assert "no folders sub01" in rejected(trees.smic_cropped(tmp_path / "smic"))
    assert "no folders sub01" in rejected(trees.casme2(tmp_path / "casme2") / "Cropped/sub01")


def test_a_label_file_without_rows(tmp_path):
    root = trees.casme2(tmp_path)
    trees.write_label_file(root / trees.LABEL_FILE, rows=())
    assert "no clip of the 3 classes" in rejected(root)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"onset": 60}, "onset 60 comes after apex 59"),
        ({"apex": 62}, "apex 62 comes after offset 61"),
        ({"onset": 61, "apex": 61}, "onset 61 does not come before offset 61"),
        ({"onset": 40}, "no onset frame 40, only 46 to 61"),
        ({"offset": 80, "apex": 70}, "no apex frame 70, only 46 to 61"),
        ({"onset": "forty"}, "OnsetFrame is 'forty', not a frame number"),
        ({"onset": None}, "OnsetFrame is '', not a frame number"),
        ({"onset": -46}, "OnsetFrame is '-46', not a frame number"),
        ({"apex": 59.5}, "ApexFrame is '59.5', not a frame number"),
        ({"offset": "/"}, "OffsetFrame is '/', not a frame number"),
        ({"offset": "#REF!"}, "OffsetFrame is '#REF!', not a frame number"),
        ({"subject": "one"}, "Subject is 'one', not a number"),
        ({"subject": None}, "Subject is '', not a number"),
        ({"name": "../EP02_01f"}, "Filename is '../EP02_01f'"),
        ({"name": None}, "Filename is ''"),
        ({"name": "EP99_99"}, "labelled, but the folder is missing"),
        ({"emotion": "hapiness"}, "Estimated Emotion is 'hapiness'"),
        ({"emotion": None}, "Estimated Emotion is ''"),
        (
            {"subject": "01", "name": "EP19_05f", "frames": range(0)},
            "subject 01, EP19_05f is already labelled in row 2",
        ),
    ],
)
def test_a_bad_row_is_refused_with_file_and_row(tmp_path, changes, complaint):
    root = trees.casme2(tmp_path)
    rows = with_row(0, **changes)
    if "already" in complaint:
        rows = [rows[1], rows[0], *rows[2:]]
    trees.write_label_file(root / trees.LABEL_FILE, rows)
    line = rejected(root)
    assert complaint in line
    assert re.search(r"row (2|3)\b", line)


@pytest.mark.parametrize("first", ["others", "disgust"])
def test_a_clip_labelled_twice_is_refused_whichever_row_would_be_used(tmp_path, first):
    root = trees.casme2(tmp_path)
    second = {"others": "disgust", "disgust": "others"}[first]
    rows = [*with_row(0, emotion=first), replace(trees.ROWS[0], emotion=second)]
    trees.write_label_file(root / trees.LABEL_FILE, rows)
    assert "already labelled in row 2" in rejected(root)


def test_a_slip_in_an_unused_row_stops_nobody(tmp_path):
    root = trees.casme2(tmp_path)
    trees.write_label_file(root / trees.LABEL_FILE, with_row(4, onset="?"))
    assert len(load_clips("casme2", root)) == 6


def test_a_clip_folder_without_frames(tmp_path):
    root = trees.casme2(tmp_path)
    for path in (root / "Cropped/sub01/EP19_05f").iterdir():
        path.rename(path.with_name(f"copy of {path.name}"))
    assert "no frames named" in rejected(root)


@pytest.mark.parametrize("twin", ["img9.jpg", "reg_img9.bmp", "reg_img009.jpg"])
def test_two_files_for_one_frame(tmp_path, twin):
    root = trees.casme2(tmp_path)
    shutil.copy(root / "Cropped/sub01/EP19_05f/reg_img9.jpg", root / "Cropped/sub01/EP19_05f" / twin)
    assert "both frame 9" in rejected(root)


def test_raw_frames_among_cropped_ones(tmp_path):
    root = trees.casme2(tmp_path)
    (root / "Cropped/sub01/EP19_05f/reg_img9.jpg").rename(root / "Cropped/sub01/EP19_05f/img9.jpg")
    assert "two kinds are mixed" in rejected(root)


def test_two_folders_for_one_subject(tmp_path):
    root = trees.casme2(tmp_path)
    (root / "Cropped/sub1").mkdir()
    assert "both subject 01" in rejected(root)


def test_folders_and_frames_whose_names_end_in_a_blank(tmp_path):
    root = trees.casme2(tmp_path)
    expected = [(clip.key, clip.frame_numbers) for clip in load_clips("casme2", root)]
    for path in (
        root / "Cropped/sub01/EP02_01f/reg_img46.jpg",
        root / "Cropped/sub01/EP02_01f",
        root / "Cropped/sub01",
    ):
        path.rename(path.with_name(f"{path.name} "))
    assert [(clip.key, clip.frame_numbers) for clip in load_clips("casme2", root)] == expected
    assert not examine("casme2", root).errors


def test_one_subject_only_is_said_at_once(tmp_path):
    root = trees.casme2(tmp_path)
    trees.write_label_file(root / trees.LABEL_FILE, trees.ROWS[:2])
    (note,) = [fault for fault in examine("casme2", root).faults if "one subject only" in fault.problem]
    assert note.line.endswith("one subject only, 01; leave-one-subject-out needs two: add others")
