"""From a recording to events, with tools that need no learned weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import known_analysis as known
from selfme_lib.data.recording import Frame, Recording
from selfme_lib.runtime.errors import UsageError
from selfme_lib.spotting import analysis
from selfme_lib.spotting.analysis import COURSE, analyse_file, analyse_recording, steady


@pytest.mark.parametrize(
    ("times", "shown"),
    [
        ((), []),
        ((0.0, 0.1, 0.2, 0.3), [0, 1, 2, 3]),
        ((0.0, 0.1, 0.4), [0, 1, 1, 1, 2]),  # two frames were dropped
        ((0.0, 0.04, 0.1, 0.2), [1, 2, 3]),  # one too many
        ((0.0, 0.104, 0.197, 0.303), [0, 1, 2, 3]),  # jitter
    ],
)
def test_a_steady_grid_shows_the_latest_frame(times, shown):
    none = np.zeros((1, 1, 3), np.uint8)
    faces = [known.face_frame(n, time, none) for n, time in enumerate(times)]
    found = list(steady(faces, 10.0))
    assert [face.index for _, face in found] == shown
    assert [place for place, _ in found] == list(range(len(shown)))


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return known.write_frames(tmp_path_factory.mktemp("recording") / "frames", known.faces())


def test_events_are_described_by_their_own_frames(frames, monkeypatch):
    monkeypatch.setattr(analysis, "shipped_tools", known.tools)
    found = analyse_file(frames, fps=10.0, progress=False)
    assert (found.frames, found.fps, found.seconds, found.doubt) == (known.FRAMES, 10.0, 1.9, "")
    assert [event.interval for event in found.events] == list(known.EVENTS)
    micro, macro = found.expressions
    assert micro.onset_face is not None and (micro.onset_face != micro.apex_face).any()
    assert [moment for moment, _ in micro.course] == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6])
    assert len(macro.course) == 6 <= COURSE
    strongest = max(micro.course, key=lambda one: one[1]["L12"])
    assert strongest == (micro.apex_s, micro.units) and micro.course[0][1]["L12"] == pytest.approx(0, abs=0.01)
    assert micro.motion is not None and micro.motion.shape == (2, known.SIDE, known.SIDE)
    still, moved = (
        np.abs(face.astype(int) - micro.onset_face)[85:115, 40:88].mean()
        for face in (micro.apex_face, micro.amplified_face)
    )
    assert moved > still > 0
    assert found.events[1].motion is None and found.events[1].plain["units"] == {}


def recorded(pictures):
    shown = [Frame(n, n / 10, picture) for n, picture in enumerate(pictures)]
    return Recording("memory", 10.0, len(shown), known.SIDE, known.SIDE, lambda: iter(shown), Path("memory.mp4"))


def test_an_interval_in_which_the_face_was_lost_is_left_out(monkeypatch):
    pictures = known.faces()
    pictures[15] = np.random.default_rng(0).integers(0, 255, pictures[0].shape).astype(np.uint8)
    monkeypatch.setattr("selfme_lib.data.face_stream._is_marked", lambda path: True)
    monkeypatch.setattr(analysis, "content_of", lambda recording: "memory")
    found = analyse_recording(recorded(pictures), known.tools(), progress=False)
    assert [event.interval.kind for event in found.events] == ["micro", "blink"]
    assert any(note.first <= 15 <= note.last for note in found.notes)


def test_every_face_is_shown_once_and_a_camera_is_refused(frames):
    shown = []
    analyse_recording(analysis.open_recording(frames, fps=10.0), known.tools(), watch=shown.append, progress=False)
    assert [face.index for face in shown] == list(range(known.FRAMES))
    live = replace(recorded(known.faces(3)), path=None)
    with pytest.raises(UsageError, match="stored"):
        analysis.content_of(live)
