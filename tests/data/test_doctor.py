import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
import trees
from PIL import Image

from selfme_lib.app import cli
from selfme_lib.data import DATASETS, doctor, examine, frame_size


def lines(faults):
    return [fault.line for fault in faults]


@pytest.mark.parametrize(
    ("dataset", "build"), [("casme2", trees.casme2), ("smic", trees.smic_raw), ("samm", trees.samm)]
)
def test_a_sound_data_set_has_notes_only(tmp_path, dataset, build):
    examination = examine(dataset, build(tmp_path))
    faults, summary = examination.faults, examination.summary
    assert {fault.severity for fault in faults} == {"note"}
    expected = {
        "casme2": {"clips": 6, "subjects": 4, "negative": 3, "positive": 2, "surprise": 1, "left_out": 5, "frames": 56},
        "smic": {"clips": 5, "subjects": 3, "negative": 2, "positive": 2, "surprise": 1, "left_out": 0, "frames": 30},
        "samm": {"clips": 5, "subjects": 2, "negative": 3, "positive": 1, "surprise": 1, "left_out": 1, "frames": 28},
    }
    assert summary == expected[dataset]
    assert any("but the official list has" in line for line in lines(faults))


def test_agreement_with_the_official_list_is_also_a_note(tmp_path, monkeypatch):
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
        "2 files or folders that are not frames, such as sub01/Desktop - Shortcut.lnk",
        "sub16/EP01_08: 3 of the frames between onset and offset are missing",
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


@pytest.mark.parametrize("dataset", [*DATASETS, "voxceleb"])
def test_a_useless_folder_is_one_error_and_not_an_exception(tmp_path, dataset):
    for root in (tmp_path, tmp_path / "nowhere"):
        examination = examine(dataset, root)
        assert len(examination.errors) == len(examination.faults) == 1
        assert str(root) in examination.errors[0].line
        assert set(examination.summary.values()) == {0}


def test_pixels_of_onset_and_apex_are_decoded(tmp_path):
    """Damage in the middle of a file does not show in its header; the frames on which a clip depends are searched for it."""
    root = trees.smic_cropped(tmp_path)
    apex = root / "SMIC_all_cropped/HS/s1/micro/negative/s1_ne_01/reg_image036238.bmp"
    apex.write_bytes(apex.read_bytes()[:14] + bytes(40) + apex.read_bytes()[54:])
    errors = examine("smic", root).errors
    assert [error.file for error in errors] == [apex]


def test_folders_that_are_not_named_like_a_subject_are_mentioned(tmp_path):
    root = trees.smic_raw(tmp_path)
    (root / "SMIC_HS_E/s20").rename(root / "SMIC_HS_E/s20 (copy)")
    assert any("such as s20 (copy)" in line for line in lines(examine("smic", root).faults))


def test_a_copied_clip_is_a_leak_between_subjects_and_a_note_within_one(tmp_path):
    root = trees.casme2(tmp_path)
    rows = [*trees.ROWS, replace(trees.ROWS[0], subject="02"), replace(trees.ROWS[0], name="EP02_09f")]
    trees.write_label_file(root / trees.LABEL_FILE, rows)
    for copy in ("sub02/EP02_01f", "sub01/EP02_09f"):
        shutil.copytree(root / "Cropped/sub01/EP02_01f", root / "Cropped" / copy)
    copies = [fault for fault in examine("casme2", root).faults if "onset and apex are those of" in fault.problem]
    assert [(fault.severity, fault.file.parent.name) for fault in copies] == [("error", "sub02"), ("note", "sub01")]


def test_an_apex_that_is_a_copy_of_the_onset(tmp_path):
    clip = trees.casme2(tmp_path) / "Cropped/sub01/EP19_05f"
    shutil.copy(clip / "reg_img8.jpg", clip / "reg_img11.jpg")
    (error,) = examine("casme2", tmp_path).errors
    assert error.file == clip and "reg_img8.jpg and apex reg_img11.jpg are the same picture" in error.problem


