import os

import numpy as np
import pytest
from test_recording import UNEVEN, encode

from selfme_lib.data import video_writer
from selfme_lib.data.recording import open_recording
from selfme_lib.data.video_writer import write_video
from selfme_lib.runtime.errors import DataError, UsageError


def greys(count=12, size=(64, 48)):
    return [np.full((size[1], size[0], 3), 20 * number, np.uint8) for number in range(count)]


def test_frames_keep_their_times(tmp_path):
    pytest.importorskip("av")
    times = [time / 1000 for time in UNEVEN]
    assert write_video(tmp_path / "a.mp4", zip(times, greys()), 25.0) == 12
    recording = open_recording(tmp_path / "a.mp4")
    np.testing.assert_allclose([frame.time for frame in recording], times, atol=1e-3)
    assert [round(float(frame.pixels.mean()) / 20) for frame in recording] == list(range(12))


def test_an_odd_size_gets_a_row_and_a_column_more(tmp_path):
    pytest.importorskip("av")
    write_video(tmp_path / "a.mp4", [(0.0, np.zeros((47, 63, 3), np.uint8))], 25.0)
    recording = open_recording(tmp_path / "a.mp4")
    assert (recording.width, recording.height) == (64, 48)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "aac"), ("a.mkv", "pcm_s16le")])
def test_sound_is_kept_whatever_its_codec(tmp_path, name, codec):
    av = pytest.importorskip("av")
    recording = open_recording(encode(tmp_path / name, "libx264", "yuv420p", sound=codec))
    write_video(tmp_path / "out.mp4", ((frame.time, frame.pixels) for frame in recording), 25.0, sound=recording)
    assert open_recording(tmp_path / "out.mp4").has_sound
    with av.open(str(tmp_path / "out.mp4")) as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
        assert file.streams.audio[0].codec_context.name == "aac"
    assert seconds == pytest.approx(0.5, abs=0.15)


def test_without_pyav_a_video_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(video_writer, "has_pyav", lambda: False)
    assert write_video(tmp_path / "a.mp4", zip(range(12), greys()), 25.0) == 12
    recording = open_recording(tmp_path / "a.mp4")
    assert recording.count == 12 and not recording.has_sound


@pytest.mark.parametrize("with_pyav", [True, False])
def test_nothing_half_written_and_nothing_empty_is_left(tmp_path, monkeypatch, with_pyav):
    monkeypatch.setattr(video_writer, "has_pyav", lambda: with_pyav and pytest.importorskip("av") is not None)

    def breaks():
        yield 0.0, greys()[3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", breaks(), 25.0)
    with pytest.raises(DataError, match=r"a.mp4: not written, since there are no frames"):
        write_video(tmp_path / "a.mp4", [], 25.0)
    with pytest.raises(UsageError, match=r"ends in \.mp4"):
        write_video(tmp_path / "a.avi", [], 25.0)
    assert os.listdir(tmp_path) == []
