from datetime import datetime, timezone

import numpy as np
import pytest
from traitlets import Bunch

import known_analysis as known
from data.videos import write_video
from selfme_lib.widgets import explore_own_video
from selfme_lib.widgets.own_video import ASK, WIDTH


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return known.write_frames(tmp_path_factory.mktemp("own") / "frames", known.faces())


def upload(explorer, path, name):
    content = memoryview(path.read_bytes())
    now = datetime.now(timezone.utc)
    explorer.upload.value = (Bunch(name=name, type="", size=len(content), content=content, last_modified=now),)


def test_it_asks_for_a_file_and_then_shows_its_expressions(frames):
    explorer = explore_own_video(fps=10.0, tools=known.tools())
    assert explorer.note.value.startswith(ASK[:20]) and explorer.analysis is None
    empty = explorer.picture.value
    explorer.path.value = str(frames)
    assert [text for text, _ in explorer.event.options] == ["1 · micro, 0.20 s", "2 · macro, 1.20 s"]
    micro = explorer.picture.value
    lines = explorer.note.value.split("<br>")
    assert "1 micro-expression, 1 macro-expression, 1 blink" in lines[0] and "400 ms" in lines[1]
    assert "AU 12 left, lip corner puller" in lines[2] and lines[3].startswith("cannot tell")
    explorer.event.value = 1
    assert len({empty, micro, explorer.picture.value}) == 3
    assert explorer.note.value.split("<br>")[3].startswith("moves like positive")
    assert explorer.static().axes


def test_a_path_may_be_given_at_once(frames):
    explorer = explore_own_video(frames, fps=10.0, tools=known.tools())
    assert explorer.analysis is not None and explorer.render()[0].shape[1] >= WIDTH


def test_what_is_wrong_with_a_file_becomes_the_note(frames, tmp_path):
    explorer = explore_own_video(frames, fps=10.0, tools=known.tools())
    (tmp_path / "text.mp4").write_text("no film")
    upload(explorer, tmp_path / "text.mp4", "../<b>text.mp4")
    assert explorer.analysis is None and "not an MP4" in explorer.note.value and "<b>" not in explorer.note.value
    assert explorer.event.options == (("nothing yet", -1),)
    explorer.path.value = str(tmp_path / "gone.mp4")
    assert "gone.mp4" in explorer.note.value


def test_an_upload_is_analysed_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("selfme_lib.data.face_stream._is_marked", lambda path: True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = write_video(tmp_path / "me.avi", [np.ascontiguousarray(face) for face in known.faces()])
    explorer = explore_own_video(tools=known.tools())
    upload(explorer, path, path.name)
    assert explorer.analysis is not None and explorer.analysis.frames == known.FRAMES, explorer.note.value
    assert list((tmp_path / "temporary").iterdir()) == []
