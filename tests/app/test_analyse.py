"""`selfme analyse`: its folder, and how it refuses what is no recording. Its page is looked at in `test_analysis_page`."""

import csv
import json
import os
import re

import cv2
import numpy as np
import pytest
from test_kills import contents, killed_at_every_seam

import known_analysis as known
from data.videos import write_video
from selfme_lib.app import analysis_folder, cli
from selfme_lib.app.analysis_folder import analyse_into
from selfme_lib.app.face_film import FaceFilm
from selfme_lib.data.recording import Frame, Recording
from selfme_lib.runtime.device import one_thread
from selfme_lib.runtime.errors import UsageError
from selfme_lib.spotting import signal
from selfme_lib.spotting.analysis import content_of, open_recording

KEYS = {"onset", "apex", "offset", "onset_s", "apex_s", "offset_s", "kind", "score", "units", "probabilities", "label"}


@pytest.fixture(scope="module")
def pictures():
    return known.faces()


@pytest.fixture
def frames(pictures, tmp_path):
    return known.write_frames(tmp_path / "frames", pictures)


@pytest.fixture
def counted(monkeypatch):
    """How many motions over a lag were measured, by any analysis of the test."""
    measured = []

    def motion(onset, apex, gamma):
        measured.extend([gamma] * len(onset))
        return known.upwards(onset, apex, gamma)

    monkeypatch.setattr(analysis_folder, "shipped_tools", lambda: known.tools(motion))
    return lambda: measured.count(1.0)


def test_the_folder_tells_what_was_found(frames, tmp_path):
    analyse_into(tmp_path / "out", frames, fps=10.0, tools=known.tools(), progress=False)
    events = json.loads((tmp_path / "out/events.json").read_text())
    assert [set(event) for event in events] == [KEYS] * 3
    found = [(event["onset"], event["apex"], event["offset"], event["kind"], event["score"]) for event in events]
    assert found == [(one.onset, one.apex, one.offset, one.kind, one.score) for one in known.EVENTS]
    micro, blink, macro = events
    assert (micro["onset_s"], micro["apex_s"], micro["offset_s"]) == (0.2, 0.4, 0.6)
    assert set(micro["units"]) == set(known.UNITS) and set(micro["probabilities"]) == set(known.CLASSES)
    assert sum(micro["probabilities"].values()) == pytest.approx(1, abs=0.002)
    assert (micro["label"], macro["label"]) == (None, "positive") and macro["units"]["L12"] > micro["units"]["L12"] > 0
    assert (blink["units"], blink["probabilities"], blink["label"]) == ({}, {}, None)
    with (tmp_path / "out/events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(row["onset"]), row["kind"], row["label"]) for row in rows] == [
        (2, "micro", ""),
        (8, "blink", ""),
        (12, "macro", "positive"),
    ]
    assert float(rows[2]["unit_L12"]) == macro["units"]["L12"] and rows[1]["unit_L12"] == ""
    assert float(rows[0]["p_positive"]) == micro["probabilities"]["positive"]


def test_the_same_recording_goes_on_and_a_changed_one_begins_anew(frames, tmp_path, counted):
    out = tmp_path / "out"
    analyse_into(out, frames, fps=10.0, progress=False)
    before, once = contents(out), counted()
    analyse_into(out, frames, fps=10.0, progress=False)
    assert contents(out) == before and counted() - once < known.FRAMES  # only the expressions' own pairs
    (frames / "003.png").write_bytes((frames / "004.png").read_bytes())
    once = counted()
    analyse_into(out, frames, fps=10.0, progress=False)
    assert counted() - once >= known.FRAMES
    assert (out / "events.json").read_bytes() != before["events.json"]
    assert analysis_folder.read_record(out / "analysis.json")["content"] == content_of(open_recording(frames, fps=10.0))


