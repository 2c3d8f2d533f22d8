import functools
import json
import operator
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest
from pydantic import ValidationError

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.settings import from_plain
from selfme_lib.synthme import SynthConfig, fingerprint, write_dataset
from selfme_lib.synthme.plan import draw_labels, plan_clips
from selfme_lib.synthme.truth import load_truth

SMALL = SynthConfig(subjects=2, clips=2, size=32, seed=4)


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("casme2") / "made", SMALL, workers=1)


@pytest.fixture(scope="module")
def smic(tmp_path_factory):
    config = SynthConfig(subjects=1, clips=3, size=32, seed=4, layout="smic")
    return write_dataset(tmp_path_factory.mktemp("smic") / "made", config, workers=1)


def test_two_processes_write_the_same_bytes(root, tmp_path):
    assert contents(write_dataset(tmp_path / "again", SMALL, workers=2)) == contents(root)


def test_an_interrupted_run_is_finished(root, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(root, damaged)
    folders = sorted((damaged / "Cropped").glob("*/*"))
    next(folders[0].iterdir()).unlink()
    shutil.rmtree(folders[1])
    next((damaged / "truth" / "sub02").glob("*.npz")).unlink()
    (damaged / "CASME2-coding-synthme.xlsx").unlink()
    untouched = next(folders[3 if (damaged / "truth" / "sub02" / f"{folders[3].name}.npz").exists() else 2].iterdir())
    before = untouched.stat().st_mtime_ns
    write_dataset(damaged, SMALL, workers=1)
    assert contents(damaged) == contents(root)
    assert untouched.stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", ["a frame", "the truth", "the checksum"])
def test_damaged_clips_are_rendered_again(root, tmp_path, kind):
    damaged = tmp_path / "damaged"
    shutil.copytree(root, damaged)
    places = {"a frame": "Cropped/*/*/*.jpg", "the truth": "truth/*/*.npz", "the checksum": "truth/*/*.json"}
    path, other = list(damaged.glob(places[kind]))[:2]
    path.write_bytes(other.read_bytes())  # whole, but another's
    write_dataset(damaged, SMALL, workers=1)
    assert contents(damaged) == contents(root)


@pytest.mark.parametrize("text", ["[]", "5", '"text"', "null", "[[1, 2]]"])
def test_a_description_of_another_shape_is_named(tmp_path, text):
    (tmp_path / "synthme.json").write_text(text)
    with pytest.raises(DataError, match=r"synthme\.json: damaged .*choose another folder"):
        write_dataset(tmp_path, SMALL, workers=1)


def test_another_configuration_is_refused(root):
    with pytest.raises(DataError, match="another data set"):
        write_dataset(root, SynthConfig(subjects=2, clips=2, size=32, seed=5), workers=1)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="not a SynthME folder"):
        write_dataset(tmp_path, SMALL, workers=1)


def test_files_lie_as_in_casme2(root):
    sheet = pd.read_excel(root / "CASME2-coding-synthme.xlsx", dtype={"Subject": str})
    assert [str(column) for column in sheet.columns] == [
        "Subject", "Filename", "Unnamed: 2", "OnsetFrame", "ApexFrame", "OffsetFrame", "Unnamed: 6", "Action Units",
        "Estimated Emotion",
    ]  # fmt: skip
    assert list(sheet["Subject"]) == ["01", "01", "02", "02"]
    assert set(sheet["Estimated Emotion"]) <= {"happiness", "surprise", "disgust", "repression"}
    for row in sheet.itertuples():
        folder = root / "Cropped" / f"sub{row.Subject}" / row.Filename
        numbers = sorted(int(path.stem.removeprefix("reg_img")) for path in folder.iterdir())
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] <= row.OnsetFrame < row.ApexFrame < row.OffsetFrame <= numbers[-1]
        picture = cv2.imread(str(folder / f"reg_img{row.ApexFrame}.jpg"))
        assert picture.shape == (32, 32, 3)
        assert picture.std() > 10


def test_files_lie_as_in_smic(smic):
    clips = sorted((smic / "HS" / "s1" / "micro").glob("*/*"))
    assert len(clips) == 3
    for clip in clips:
        kind = clip.parent.name
        assert kind in ("negative", "positive", "surprise")
        assert clip.name.startswith(f"s1_{kind[:2]}_0")
        frames = sorted(clip.iterdir())
        assert all(len(frame.name) == len("reg_image000001.bmp") for frame in frames)
        assert cv2.imread(str(frames[0])).shape == (32, 32, 3)
        truth = load_truth(smic, "1", clip.name)
        assert truth.onset == int(frames[0].stem.removeprefix("reg_image"))
        assert truth.offset == int(frames[-1].stem.removeprefix("reg_image"))
    assert not list(smic.glob("*.xlsx"))


