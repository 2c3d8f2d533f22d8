"""Protocols of other than three classes, and reading a data set without its broken clips."""

import json
from dataclasses import replace

import pytest
import trees

from selfme_lib.app import cli
from selfme_lib.data import examine, load_clips, selection_report
from selfme_lib.data.readers import DATASETS, class_names, read_sound
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.study import profiles

TREES = {
    "casme2": (trees.casme2, "Cropped/sub01/EP02_01f/reg_img46.jpg", "01/EP02_01f"),
    "smic": (trees.smic_raw, "SMIC_HS_E/s01/s1_po_01/image98.jpg", "01/s1_po_01"),
    "samm": (trees.samm, "006/006_1_2/006_00009.jpg", "006/006_1_2"),
    "casme3": (trees.casme3, "spNO.1/b/color/178.jpg", "001/b_175"),
    "mmew": (trees.mmew, "Micro_Expression/anger/S01-01-001/1.jpg", "01/S01-01-001"),
    "4dme": (trees.fourdme, "gray_micro_crop/S01/S01_1st_001_01/1.jpg", "01/S01_1st_001_01"),
    "folder": (trees.own_folder, "anna/smile/img_8.png", "anna/smile"),
    "composite": (trees.composite, "samm/006/006_1_2/006_00009.jpg", "samm-006/006_1_2"),
}


def test_five_classes_of_samm(tmp_path):
    report = selection_report("samm", trees.samm(tmp_path), classes=5)
    assert report.per_class == {"happiness": 1, "anger": 1, "contempt": 1, "surprise": 1, "others": 1}
    assert report.reasons == {"emotion 'disgust' belongs to none of the classes": 1}


@pytest.mark.parametrize(
    ("classes", "counts"),
    [
        (3, {"negative": 2, "positive": 1, "surprise": 1}),
        (4, {"negative": 2, "positive": 1, "surprise": 1, "others": 1}),
        (7, {"happiness": 1, "disgust": 1, "fear": 0, "anger": 0, "sadness": 1, "surprise": 1, "others": 1}),
    ],
)
def test_four_and_seven_classes_of_casme3(tmp_path, classes, counts):
    rows = [*trees.CASME3_ROWS[:-1], ("spNO.2", "a", 2, 4, 6, "15", 3, "Others")]
    root = trees.casme3(tmp_path, rows=rows)
    assert selection_report("casme3", root, classes=classes).per_class == counts
    assert {name: examine("casme3", root, classes=classes).summary[name] for name in counts} == counts


@pytest.mark.parametrize(("dataset", "classes"), [("casme2", 4), ("samm", 7), ("casme3", 5), ("smic", 5), ("mmew", 4)])
def test_other_protocols_are_refused_with_those_that_there_are(dataset, classes):
    with pytest.raises(UsageError, match=f"{dataset} in {classes} classes: every data set has 3, casme2 also 5, samm"):
        class_names(dataset, classes)
    with pytest.raises(UsageError, match=f"{dataset} in {classes} classes"):
        profiles.load("smoke", data={"dataset": dataset, "classes": classes, "root": "x"})


@pytest.mark.parametrize("dataset", TREES)
def test_without_its_broken_clips_a_data_set_is_read_and_they_are_listed(tmp_path, dataset):
    build, frame, key = TREES[dataset]
    root = build(tmp_path)
    sound = load_clips(dataset, root)
    (root / frame).write_bytes((root / frame).read_bytes()[:100])
    contents = read_sound(dataset, root, classes=3, skip_broken=True)
    assert [clip.key for clip in contents.clips] == [clip.key for clip in sound if clip.key != key] != []
    assert [fault.file.name for fault in contents.broken] == [root.joinpath(frame).name]
    assert load_clips(dataset, root, skip_broken=True) == list(contents.clips)


def test_rows_and_subjects_that_cannot_be_used_are_listed_too(tmp_path, caplog):
    root = trees.casme2(tmp_path)
    rows = [replace(trees.ROWS[0], onset=60), *trees.ROWS[1:], replace(trees.ROWS[1], subject="09", name="EP09_01")]
    trees.write_label_file(root / trees.LABEL_FILE, rows)
    clips = load_clips("casme2", root, skip_broken=True)
    assert [clip.key for clip in clips] == list(trees.USED[1:])
    assert "2 clips, rows or files are broken and left out, the first: " in caplog.text


def test_a_data_set_of_nothing_but_broken_clips_is_refused(tmp_path):
    root = trees.composite(tmp_path)
    for path in (root / "samm").rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no sound clip of samm; copy it again; the first error: .*empty file"):
        load_clips("composite", root, skip_broken=True)
    with pytest.raises(DataError, match="no folders sub01"):
        load_clips("casme2", root / "samm", skip_broken=True)


def reproduce(root, out):
    """The command line that reproduces the smoke profile on a CASME II."""
    return ["reproduce", "--profile", "smoke", "--dataset", "casme2", "--root", str(root), "--out", str(out)]


def test_reproduce_lists_what_it_does_without(tmp_path, monkeypatch, capfd):
    root = trees.casme2(tmp_path / "set")
    frame = root / "Cropped/sub01/EP02_01f/reg_img46.jpg"
    frame.write_bytes(b"")
    monkeypatch.setattr("selfme_lib.app.runner.reproduce", lambda *_, **__: [])
    call = reproduce(root, tmp_path / "run")
    assert cli.run(call) == 1 and "reg_img46.jpg: empty file" in capfd.readouterr().err
    assert cli.run([*call, "--skip-broken"]) == 0
    assert "1 errors in the data; clips that they concern are left out" in capfd.readouterr().err
    written = json.loads((tmp_path / "run/left_out.json").read_text())
    assert written["faults"][0]["file"] == str(frame) and {"04/EP12_01f"} < {
        item["clip"] for item in written["left_out"]
    }


def test_one_subject_only_is_refused_before_hours_are_spent(tmp_path, monkeypatch, capfd):
    root = trees.casme2(tmp_path / "set")
    trees.write_label_file(root / trees.LABEL_FILE, trees.ROWS[:2])
    monkeypatch.setattr("selfme_lib.app.runner.reproduce", lambda *_, **__: [])
    call = reproduce(root, tmp_path / "run")
    assert cli.run(call) == 1
    assert (
        "one subject only; leave-one-subject-out needs two; add others, or run --only 00 01" in capfd.readouterr().err
    )
    assert cli.run([*call, "--only", "01"]) == 0


def test_every_data_set_has_a_profile_value_and_a_name_in_the_help(capfd):
    for dataset in DATASETS:
        assert profiles.load("smoke", data={"dataset": dataset, "root": "x"}).data.dataset == dataset
    assert cli.run(["doctor", "--help"]) == 0
    shown = capfd.readouterr().out
    assert all(dataset in shown for dataset in DATASETS)
