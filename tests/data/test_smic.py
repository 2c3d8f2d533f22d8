import shutil

import pytest
import trees

from selfme_lib.data import load_clips, selection_report
from selfme_lib.runtime.errors import DataError


def rejected(root):
    with pytest.raises(DataError) as error:
        load_clips("smic", root)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("inside", [".", "SMIC_all_cropped", "SMIC_all_cropped/HS"])
def test_cropped_layout_whatever_folder_is_given(tmp_path, inside):
    clips = load_clips("smic", trees.smic_cropped(tmp_path) / inside)
    assert [clip.key for clip in clips] == trees.SMIC_KEYS
    assert [clip.label for clip in clips] == [0, 1, 1, 2, 0]
    assert [len(clip.frames) for clip in clips] == [3, 4, 5, 12, 6]


@pytest.mark.parametrize("inside", [".", "SMIC_HS_E"])
def test_raw_layout_gives_the_same_clips(tmp_path, inside):
    clips = load_clips("smic", trees.smic_raw(tmp_path) / inside)
    assert [clip.key for clip in clips] == trees.SMIC_KEYS
    assert clips[1].frame_numbers == (98, 99, 100, 101)
    assert (clips[0].emotion, clips[0].fps, clips[0].action_units) == ("negative", 100, "")


def test_a_clip_runs_from_onset_to_offset_and_has_an_apex_only_by_rule(tmp_path):
    root = trees.smic_cropped(tmp_path)
    clip = load_clips("smic", root)[1]
    assert (clip.onset, clip.apex, clip.offset) == (36237, None, 36240)
    with pytest.raises(DataError, match="apex_rule"):
        _ = clip.apex_path
    clip = load_clips("smic", root, apex_rule="middle")[1]
    assert clip.apex == 36239 and clip.apex_path.name == "reg_image036239.bmp"


def test_the_shortest_clip_still_has_motion(tmp_path):
    root = trees.smic_cropped(tmp_path)
    folder = root / "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01"
    sorted(folder.iterdir())[2].unlink()
    clip = load_clips("smic", root, apex_rule="middle")[0]
    assert len(clip.frames) == 2 and clip.apex > clip.onset
    sorted(folder.iterdir())[1].unlink()
    assert "1 frames" in rejected(root) and "s1_ne_01" in rejected(root)


def test_padded_and_unpadded_subjects_are_the_same(tmp_path):
    root = trees.smic_cropped(tmp_path)
    hs = root / "SMIC_all_cropped/HS"
    (hs / "s3").rename(hs / "s03")
    surprise = hs / "s03/micro/surprise"
    (surprise / "s3_sur_01").rename(surprise / "s03_sur_01")
    assert {clip.subject for clip in load_clips("smic", root)} == {"01", "03", "20"}
    (hs / "s3").mkdir()
    assert "both subject 03" in rejected(root)


def test_cropped_is_preferred_and_other_cameras_are_refused(tmp_path):
    trees.smic_raw(tmp_path)
    trees.smic_cropped(tmp_path)
    assert load_clips("smic", tmp_path)[0].frames[0].suffix == ".bmp"
    assert "another camera" in rejected(tmp_path / "SMIC_all_cropped/NIR")


def test_a_clip_in_the_folder_of_another_subject(tmp_path):
    root = trees.smic_raw(tmp_path)
    (root / "SMIC_HS_E/s01/s1_po_01").rename(root / "SMIC_HS_E/s03/s1_po_01")
    assert "a clip of subject 1 in the folder of subject 3" in rejected(root)


def test_a_clip_among_those_of_another_class(tmp_path):
    micro = trees.smic_cropped(tmp_path) / "SMIC_all_cropped/HS/s1/micro"
    (micro / "surprise").mkdir()
    (micro / "positive/s1_po_01").rename(micro / "surprise/s1_po_01")
    assert "named positive but lies in a folder surprise" in rejected(tmp_path)


def test_a_copied_clip(tmp_path):
    root = trees.smic_raw(tmp_path)
    clip = root / "SMIC_HS_E/s01/s1_po_01"
    shutil.copytree(clip, clip.with_name("s01_po_01"))
    assert "the same clip as" in rejected(root)
    clip.with_name("s01_po_01").rename(clip.with_name("s1_po_01 - Copy"))
    assert "not named like" in rejected(root)


def test_an_emptied_clip(tmp_path):
    root = trees.smic_raw(tmp_path)
    for path in (root / "SMIC_HS_E/s01/s1_po_01").iterdir():
        path.unlink()
    assert "0 frames" in rejected(root) and "s1_po_01" in rejected(root)


def test_nothing_there(tmp_path):
    assert "no folders s1" in rejected(tmp_path)
    (tmp_path / "s1/micro").mkdir(parents=True)
    assert "no clip of the 3 classes" in rejected(tmp_path)
    assert "no such folder" in rejected(tmp_path / "HS")


def test_report(tmp_path):
    report = selection_report("smic", trees.smic_cropped(tmp_path))
    assert report.per_class == {"negative": 2, "positive": 2, "surprise": 1}
    assert (report.clips, report.subjects, report.left_out) == (5, 3, ())


def test_a_file_where_a_clip_or_subject_should_be(tmp_path):
    hs = trees.smic_raw(tmp_path) / "SMIC_HS_E"
    shutil.rmtree(hs / "s01/s1_po_01")
    (hs / "s01/s1_po_01").write_text("")
    assert "s1_po_01: a file where a folder should be" in rejected(tmp_path)
    shutil.rmtree(hs / "s01")
    (hs / "s01").write_text("")
    assert "subjects are folders" in rejected(tmp_path)