def test_files_lie_as_in_samm(tmp_path):
    """Grey, padded to five digits, the header of the sheet in row 14, formulas for the durations."""
    config = SynthConfig(subjects=1, clips=5, size=32, seed=4, layout="samm")
    root = write_dataset(tmp_path / "samm", config, workers=1)
    (sheet,) = root.glob("SAMM*.xlsx")
    table = pd.read_excel(sheet, header=13, dtype={"Subject": str})
    assert list(table["Filename"]) == ["001_1_1", "001_1_2", "001_1_3", "001_1_4", "001_2_1"]
    assert set(table["Estimated Emotion"]) <= {"Happiness", "Surprise", "Disgust", "Contempt"}
    assert openpyxl.load_workbook(sheet).active["G15"].value == "=F15-D15+1"
    for row in table.itertuples():
        folder = root / row.Subject / row.Filename
        picture = cv2.imread(str(folder / f"001_{row[5]:05d}.jpg"), cv2.IMREAD_UNCHANGED)
        assert picture.shape == (32, 32) and picture.std() > 5
        assert load_truth(root, row.Subject, row.Filename).apex == row[5]
    assert contents(write_dataset(tmp_path / "again", config, workers=1)) == contents(root)


def test_the_truth_belongs_to_the_clip(root):
    sheet = pd.read_excel(root / "CASME2-coding-synthme.xlsx", dtype={"Subject": str})
    for row in sheet.itertuples():
        truth = load_truth(root, row.Subject, row.Filename)
        assert (truth.onset, truth.apex, truth.offset) == (row.OnsetFrame, row.ApexFrame, row.OffsetFrame)
        frames = len(list((root / "Cropped" / f"sub{row.Subject}" / row.Filename).iterdir()))
        assert truth.au_intensity.shape == (frames, len(truth.au_names))
        assert truth.pose.shape == (frames, 5)
        for flow in (truth.flow_backward, truth.au_flow_forward + truth.head_flow_forward):
            assert flow.shape == (2, 32, 32)
            assert 0 < flow.abs().max() < 3
        assert (truth.flow_backward == truth.au_flow_backward + truth.head_flow_backward).all()
        assert not truth.flow_backward[:, ~truth.surface].any()
        assert (truth.visible <= truth.surface).all()
        shown = truth.au_intensity[truth.apex - truth.first_frame]
        named = str(row._8)
        units = {int(unit.lstrip("LR")) for unit in named.split("+")}
        seen = {int(name[1:]) for name, value in zip(truth.au_names, shown) if value > 0}
        assert units <= seen


def test_the_description_says_what_the_labels_are(root):
    description = json.loads((root / "synthme.json").read_text())
    assert description["version"] == "synthme-1"
    assert description["fingerprint"] == fingerprint(SMALL)
    assert description["fps"] == 50
    assert "recipes" in description["labels"]


def test_missing_and_damaged_truth_is_one_clear_line(root, tmp_path):
    with pytest.raises(DataError, match="no such truth"):
        load_truth(root, "07", "EP01_01f")
    broken = tmp_path / "truth" / "sub01" / "EP01_01f.npz"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(DataError, match="unreadable truth"):
        load_truth(tmp_path, "01", "EP01_01f")


def test_fingerprints_follow_every_setting():
    configs = [SMALL, SynthConfig(), SynthConfig(seed=1), SynthConfig(size=128), SynthConfig(first_identity=100)]
    assert len({fingerprint(config) for config in configs}) == len(configs)
    assert fingerprint(SMALL) == fingerprint(SynthConfig(subjects=2, clips=2, size=32, seed=4))


@pytest.mark.parametrize("wrong", [{"layout": "mmew"}, {"size": 8}, {"subjects": 0}, {"seed": -1}, {"yaw": 60.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        from_plain(SynthConfig, wrong)
    with pytest.raises(ValidationError):
        SynthConfig(**wrong)


@pytest.mark.parametrize(("subjects", "clips"), [(12, 12), (24, 6), (3, 4)])
def test_classes_are_as_imbalanced_as_in_casme2(subjects, clips):
    labels = draw_labels(SynthConfig(subjects=subjects, clips=clips))
    assert [len(row) for row in labels] == [clips] * subjects
    kinds = Counter({"disgust": "neg", "repression": "neg"}.get(e, e) for row in labels for e in row)
    total = subjects * clips
    assert kinds["neg"] == pytest.approx(total * 88 / 145, abs=1)
    assert kinds["happiness"] == pytest.approx(total * 32 / 145, abs=1)
    assert kinds["surprise"] == pytest.approx(total * 25 / 145, abs=1)


def test_some_subjects_lack_a_class():
    rows = [
        {"disgust": 0, "repression": 0, "happiness": 1, "surprise": 2}[e]
        for e in functools.reduce(operator.iadd, draw_labels(SynthConfig()), [])
    ]
    held = [len(set(rows[i : i + 12])) for i in range(0, 144, 12)]
    assert min(held) < 3
    assert max(held) == 3


def test_persons_are_counted_from_the_first_identity():
    early = plan_clips(SynthConfig(subjects=3, clips=1))
    late = plan_clips(SynthConfig(subjects=2, clips=1, first_identity=1))
    assert [clip.person for clip in early][1:] == [clip.person for clip in late]


def test_no_picture_is_like_another(root):
    pictures = [cv2.imread(str(next(folder.iterdir()))) for folder in sorted((root / "Cropped").glob("*/*"))]
    assert np.abs(pictures[0].astype(float) - pictures[2]).mean() > 5
