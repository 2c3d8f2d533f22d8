from dataclasses import replace

import pytest
import trees

from selfme_lib.data import doctor, examine


def lines(faults):
    return [fault.line for fault in faults]


@pytest.mark.parametrize(("dataset", "build"), [("casme2", trees.casme2), ("smic", trees.smic_raw)])
def test_a_sound_data_set_has_notes_only(tmp_path, dataset, build):
    faults, summary = examine(dataset, build(tmp_path))
    assert {fault.severity for fault in faults} == {"note"}
    expected = {
        "casme2": {"clips": 6, "subjects": 4, "negative": 3, "positive": 2, "surprise": 1, "left_out": 5, "frames": 56},
        "smic": {"clips": 5, "subjects": 3, "negative": 2, "positive": 2, "surprise": 1, "left_out": 0, "frames": 30},
    }
    assert summary == expected[dataset]
    assert any("but the official list has" in line for line in lines(faults))


def test_agreement_with_the_official_list_is_a_note_too(tmp_path, monkeypatch):
    root = trees.casme2(tmp_path)
    counts = {"clips": 6, "subjects": 4, "negative": 3, "positive": 2, "surprise": 1}
    monkeypatch.setitem(doctor.OFFICIAL, "casme2", counts)
    assert any(
        "6 clips of 4 subjects (3/2/1), as in the official list" in line
        for line in lines(examine("casme2", root).faults)
    )


def test_the_official_numbers_add_up():
    for official in doctor.OFFICIAL.values():
        assert official["clips"] == official["negative"] + official["positive"] + official["surprise"]


def test_notes_name_what_was_ignored(tmp_path):
    notes = "\n".join(lines(examine("casme2", trees.casme2(tmp_path)).faults))
    for expected in [
        "09/EP02_02f",  # frames but no label
        "04/EP12_01f",  # no apex
        "05/EP09_05f",  # apex is onset
        "2 files or folders that are no frames, such as sub01/Desktop - Shortcut.lnk",
        "sub16/EP01_08: 3 of the frames between onset and offset are not there",
    ]:
        assert expected in notes


def test_all_faults_are_found_at_once(tmp_path):
    root = trees.casme2(tmp_path)
    rows = [replace(trees.ROWS[0], onset=60), replace(trees.ROWS[1], emotion="joy"), *trees.ROWS[2:]]
    trees.write_label_file(root / trees.LABEL_FILE, rows)
    cropped = root / "Cropped"
    (cropped / "sub02/EP01_11f/reg_img97.jpg").write_bytes(b"")
    frame = cropped / "sub02/EP03_02f/reg_img5.jpg"
    frame.write_bytes(frame.read_bytes()[:200])
    (cropped / "sub11/EP15_01f/reg_img4.jpg").write_text("not an image")
    trees.write_image(cropped / "sub16/EP01_08/reg_img74.jpg", size=(10, 10))
    trees.write_image(cropped / "sub16/EP01_08/reg_img76.jpg", size=(10, 10))
    examination = examine("casme2", root)
    found = "\n".join(lines(examination.errors))
    for expected in [
        "row 2: onset 60 comes after apex 59",
        "row 3: Estimated Emotion is 'joy'",
        "reg_img97.jpg: empty file",
        "reg_img5.jpg: truncated image",
        "reg_img4.jpg: not a JPEG",
        "reg_img74.jpg: 10x10 pixels, the clip's first frame 20x24 (and 1 more frames of this clip)",
    ]:
        assert expected in found
    assert len(examination.errors) == 6
    assert examination.faults[:6] == examination.errors  # errors come first
    assert examination.summary["clips"] == 4


@pytest.mark.parametrize("dataset", ["casme2", "smic", "synthme"])
def test_a_useless_folder_is_one_error_and_not_an_exception(tmp_path, dataset):
    for root in (tmp_path, tmp_path / "nowhere"):
        examination = examine(dataset, root)
        assert len(examination.errors) == len(examination.faults) == 1
        assert str(root) in examination.errors[0].line
        assert examination.summary["clips"] == 0


def test_pixels_of_onset_and_apex_are_decoded(tmp_path):
    """Damage in the middle of a file shows in no header; in the frames that decide about a clip it is looked for."""
    root = trees.smic_cropped(tmp_path)
    apex = root / "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image036238.bmp"
    apex.write_bytes(apex.read_bytes()[:14] + bytes(40) + apex.read_bytes()[54:])
    errors = examine("smic", root).errors
    assert [error.file for error in errors] == [apex]


def test_folders_that_are_not_named_like_a_subject_are_mentioned(tmp_path):
    root = trees.smic_raw(tmp_path)
    (root / "SMIC_HS_E/s20").rename(root / "SMIC_HS_E/s20 (copy)")
    assert any("such as s20 (copy)" in line for line in lines(examine("smic", root).faults))
