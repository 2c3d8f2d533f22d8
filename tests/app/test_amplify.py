"""`selfme amplify` from the user's side."""

import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from test_cli import call

from data.videos import write_video
from portraits import FAR, portrait
from selfme_lib.data import video_writer
from selfme_lib.data.recording import open_recording


@pytest.fixture(scope="module")
def frames():
    """A face that nods a little, 7 frames of 96 x 128 pixels."""
    face = portrait(0, 128, zoom=FAR)[:, 16:112]
    return [np.roll(face, shift, axis=0) for shift in (0, 0, 1, 1, 0, 1, 0)]


@pytest.fixture
def video(tmp_path, frames):
    return write_video(tmp_path / "me.mp4", frames)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ([], (96, 128)),
        (["--side-by-side", "--reference", "mean"], (192, 128)),
        (["--wipe", "--reference", 3, "--band", 1, 5], (96, 128)),
        (["--face-only", "--form", "lucas-kanade"], (128, 128)),
    ],
)
def test_a_video_is_amplified(capfd, tmp_path, video, options, size):
    code, out, err = call(capfd, "amplify", video, "--gamma", 4, "--out", tmp_path / "large.mp4", *options)
    assert (code, out) == (0, "") and "7 frames, motion x 4" in err
    recording = open_recording(tmp_path / "large.mp4")
    shown = list(recording)
    assert len(shown) == 7 and (recording.width, recording.height) == size
    assert shown[-1].time == pytest.approx(6 / 25, abs=0.01)


def test_gamma_1_gives_the_same_video(capfd, tmp_path, video):
    code, _, err = call(capfd, "amplify", video, "--gamma", 1, "--out", tmp_path / "same.mp4")
    assert code == 0, err
    for before, after in zip(open_recording(video), open_recording(tmp_path / "same.mp4")):
        assert np.abs(before.pixels.astype(float) - after.pixels).mean() < 4  # grey levels: two lossy encodings


def test_a_folder_of_frames_is_a_recording_too(capfd, tmp_path, frames):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"img{number + 8}.png"), frame[..., ::-1])
    code, _, err = call(capfd, "amplify", folder, "--fps", 50, "--out", tmp_path / "large.mp4")
    assert code == 0, err
    assert open_recording(tmp_path / "large.mp4").fps == pytest.approx(50, rel=0.01)


def test_lost_sound_is_told(capfd, tmp_path, frames, monkeypatch):
    pytest.importorskip("av")
    path = write_video(tmp_path / "me.mp4", frames)
    monkeypatch.setattr("selfme_lib.data.recording.Recording.has_sound", True)
    monkeypatch.setattr(video_writer, "has_pyav", lambda: False)
    code, _, err = call(capfd, "amplify", path, "--out", tmp_path / "large.mp4")
    assert code == 0 and "without the sound of" in err and 'pip install "selfme[video]"' in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone.mp4"], 1, "gone.mp4: no such file"),
        (["text.mp4"], 1, "text.mp4: not an MP4"),
        (["empty"], 1, "empty: no images in it"),
        (["wall.mp4"], 1, "no face in any of 3 frames"),
        ([], 2, "give either a video or --camera"),
        (["wall.mp4", "--camera", 0], 2, "give either a video or --camera"),
        (["wall.mp4", "--wipe", "--side-by-side"], 2, "either --side-by-side or --wipe"),
        (["wall.mp4", "--reference", "last"], 2, "--reference last: expected first, mean or"),
        (["wall.mp4", "--band", 5, 2], 2, "band 5 2: expected two frequencies"),
        (["wall.mp4", "--seconds", 3], 2, "--seconds: is of a --camera"),
        (["wall.mp4", "--gamma", -1], 2, "--gamma"),
        (["wall.mp4", "--size", 64], 2, "--size"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(capfd, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("this is a text and no video at all")
    (tmp_path / "empty").mkdir()
    write_video(tmp_path / "wall.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 3)
    before = sorted(tmp_path.rglob("*"))
    found, out, err = call(capfd, "amplify", *arguments, "--out", "large.mp4")
    assert (found, out) == (code, "") and words in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_output_has_to_be_an_mp4_and_another_file(capfd, video):
    assert call(capfd, "amplify", video, "--out", "large.avi")[0] == 2
    code, _, err = call(capfd, "amplify", video, "--out", video)
    assert code == 2 and "would overwrite" in err


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_run_leaves_no_video_by_that_name(tmp_path, frames):
    path = write_video(tmp_path / "me.mp4", frames * 100)
    command = [sys.executable, "-m", "selfme_lib.app.cli", "amplify", str(path), "--out", str(tmp_path / "large.mp4")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as run:
        while not list(tmp_path.glob(".large-*.mp4")) and run.poll() is None:
            time.sleep(0.05)
        run.send_signal(signal.SIGKILL)
    assert not (tmp_path / "large.mp4").exists()
