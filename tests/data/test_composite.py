"""Three data sets as one, and the official numbers of clips and subjects, reached by the rules on trees of that size."""

import json
import os
import shutil

import openpyxl
import pytest
import trees

from selfme_lib.data import FIVE_CLASSES, examine, load_clips, selection_report
from selfme_lib.runtime.errors import DataError, UsageError


def test_subjects_of_three_sets_stay_apart(tmp_path):
    clips = load_clips("composite", trees.composite(tmp_path))
    assert len(clips) == 6 + 5 + 5
    assert {clip.subject.split("-")[0] for clip in clips} == {"casme2", "smic", "samm"}
    assert len({clip.subject for clip in clips}) == 4 + 3 + 2
    assert {clip.dataset for clip in clips} == {"casme2", "smic", "samm"}


def test_a_rule_chooses_the_apex_only_where_none_is_labelled(tmp_path):
    labelled = load_clips("composite", trees.composite(tmp_path))
    by_rule = load_clips("composite", tmp_path, apex_rule="middle")
    for before, after in zip(labelled, by_rule):
        assert after.apex == (before.middle if before.dataset == "smic" else before.apex)


def test_a_file_may_say_where_the_three_are(tmp_path):
    whole = trees.composite(tmp_path / "elsewhere")
    (tmp_path / "here").mkdir()
    places = {"casme2": "../elsewhere/CASME II", "smic": str(whole / "SMIC"), "samm": "../elsewhere/samm"}
    (tmp_path / "here/composite.json").write_text(json.dumps(places))
    assert len(load_clips("composite", tmp_path / "here")) == 16


@pytest.mark.parametrize(
    "content",
    [
        *("{", "[]", '{"casme2": "x"}', '{"casme2": 1, "smic": "x", "samm": "x"}'),
        *(f'{{"casme2": "{place}", "smic": "x", "samm": "x"}}' for place in ("", "a\\u0000b", "a\\nb")),
    ],
)
def test_a_bad_file_of_places(tmp_path, content):
    (tmp_path / "composite.json").write_text(content)
    with pytest.raises(DataError, match=r"composite\.json: .*write {"):
        load_clips("composite", tmp_path)


def test_a_part_that_is_missing_or_empty(tmp_path):
    root = trees.composite(tmp_path)
    trees.write_samm_file(root / "samm" / trees.SAMM_FILE, rows=())
    assert any("no clip of samm" in fault.problem for fault in examine("composite", root).errors)
    shutil.rmtree(root / "samm")
    with pytest.raises(DataError, match="no folder samm"):
        load_clips("composite", root)
    (root / "smic_hs").mkdir()
    with pytest.raises(DataError, match="both smic"):
        load_clips("composite", root)


COUNTS = {  # subject → negative, positive, surprise: any distribution with the official sums
    "casme2": {subject: (4, 1, 1) for subject in range(1, 25)} | {1: (0, 8, 1), 2: (0, 2, 2)},
    "smic": {subject: (4, 3, 2) for subject in range(1, 17)} | {1: (10, 6, 13)},
    "samm": {subject: (3, 1, 0) for subject in range(1, 29)} | {1: (8, 0, 8), 2: (6, 0, 7)},
}


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """All three at their official size, as links to two tiny pictures."""
    root = tmp_path_factory.mktemp("official")
    for seed, kind in enumerate(("jpg", "bmp")):
        trees.write_image(root / f"picture{seed}.{kind}", size=(4, 4), seed=seed)

    def frames(folder, names):
        folder.mkdir(parents=True)
        for name in names:
            picture = root / ("picture0.jpg" if name.endswith(".jpg") else "picture1.bmp")
            os.link(picture, folder / name)

    book = openpyxl.Workbook()
    book.active.append(trees.HEADER)

    def label(subject, name, emotion, apex=2):
        book.active.append([f"{subject:02d}", name, None, 1, apex, 3, None, "4", emotion])

    for subject, counts in COUNTS["casme2"].items():
        emotions = [word for word, count in zip(("disgust", "happiness", "surprise"), counts) for _ in range(count)]
        for number, emotion in enumerate(emotions):
            label(subject, f"EP01_{number:02d}", emotion)
            frames(root / f"casme2/Cropped/sub{subject:02d}/EP01_{number:02d}", [f"reg_img{n}.jpg" for n in (1, 2, 3)])
    label(4, "EP12_01f", "repression", "/")
    label(5, "EP09_05f", "disgust", 1)
    for number in range(108):
        label(26, f"EP{number}", ("others", "sadness", "fear")[min(2, number // 99)])
    book.save(root / "casme2" / trees.LABEL_FILE)
    for subject, counts in COUNTS["smic"].items():
        for kind, count in zip(("ne", "po", "sur"), counts):
            for number in range(1, count + 1):
                folder = root / f"smic/SMIC_HS_E/s{subject:02d}/s{subject}_{kind}_{number:02d}"
                frames(folder, [f"reg_image{n}.bmp" for n in (1, 2)])
    rows = []
    for subject, counts in COUNTS["samm"].items():
        emotions = [word for word, count in zip(("Anger", "Happiness", "Surprise"), counts) for _ in range(count)]
        for number, emotion in enumerate(emotions):
            rows.append((f"{subject:03d}", f"{subject:03d}_1_{number}", 1, 2, 3, "4", emotion))
            frames(root / f"samm/{subject:03d}/{rows[-1][1]}", [f"{subject:03d}_0000{n}.jpg" for n in (1, 2, 3)])
    rows += [("030", f"030_1_{number}", 1, 2, 3, "4", "Other") for number in range(26)]
    trees.write_samm_file(root / "samm" / trees.SAMM_FILE, rows)
    return root


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ("casme2", "145 clips of 24 subjects (88/32/25), as in the official list"),
        ("smic", "164 clips of 16 subjects (70/51/43), as in the official list"),
        ("samm", "133 clips of 28 subjects (92/26/15), as in the official list"),
        ("composite", "442 clips of 68 subjects (250/109/83), as in the official list"),
    ],
)
def test_the_official_selection_is_reached_by_rule(official, dataset, words):
    root = official if dataset == "composite" else official / dataset
    report = selection_report(dataset, root)
    per_class = "/".join(map(str, report.per_class.values()))
    assert f"{report.clips} clips of {report.subjects} subjects ({per_class})" == words.split(", as")[0]
    assert any(fault.problem == words for fault in examine(dataset, root).faults)


def test_what_the_official_selection_leaves_out(official):
    reasons = selection_report("casme2", official / "casme2").reasons
    assert sum(reasons.values()) == 110
    assert reasons["no apex frame in the label file"] == 1 and reasons["the apex is the onset: no motion"] == 1
    assert selection_report("samm", official / "samm").reasons == {"emotion 'other' belongs to none of the classes": 26}


def test_five_classes_of_casme2(tmp_path):
    root = trees.casme2(tmp_path)
    report = selection_report("casme2", root, classes=5)
    assert report.per_class == {"happiness": 2, "disgust": 1, "repression": 2, "surprise": 1, "others": 1}
    assert [FIVE_CLASSES[clip.label] for clip in load_clips("casme2", root, classes=5)] == [
        "disgust", "happiness", "repression", "surprise", "others", "happiness", "repression",
    ]  # fmt: skip
    assert examine("casme2", root, classes=5).summary["others"] == 1
    for dataset, classes in (("smic", 5), ("casme2", 4)):
        with pytest.raises(UsageError, match=f"{dataset} in {classes} classes"):
            load_clips(dataset, root, classes=classes)
