"""MMEW, 4DME and folders of one's own: a table names the clips, folders hold their frames."""

import shutil

import pytest
import trees

from selfme_lib.data import examine, load_clips, load_onset_apex
from selfme_lib.runtime.errors import DataError


def with_row(number, **changes):
    rows = [list(row) for row in trees.FOLDER_ROWS]
    for title, value in changes.items():
        rows[number][[name.lower() for name in rows[0]].index(title)] = value
    return rows


@pytest.mark.parametrize(
    ("dataset", "build", "keys", "labels", "fps", "cropped"),
    [
        ("mmew", trees.mmew, trees.MMEW_KEYS, [0, 2, 1], {90.0}, {True}),
        ("4dme", trees.fourdme, trees.FOURDME_KEYS, [0, 1, 2], {60.0}, {True}),
        ("folder", trees.own_folder, trees.FOLDER_KEYS, [0, 1, 1, 2], {60.0, 120.0}, {False}),
    ],
)
def test_a_sound_tree_is_read(tmp_path, dataset, build, keys, labels, fps, cropped):
    clips = load_clips(dataset, build(tmp_path))
    assert [clip.key for clip in clips] == keys and [clip.label for clip in clips] == labels
    assert {clip.fps for clip in clips} == fps and {clip.cropped for clip in clips} == cropped
    assert {clip.dataset for clip in clips} == {dataset}
    onset, apex = load_onset_apex(clips, 16)
    assert (onset - apex).abs().amax((1, 2, 3)).min() > 0.1
    examination = examine(dataset, tmp_path)
    assert not examination.errors
    assert any("there is no official list" in fault.problem for fault in examination.faults)


def test_what_is_left_out_has_a_reason(tmp_path):
    found = {}
    for dataset, build in (("mmew", trees.mmew), ("4dme", trees.fourdme), ("folder", trees.own_folder)):
        found |= {clip.key: clip.reason for clip in examine(dataset, build(tmp_path / dataset)).left_out}
    assert found == {
        "13/S13-02-003": "emotion 'others' belongs to none of the classes",
        "02/S02-02-003": "no apex frame in the label file",
        "02/S02_1st_001_02": "several emotions: surprise+positive",
        "02/S02_1st_001_03": "emotion 'repression' belongs to none of the classes",
        "ben/blink": "emotion 'other' belongs to none of the classes",
    }


def test_crops_of_4dme_count_their_frames_anew_and_recordings_do_not(tmp_path):
    root = trees.fourdme(tmp_path)
    clip = load_clips("4dme", root)[0]
    assert clip.frame_numbers == (2488, 2489, 2490, 2491, 2492) and clip.apex_path.name == "3.jpg"
    assert any("3 clips count their frames anew" in fault.problem for fault in examine("4dme", root).faults)
    shutil.rmtree(root / "gray_micro_crop")
    clip = load_clips("4dme", root)[0]
    assert clip.apex_path.name == "frame2490.jpg" and not clip.cropped


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_frames_are_those_from_onset_to_offset(tmp_path, suffix):
    clip = load_clips("folder", trees.own_folder(tmp_path, suffix=suffix))[0]
    assert clip.frame_numbers == (96, 97, 98, 99, 100, 101) and clip.onset_path.name == "img_96.png"
    assert (clip.emotion, clip.action_units) == ("anger", "4")


def test_without_an_apex_a_rule_chooses_it(tmp_path):
    rows = [row[:3] + row[4:] for row in trees.FOLDER_ROWS]
    root = trees.own_folder(tmp_path, rows=rows)
    assert {clip.apex for clip in load_clips("folder", root)} == {None}
    assert [clip.apex for clip in load_clips("folder", root, apex_rule="middle")] == [99, 10, 3, 23]
    assert any("no apex is labelled; choose one by a rule" in fault.line for fault in examine("folder", root).faults)


def test_a_column_may_name_the_folder_but_none_outside(tmp_path):
    rows = [(*row, place) for row, place in zip(trees.FOLDER_ROWS, ("frames", "", "", "", "", ""))]
    rows[3] = ("ben", "smile", 8, 10, 12, 1, "12", 60, "anna\\smile")
    clips = load_clips("folder", trees.own_folder(tmp_path / "set", rows=rows))
    assert clips[2].frames[0].parent == tmp_path / "set/anna/smile"
    rows[3] = (*rows[3][:-1], "../elsewhere")
    trees.own_folder(tmp_path / "set", rows=rows)
    with pytest.raises(DataError, match=r"row 4: the folder '../elsewhere' leads out of set"):
        load_clips("folder", tmp_path / "set")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"subject": ""}, "row 2: no subject or no clip"),
        ({"onset": "eight"}, "row 2: onset 'eight' is not a frame number"),
        ({"onset": 11}, "row 2: onset 11, apex 10, offset 12 are not in order"),
        ({"offset": 9}, "row 2: onset 8, apex 10, offset 9 are not in order"),
        ({"onset": 3}, "no onset frame 3, only 7 to 13 (table, row 2)"),
        ({"label": "joy"}, "row 2: label 'joy' is not one of negative, 0, positive"),
        ({"label": ""}, "row 2: label '' is not one of"),
        ({"fps": "fast"}, "row 2: fps 'fast' is not a number"),
        ({"clip": "grin"}, "row 2: 0 folders with frames named anna/grin, anna_grin or grin"),
        ({"clip": "frown"}, "row 3: subject anna, frown appears twice"),
        ({"subject": "ben"}, "row 4: subject ben, smile appears twice"),
    ],
)
def test_every_fault_of_a_row_is_named(tmp_path, changes, words):
    rows = with_row(1, **changes)
    if changes.get("clip") == "frown":
        rows[1][2:5] = rows[2][2:5]
    if changes.get("subject") == "ben":
        rows[1][2:5] = rows[3][2:5]
    root = trees.own_folder(tmp_path, rows=rows)
    (error,) = examine("folder", root).errors
    assert words in error.line
    with pytest.raises(DataError):
        load_clips("folder", root)
    assert len(load_clips("folder", root, skip_broken=True)) >= 3


def test_a_folder_of_the_same_clip_name_under_another_subject_is_not_taken(tmp_path):
    rows = [*trees.FOLDER_ROWS, ("carl", "frown", 96, 99, 101, "anger", "4", 120)]
    root = trees.own_folder(tmp_path, rows=rows)
    (error,) = examine("folder", root).errors
    assert "row 7: 0 folders with frames named carl/frown" in error.line


def test_no_table_and_several(tmp_path):
    (tmp_path / "set").mkdir()
    for dataset, name in (("mmew", "MMEW_Micro_Exp.xlsx"), ("4dme", "4DME_Labelling"), ("folder", "labels.csv")):
        with pytest.raises(DataError, match=f"no {name}.* in it; put a table there with the columns"):
            load_clips(dataset, tmp_path / "set")
    root = trees.mmew(tmp_path / "mmew")
    shutil.copy(root / "MMEW_Micro_Exp.xlsx", root / "MMEW_Micro_Exp (1).xlsx")
    with pytest.raises(DataError, match="several tables"):
        load_clips("mmew", root)
