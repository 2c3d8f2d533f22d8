import numpy as np
import pytest

import known_analysis as known
from data.videos import write_video
from selfme_lib.widgets import explore_own_video
from selfme_lib.widgets.own_video import ASK, PASSES, WIDTH


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return known.write_frames(tmp_path_factory.mktemp("own") / "frames", known.faces())


def upload(explorer, path, name):
    """As the browser sends a file: in parts, then its name."""
    content = path.read_bytes()
    for at in range(0, max(len(content), 1), 50_000):
        explorer._receive(explorer, {"to": "0.0", "first": at == 0}, [memoryview(content[at : at + 50_000])])
    explorer._receive(explorer, {"to": "0.0", "value": name}, [])


def test_it_asks_for_a_file_and_then_shows_its_expressions(frames):
    explorer = explore_own_video(fps=10.0, tools=known.tools())
    assert explorer.note.value.startswith(ASK[:20]) and explorer.analysis is None
    empty = explorer.picture.value
    explorer.path.value = str(frames)
    assert [text for text, _ in explorer.event.options] == ["1 · micro, 0.20 s", "2 · macro, 1.20 s"]
    micro = explorer.picture.value
    lines = explorer.note.value.splitlines()
    assert "1 micro-expression, 1 macro-expression, 1 blink" in lines[0] and "400 ms" in lines[1]
    assert "AU 12 left, lip corner puller" in lines[2] and lines[3].startswith("cannot tell")
    explorer.event.value = 1
    assert len({empty, micro, explorer.picture.value}) == 3
    assert explorer.note.value.splitlines()[3].startswith("moves like positive")
    assert explorer.static().axes


def test_a_path_may_be_given_at_once(frames):
    explorer = explore_own_video(frames, fps=10.0, tools=known.tools())
    assert explorer.analysis is not None and explorer.render()[0][1][0][1].shape[1] == WIDTH


def test_it_says_how_far_it_is_and_how_long_the_rest_will_take(frames, monkeypatch):
    monkeypatch.setattr("selfme_lib.widgets.own_video.EVERY", 0)
    explorer = explore_own_video(fps=10.0, tools=known.tools())
    told = []
    explorer.observe(lambda change: told.append((change["owner"]._note, change["new"])), names="_share")
    explorer.path.value = str(frames)
    assert told.pop()[1] is None, "it is gone when the pictures are there"
    assert {note.partition(": ")[2].partition(",")[0] for note, _ in told} == set(PASSES[1:]), "it is a face already"
    assert all("of 20, " in note and note.endswith(" left") for note, _ in told)
    shares = [share for note, share in told if PASSES[1] in note]
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] <= 1


def test_what_is_wrong_with_a_file_becomes_the_note(frames, tmp_path):
    explorer = explore_own_video(frames, fps=10.0, tools=known.tools())
    (tmp_path / "text.mp4").write_text("no film")
    upload(explorer, tmp_path / "text.mp4", "../<b>text.mp4")
    assert explorer.analysis is None and "not an MP4" in explorer.note.value and "../" not in explorer.note.value
    assert explorer.note.value.startswith("<b>text.mp4: "), "as its owner calls it"
    assert explorer.event.options == (("nothing yet", -1),)
    explorer.path.value = str(tmp_path / "gone.mp4")
    assert "gone.mp4" in explorer.note.value


def test_an_upload_is_analysed_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("selfme_lib.data.face_stream._is_marked", lambda path: True)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = write_video(tmp_path / "me.avi", [np.ascontiguousarray(face) for face in known.faces()])
    monkeypatch.setattr("selfme_lib.widgets.own_video.EVERY", 0)
    explorer = explore_own_video(tools=known.tools())
    told = []
    explorer.observe(lambda change: told.append(change["new"]), names="_note")
    upload(explorer, path, path.name)
    assert any("frame 1 of" in note for note in told)
    assert not any(str(tmp_path) in note for note in told), "where the copy lay is nobody's business"
    assert explorer.analysis is not None and explorer.analysis.frames == known.FRAMES, explorer.note.value
    assert list((tmp_path / "temporary").iterdir()) == []