def test_a_subject_that_is_missing_is_one_line(tmp_path):
    root = trees.casme2(tmp_path)
    shutil.rmtree(root / "Cropped/sub02")
    (error,) = examine("casme2", root).errors
    assert error.problem == "subject 02 is missing: no folder for 2 labelled clips (label file, row 4)"


def test_pictures_of_more_than_eight_bits_are_not_clipped_to_white(tmp_path):
    root = trees.smic_raw(tmp_path)
    path = root / "SMIC_HS_E/s01/s1_ne_01/image98.jpg"
    path.unlink()
    Image.fromarray(np.full((24, 20), 3000, np.uint16)).save(path.with_suffix(".png"))
    assert any("more than 8 bits" in error.problem for error in examine("smic", root).errors)


def test_recordings_are_announced(tmp_path):
    assert any("5 clips are recordings" in line for line in lines(examine("smic", trees.smic_raw(tmp_path)).faults))


def test_voxceleb(tmp_path):
    for person in ("id10001", "id10002"):
        for number in range(3):
            trees.write_image(tmp_path / person / f"abc/{number}.jpg", seed=f"{person} {number}")
    examination = examine("voxceleb", tmp_path)
    assert examination.faults == []
    assert examination.summary == {"sequences": 2, "people": 2, "videos": 0, "frames": 6}
    (tmp_path / "id10001/abc/1.jpg").write_bytes(b"")
    trees.write_image(tmp_path / "id10002/abc/2.jpg", size=(9, 9))
    (tmp_path / "id10002/talk.mp4").write_bytes(b"no video")
    problems = [fault.problem for fault in examine("voxceleb", tmp_path).errors]
    for words in ("empty file", "9x9 pixels", "not an MP4, AVI"):
        assert any(words in problem for problem in problems)
    assert "no such folder" in examine("voxceleb", tmp_path / "nowhere").errors[0].problem


def test_the_table_has_a_column_for_each_thing_and_json_has_all_of_it(tmp_path, capfd):
    root = trees.casme2(tmp_path)
    trees.write_label_file(root / trees.LABEL_FILE, [replace(trees.ROWS[0], onset=60), *trees.ROWS[1:]])
    assert cli.run(["doctor", "--dataset", "casme2", "--root", str(root)]) == 1
    head, first, *_, summary = capfd.readouterr().out.splitlines()
    for title, cell in {
        "file": trees.LABEL_FILE,
        "what is wrong": "onset 60 comes after apex 59",
        "what to do": "correct or remove this row",
    }.items():
        assert first[head.index(title) :].startswith(cell)
    assert first.startswith("error") and first[: head.index("row") + 3].endswith(" 2")
    assert summary.startswith("clips 5, subjects 4")
    assert cli.run(["doctor", "--dataset", "casme2", "--root", str(root), "--json"]) == 1
    found = json.loads(capfd.readouterr().out)
    assert found["ok"] is False and found["summary"]["clips"] == 5
    assert found["faults"][0] == {
        "severity": "error",
        "file": str(root / trees.LABEL_FILE),
        "row": 2,
        "problem": "onset 60 comes after apex 59",
        "remedy": "correct or remove this row",
    }
    assert {"clip": "04/EP12_01f", "reason": "no apex frame in the label file"} in found["left_out"]


def test_thousands_of_frames_a_second(tmp_path):
    """Only headers are read: a large picture takes no longer than a small one."""
    for name, side in (("small", 16), ("large", 2000)):
        trees.write_image(tmp_path / f"{name}.bmp", size=(side, side))

    def seconds(path):
        frame_size(path)
        start = time.perf_counter()
        for _ in range(50):
            frame_size(path)
        return time.perf_counter() - start

    assert seconds(tmp_path / "large.bmp") < 5 * seconds(tmp_path / "small.bmp") + 0.05
