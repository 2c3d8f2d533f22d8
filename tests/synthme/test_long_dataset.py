"""Long videos on disk."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest

from selfme_lib.app import cli
from selfme_lib.data.video import read_video
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import read_arrays
from selfme_lib.runtime.settings import from_plain
from selfme_lib.synthme import long_dataset
from selfme_lib.synthme.ground_truth import save_arrays
from selfme_lib.synthme.long_dataset import long_fingerprint, long_script, write_long_dataset
from selfme_lib.synthme.long_plan import LongConfig, labels_of, plan_videos
from selfme_lib.synthme.long_script import LABELLED, Behaviour
from selfme_lib.synthme.long_truth import events_path, load_long_truth
from selfme_lib.synthme.truth import truth_path

BUSY = Behaviour(micro=60, macro=30, blink=60, empty=0)
SMALL = LongConfig(subjects=2, seconds=2, fps=15, size=32, seed=4, behaviour=BUSY, population="choice")
NAMES = ("15_0101disgustingteeth", "16_0101disgustingteeth")


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_long_dataset(tmp_path_factory.mktemp("casme2") / "made", SMALL, workers=1)


def test_two_processes_write_the_same_bytes(root, tmp_path):
    assert contents(write_long_dataset(tmp_path / "again", SMALL, workers=2)) == contents(root)


def test_a_killed_run_goes_on_in_the_middle_of_a_video(root, tmp_path, monkeypatch):
    monkeypatch.setattr(long_dataset, "GROUP", 10)
    rendered = []

    def film(renderer, script, frames, kill_at=None):
        for frame in frames:
            if len(rendered) == kill_at:
                raise KeyboardInterrupt
            rendered.append(frame)
            yield from film_long(renderer, script, [frame])

    film_long = long_dataset.film_long
    monkeypatch.setattr(long_dataset, "film_long", lambda *arguments: film(*arguments, kill_at=25))
    with pytest.raises(KeyboardInterrupt):
        write_long_dataset(tmp_path / "made", SMALL, workers=1)
    assert rendered == list(range(25)) and not (tmp_path / "made/rawpic").exists()
    rendered.clear()
    monkeypatch.setattr(long_dataset, "film_long", film)
    write_long_dataset(tmp_path / "made", SMALL, workers=1)
    assert rendered == [*range(20, 30), *range(30)]
    assert contents(tmp_path / "made") == contents(root)


@pytest.mark.parametrize("kind", ["frame", "truth", "events", "record", "sheet"])
def test_what_is_damaged_is_made_again(root, tmp_path, kind):
    damaged = tmp_path / "damaged"
    shutil.copytree(root, damaged)
    truth = truth_path(damaged, "15", NAMES[0])
    path = {
        "frame": damaged / f"rawpic/s15/{NAMES[0]}/img007.jpg",
        "truth": truth,
        "events": events_path(truth),
        "record": truth.with_suffix(".json"),
        "sheet": damaged / "CAS(ME)^2code_synthme.xlsx",
    }[kind]
    path.unlink()
    untouched = damaged / f"rawpic/s16/{NAMES[1]}/img001.jpg"
    before = untouched.stat().st_mtime_ns
    write_long_dataset(damaged, SMALL, workers=1)
    assert contents(damaged) == contents(root)
    assert untouched.stat().st_mtime_ns == before


def test_another_configuration_is_refused(root):
    with pytest.raises(DataError, match="another data set"):
        write_long_dataset(root, replace(SMALL, seed=5), workers=1)


def test_files_and_labels_lie_as_in_casme_square(root):
    workbook = openpyxl.load_workbook(root / "CAS(ME)^2code_synthme.xlsx")
    assert workbook.sheetnames == ["CASFEcode_final", "naming rule1", "naming rule2"]
    assert list(workbook["naming rule1"].values) == [(15, "s15", 1), (16, "s16", 2)]
    assert ("0101", "disgust1") in list(workbook["naming rule2"].values)
    rows = list(workbook["CASFEcode_final"].values)
    assert rows and {len(row) for row in rows} == {9}
    for subject, name, onset, apex, offset, *_, emotion, kind, self_report in rows:
        assert subject in (1, 2) and name.startswith("disgust1_")
        assert 1 <= onset < apex < (offset or 31) <= 31  # an offset that nobody named is 0
        assert kind in ("micro-expression", "macro-expression")
        assert emotion in ("negative", "positive", "surprise", "others") and isinstance(self_report, str)
    for number, name in zip((15, 16), NAMES):
        frames = sorted((root / f"rawpic/s{number}/{name}").iterdir())
        assert [path.name for path in frames] == [f"img{n:03d}.jpg" for n in range(1, 31)]
        assert cv2.imread(str(frames[0])).shape == (32, 32, 3)


def test_files_and_labels_lie_as_in_samm_long_videos(tmp_path):
    config = replace(SMALL, subjects=1, videos=2, layout="samm-long", codec="h264")
    root = write_long_dataset(tmp_path / "made", config, workers=1)
    table = pd.read_excel(root / "SAMM_LongVideos_synthme.xlsx", header=9, dtype={"Subject": str})
    assert list(table.columns[:8]) == [
        "Subject", "Filename", "Inducement Code", "Onset", "Apex", "Offset", "Duration", "Type",
    ]  # fmt: skip
    assert set(table["Subject"]) == {"001"} and set(table["Type"]) <= {"Micro - 1/2", "Macro"}
    for video in (1, 2):
        frames = sorted((root / f"SAMM_longvideos/001_{video}").iterdir())
        assert [path.name for path in frames] == [f"001_{video}_{n:04d}.jpg" for n in range(1, 31)]
        assert cv2.imread(str(frames[0]), cv2.IMREAD_UNCHANGED).shape == (32, 32)
    emotions = pd.read_excel(root / "SAMM_Micro_FACS_Codes_synthme.xlsx", header=13, dtype={"Subject": str})
    micro = table[table["Type"] != "Macro"]
    assert list(emotions["Filename"]) == list(micro["Filename"])
    assert (emotions["Onset Frame"].to_numpy() > micro["Onset"].to_numpy()).all()  # of a longer recording


def test_with_h264_casme_square_is_video_files(root, tmp_path):
    config = replace(SMALL, subjects=1, codec="h264")
    made = write_long_dataset(tmp_path / "made", config, workers=1)
    (path,) = made.rglob("*.avi")
    assert path == made / f"rawvideo/s15/{NAMES[0]}.avi" and not (made / "rawpic").exists()
    frames = list(read_video(path))
    assert len(frames) == 30
    for number in (1, 30):
        still = cv2.imread(str(root / f"rawpic/s15/{NAMES[0]}/img{number:03d}.jpg"))[..., ::-1].astype(float)
        assert (
            np.abs(still - frames[number - 1]).mean() < 9
        )  # grey levels: the noise of both, and what H.264 and JPEG leave out
    assert contents(write_long_dataset(tmp_path / "again", config, workers=1)) == contents(made)


def test_the_truth_belongs_to_the_video(root):
    for video in plan_videos(SMALL):
        script = long_script(SMALL, video)
        truth = load_long_truth(root, video.files.subject, video.files.name)
        assert truth.fps == 15
        assert [(event.kind, event.onset, event.apex, event.offset) for event in truth.events] == [
            (event.kind, event.onset + 1, event.apex + 1, event.offset + 1) for event in script.events
        ]
        np.testing.assert_allclose(truth.au_intensity.numpy(), script.intensity.reshape(30, -1), atol=1e-6)
        np.testing.assert_allclose(truth.pose.numpy(), np.array(script.poses), atol=1e-5)
        np.testing.assert_allclose(truth.gaze.numpy(), script.gaze, atol=1e-6)
        for event in truth.events:
            assert (event.motion is not None) == (event.coded is not None) == (event.kind in LABELLED)
            if event.motion is not None:
                assert event.motion.flow_backward.shape == (2, 32, 32)
                assert 0 < event.motion.flow_backward.abs().max() < 16
                assert not event.motion.flow_backward[:, ~event.motion.surface].any()
        blinks = truth.intervals("blink")
        assert blinks and all(1 <= first < last <= 30 for first, last in blinks)


@pytest.mark.parametrize(("broken", "problem"), [(np.nan, "not finite"), (None, "shape")])
def test_a_damaged_motion_in_the_truth_is_named(root, tmp_path, broken, problem):
    video = next(video for video in plan_videos(SMALL) if any(event.kind in LABELLED for event in video.events))
    number = next(number for number, event in enumerate(video.events) if event.kind in LABELLED)
    whole = truth_path(root, video.files.subject, video.files.name)
    copy = truth_path(tmp_path, video.files.subject, video.files.name)
    arrays, name = read_arrays(whole), f"event{number}_au_flow_backward"
    arrays[name] = arrays[name][:, :-1] if broken is None else np.full_like(arrays[name], broken)
    save_arrays(copy, arrays)
    events_path(copy).write_bytes(events_path(whole).read_bytes())
    with pytest.raises(DataError, match=f"{name}.*{problem}"):
        load_long_truth(tmp_path, video.files.subject, video.files.name)


def test_labels_are_the_codes_of_the_truth(root):
    for video in plan_videos(SMALL):
        truth = load_long_truth(root, video.files.subject, video.files.name)
        expressions = [event for event in truth.events if event.coded]
        labels = labels_of(SMALL, video)
        assert len(labels) == len(expressions)
        for label, event in zip(labels, expressions):
            assert (label.kind, label.action_units, label.emotion) == (event.kind, event.action_units, event.emotion)
            assert (label.onset, label.apex, label.offset or event.coded[2]) == event.coded


def test_coders_leave_moments_out_as_often_as_in_the_original():
    config = LongConfig(subjects=100, videos=3, behaviour=Behaviour(empty=0))
    labels = [label for video in plan_videos(config) for label in labels_of(config, video)]
    assert np.mean([label.offset is None for label in labels]) == pytest.approx(44 / 357, abs=0.04)
    samm = replace(config, layout="samm-long")
    labels = [label for video in plan_videos(samm) for label in labels_of(samm, video)]
    assert any(label.apex is None for label in labels) and not any(label.offset is None for label in labels)


def test_missing_and_damaged_truth_is_one_clear_line(root, tmp_path):
    with pytest.raises(DataError, match="no such truth"):
        load_long_truth(root, "07", "nothing")
    path = truth_path(tmp_path, "15", NAMES[0])
    shutil.copytree(root / "truth", tmp_path / "truth")
    events_path(path).write_text('{"fps": 15, "events": [{"kind": "micro"}]}')
    with pytest.raises(DataError, match="unreadable truth"):
        load_long_truth(tmp_path, "15", NAMES[0])


@pytest.mark.parametrize(
    "wrong", [{"videos": 10}, {"seconds": 0}, {"fps": 5}, {"layout": "casme2"}, {"codec": "xvid"}, {"yaw": 60.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        from_plain(LongConfig, wrong)


def test_fingerprints_and_versions():
    configs = [SMALL, LongConfig(), LongConfig(fps=100), LongConfig(seconds=31.0), LongConfig(world="other")]
    assert len({long_fingerprint(config) for config in configs}) == len(configs)
    assert [config.version for config in configs] == [None, *["synthme-2"] * 4]
    assert (LongConfig().rate, LongConfig(layout="samm-long").rate) == (30, 200)


@pytest.mark.parametrize(
    ("layout", "frames"), [("casme2-long", "rawpic/s15/*/img*.jpg"), ("samm-long", "SAMM_longvideos/001_1/*.jpg")]
)
def test_the_command_line(tmp_path, monkeypatch, capfd, layout, frames):
    made = {}
    monkeypatch.setattr("selfme_lib.synthme.long_dataset.write_long_dataset", made.__setitem__)
    out = str(tmp_path / "made")
    options = ["--layout", layout, "--subjects", "2", "--clips", "3", "--seconds", "45", "--world", "other"]
    assert cli.run(["synth", out, *options, "--size", "64", "--seed", "7", "--yaw", "10"]) == 0
    (config,) = made.values()
    assert config == LongConfig(
        subjects=2, videos=3, seconds=45.0, size=64, seed=7, layout=layout, world="other", yaw=10.0
    )
    assert "2 subjects, 3 videos each" in capfd.readouterr().err


def test_the_command_line_makes_a_whole_data_set(tmp_path, capfd):
    out = tmp_path / "made"
    options = ["--layout", "casme2-long", "--subjects", "1", "--seconds", "1", "--size", "32"]
    assert cli.run(["synth", str(out), *options]) == 0
    assert "1 subject, 1 video each" in capfd.readouterr().err
    described = json.loads((out / "synthme.json").read_text())
    assert described["version"] == "synthme-2" and described["fps"] == 30 and described["layout"] == "casme2-long"
    assert len(list(out.glob("rawpic/s15/*/img*.jpg"))) == 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--layout", "samm-long", "--clips", "10"], "videos"),
        (["--layout", "samm", "--seconds", "30"], "--seconds"),
        (["--layout", "samm", "--fps", "100"], "--fps"),
        (["--layout", "samm-long", "--seconds", "nan"], "seconds"),
    ],
)
def test_a_wrong_call_is_one_line(tmp_path, capfd, options, words):
    assert cli.run(["synth", str(tmp_path / "made"), *options]) == 2
    error = capfd.readouterr().err
    assert words in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "made").exists()