def test_a_folder_with_something_else_is_left_alone(frames, pictures, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("my page")
    with pytest.raises(UsageError, match=r"mine: holds something else \(index.html\)"):
        analyse_into(tmp_path / "mine", frames, fps=10.0, tools=known.tools())
    assert contents(tmp_path / "mine") == {"index.html": b"my page"}
    analyse_into(tmp_path / "out", frames, fps=10.0, tools=known.tools(), progress=False)
    before = contents(tmp_path / "out")
    other = known.write_frames(tmp_path / "other", pictures[:9])
    with pytest.raises(UsageError, match="holds the analysis of frames"):
        analyse_into(tmp_path / "out", other, fps=10.0, tools=known.tools())
    assert contents(tmp_path / "out") == before
    frames.rename(tmp_path / "elsewhere")
    analyse_into(tmp_path / "out", tmp_path / "elsewhere", fps=10.0, tools=known.tools(), progress=False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_analysis_ends_with_the_same_files(frames, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    monkeypatch.setattr(signal, "PART", 8)
    monkeypatch.setattr(signal, "BATCH", 4)
    threads = cv2.getNumThreads()

    def analyse(place):
        analyse_into(tmp_path / place, frames, fps=10.0, tools=known.tools(), progress=False)

    try:
        cv2.setNumThreads(1)  # a forked process has none of its parent's others
        with one_thread():
            analyse("whole")
            seams = killed_at_every_seam(lambda: analyse("killed"))
    finally:
        cv2.setNumThreads(threads)
    assert seams >= 5  # what a run has kept, the next one does not write again
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    assert set(contents(tmp_path / "whole")) >= {"index.html", "events.csv", "events.json", "analysis.json"}


def test_what_is_no_recording_ends_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(analysis_folder, "shipped_tools", known.tools)
    (tmp_path / "text.mp4").write_text("not a film\n" * 50)
    (tmp_path / "empty").mkdir()
    flat = [np.full((96, 96, 3), 90, np.uint8)] * 3
    write_video(tmp_path / "flat.mp4", flat)
    whole = write_video(tmp_path / "whole.avi", 12, size=(96, 96)).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) // 2])
    known.write_frames(tmp_path / "frames", flat)
    for video, options, code, words in (
        ("text.mp4", (), 1, "text.mp4"),
        ("empty", (), 1, "no images"),
        ("flat.mp4", (), 1, "no face"),
        ("cut.avi", (), 1, "cut.avi"),
        ("gone.mp4", (), 1, "gone.mp4"),
        ("frames", (), 2, "--fps"),
        ("frames", ("--fps", "0"), 2, "fps 0"),
        ("flat.mp4", ("--camera", "0"), 2, "one of them"),
        ("flat.mp4", ("--seconds", "3"), 2, "of a camera"),
    ):
        out = tmp_path / "out"
        assert cli.run(["analyse", str(tmp_path / video), "--out", str(out), *options]) == code, video
        said = capsys.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1 and words in said.err, said.err
        assert not out.exists()
    assert cli.run(["analyse", "--out", str(tmp_path / "out")]) == 2


def test_the_command_says_where_the_page_is_and_nothing_else(frames, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(analysis_folder, "shipped_tools", known.tools)
    assert cli.run(["analyse", str(frames), "--fps", "10", "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    found = "1 micro-expression, 1 macro-expression, 1 blink, 0 other movements"
    assert said.out == "" and said.err.count("\n") == 1
    assert re.fullmatch(rf"{re.escape(str(tmp_path / 'out/index.html'))}: {found}, in [\d.]+ s\n", said.err)


def test_a_cameras_frames_are_stored_as_they_are(pictures, tmp_path, monkeypatch):
    """A camera that gives 10 frames a second and drops one; what it showed is gone when it is asked again."""
    shown = [Frame(index, t / 10, pictures[t]) for index, t in enumerate(t for t in range(known.FRAMES) if t != 7)]
    live = Recording("camera 3", 10.0, None, known.SIDE, known.SIDE, lambda: iter(shown))
    asked = []

    def open_either(place, **options):
        return asked.append(place) or live if place == 3 else open_recording(place, **options)

    monkeypatch.setattr(analysis_folder, "open_recording", open_either)

    def end(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(analysis_folder, "analyse_recording", end)
        analyse_into(tmp_path / "out", 3, seconds=2.0, tools=known.tools())
    stored = [frame.pixels for frame in open_recording(tmp_path / "out/recording.mkv")]
    expected = [pictures[t] if t != 7 else pictures[8] for t in range(known.FRAMES)]
    assert len(stored) == known.FRAMES and all((a == b).all() for a, b in zip(stored, expected))
    recorded = (tmp_path / "out/recording.mkv").read_bytes()
    monkeypatch.setattr("selfme_lib.data.face_stream._is_marked", lambda path: True)
    analyse_into(tmp_path / "out", 3, seconds=2.0, tools=known.tools(), progress=False)
    assert asked == [3] and (tmp_path / "out/recording.mkv").read_bytes() == recorded
    with pytest.raises(UsageError, match="holds an analysis"):
        analyse_into(tmp_path / "out", 3, seconds=2.0, tools=known.tools())


def film_of(tmp_path, faces, *, fps, seconds):
    film = FaceFilm(tmp_path / "film.mkv", fps, seconds)
    for face in faces:
        film.add(face)
    content = film.content()
    (tmp_path / "film.webm").write_bytes(content)
    return film.rate, content, [frame for frame in open_recording(tmp_path / "film.webm")]


def still(index, time, grey):
    return known.face_frame(index, time, np.full((64, 64, 3), grey, np.uint8))


def test_a_film_has_the_recordings_times_at_a_steady_rate(tmp_path, capfd):
    times = [0.0, 0.1, 0.15, 0.5, 0.9]
    rate, content, shown = film_of(tmp_path, [still(n, t, 40 * n) for n, t in enumerate(times)], fps=10.0, seconds=1.0)
    assert rate == 10 and [round(frame.pixels.mean() / 40) for frame in shown] == [0, 1, 2, 2, 2, 3, 3, 3, 3, 4]
    assert content.startswith(b"\x1aE\xdf\xa3") and b"webm" in content[:64] and capfd.readouterr().err == ""
    assert film_of(tmp_path, [still(n, t, 40 * n) for n, t in enumerate(times)], fps=10.0, seconds=1.0)[1] == content
    assert FaceFilm(tmp_path / "film.mkv", 30.0, None).content() == b""


def test_a_long_film_is_small_and_a_very_long_one_has_fewer_frames(tmp_path):
    generator = np.random.default_rng(0)
    faces = [
        known.face_frame(n, n / 25, (100 + generator.normal(0, 3, (64, 64, 3))).astype(np.uint8)) for n in range(25)
    ]
    sizes = [len(film_of(tmp_path, faces, fps=25.0, seconds=seconds)[1]) for seconds in (30.0, 500.0)]
    assert sizes[1] < 0.5 * sizes[0]
    assert FaceFilm(tmp_path / "film.mkv", 30.0, 3600.0).rate == pytest.approx(25 / 6)
