"""SAMM's traps: a preamble, formulas, grey frames, names that pad their numbers differently."""

import shutil

import openpyxl
import pytest
import torch
import trees

from selfme_lib.data import examine, load_clips, load_onset_apex, selection_report
from selfme_lib.runtime.errors import DataError


def rejected(root):
    with pytest.raises(DataError) as error:
        load_clips("samm", root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("inside", [".", "SAMM"])
def test_clips_however_their_numbers_are_padded(tmp_path, inside):
    trees.samm(tmp_path / inside)
    clips = load_clips("samm", tmp_path)
    assert [clip.key for clip in clips] == trees.SAMM_KEYS
    assert [clip.label for clip in clips] == [1, 0, 0, 2, 0]
    assert [clip.action_units for clip in clips] == ["13 or A12", "4", "L14", "1+2", "4+7"]
    assert {(clip.dataset, clip.fps, clip.cropped) for clip in clips} == {("samm", 200, False)}
    first, surprise = clips[0], clips[3]
    assert (first.onset, first.apex, first.offset, first.frame_numbers) == (9, 11, 14, tuple(range(9, 15)))
    assert first.apex_path.name == "006_00011.jpg" and surprise.apex_path.name == "007_0009.jpg"


def test_frames_of_another_width_sort_by_number(tmp_path):
    root = trees.samm(tmp_path)
    for path in (root / "006/006_1_3").iterdir():
        path.rename(path.with_name(f"006_{int(path.stem[4:])}.jpg"))  # 99, 100, …
    clip = load_clips("samm", root)[1]
    assert clip.frame_numbers == tuple(range(99, 105)) and clip.onset_path.name == "006_99.jpg"


def test_grey_frames_are_three_equal_channels(tmp_path):
    onset, apex = load_onset_apex(load_clips("samm", trees.samm(tmp_path)), 16)
    for frames in (onset, apex):
        assert frames.shape == (5, 3, 16, 16)
        assert torch.equal(frames[:, 0], frames[:, 1]) and torch.equal(frames[:, 0], frames[:, 2])
        assert frames.std() > 0.01


def test_other_is_left_out_and_reported(tmp_path):
    report = selection_report("samm", trees.samm(tmp_path))
    assert report.per_class == {"negative": 3, "positive": 1, "surprise": 1}
    assert [(clip.key, "'other'" in clip.reason) for clip in report.left_out] == [("011/011_1_1", True)]
    assert not examine("samm", tmp_path).errors


def test_faces_cropped_already_are_recognised_by_their_mark(tmp_path):
    root = trees.samm(tmp_path)
    (root / "aligned.json").write_text("{}")
    assert all(clip.cropped for clip in load_clips("samm", root))


def test_a_shifted_header_and_other_columns(tmp_path):
    root = trees.samm(tmp_path)
    workbook = openpyxl.load_workbook(root / trees.SAMM_FILE)
    workbook.active.delete_rows(2, 3)
    workbook.active.insert_cols(3)
    workbook.save(root / trees.SAMM_FILE)
    assert len(load_clips("samm", root)) == 5


def test_what_is_wrong_is_named(tmp_path):
    root = trees.samm(tmp_path)
    shutil.copytree(root / "006/006_1_2", root / "006/006_01_2")
    assert "the same clip as" in rejected(root)
    shutil.rmtree(root / "006/006_01_2")
    shutil.copytree(root / "006/006_1_2", root / "007/006_1_2")
    assert "a clip of subject 006 in the folder of subject 007" in rejected(root)
    shutil.rmtree(root / "007/006_1_2")
    for path in (root / "006/006_1_2").iterdir():
        path.rename(path.with_name(path.name.replace("006_", "007_", 1)))
    assert "frames of subject 7 in a clip of subject 006" in rejected(root)
    shutil.rmtree(root / "006")
    assert "subject 006 is missing: no folder for 2 labelled clips (label file, row 15)" in rejected(root)


def test_without_subjects_or_labels(tmp_path):
    (tmp_path / "2014/003").mkdir(parents=True)
    assert "no folders such as 006" in rejected(tmp_path)
    root = trees.samm(tmp_path / "samm")
    (root / trees.SAMM_FILE).unlink()
    assert "no label file SAMM_Micro" in rejected(root)


def test_the_word_subject_in_the_preamble_is_not_the_header(tmp_path):
    header = [title if title != "Apex Frame" else "Apex" for title in trees.SAMM_HEADER]
    root = trees.samm(tmp_path)
    trees.write_samm_file(root / trees.SAMM_FILE, header=header)
    assert "no column Apex Frame" in rejected(root)
