import itertools
import os
import signal
import tracemalloc
from fractions import Fraction

import cv2
import numpy as np
import pytest
from videos import trim, turn, write_video

from selfme_lib.data.recording import open_recording
from selfme_lib.runtime.errors import DataError, UsageError

UNEVEN = [0, 40, 80, 200, 240, 500, 540, 580, 620, 660, 700, 740]  # ms


def encode(path, codec, pixel_format, times=UNEVEN, *, sound=""):
    """A video by PyAV of frames that are grey 20 t, shown at `times`, and half a second of sound in some codec."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixel_format
        stream.codec_context.time_base = Fraction(1, 1000)
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none"}
        track = file.add_stream(sound, rate=16000, layout="mono") if sound else None
        for number, time in enumerate(times):
            grey = np.full((48, 64, 3), 20 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24").reformat(format=pixel_format)
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        if track is not None:
            wave = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
            wave.sample_rate, wave.pts = 16000, 0
            for part in av.AudioResampler(format=track.codec_context.format, layout="mono", rate=16000).resample(wave):
                file.mux(track.encode(part))
            file.mux(track.encode(None))
    return path


def numbers(recording):
    """Which of the frames that are grey 20 t are shown."""
    return [round(float(frame.pixels.mean()) / 20) for frame in recording]


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mkv", "libx264", "yuv420p"),
        ("a.mp4", "libx265", "yuv420p10le"),
        ("a.mkv", "ffv1", "gray"),
        ("a.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_a_variable_rate_keeps_its_times_whatever_the_codec(tmp_path, name, codec, pixel_format):
    recording = open_recording(encode(tmp_path / name, codec, pixel_format))
    frames = list(recording)
    assert [frame.index for frame in frames] == list(range(12)) and recording.count == 12
    np.testing.assert_allclose([frame.time for frame in frames], np.array(UNEVEN) / 1000, atol=1e-3)
    assert recording.fps == pytest.approx(25)  # the median: most frames are 40 ms apart
    assert numbers(recording) == list(range(12))
    assert (recording.width, recording.height, recording.is_live) == (64, 48, False)
    assert not recording.has_sound


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_sound_is_noticed(tmp_path, name):
    assert open_recording(encode(tmp_path / name, "libx264", "yuv420p", sound="aac")).has_sound


def test_a_grey_avi_and_an_edit_list_and_a_rotation(tmp_path):
    avi = write_video(tmp_path / "a.avi", [np.full((40, 48, 3), 20 * n, np.uint8) for n in range(12)])
    assert numbers(open_recording(avi)) == list(range(12))
    cut = write_video(tmp_path / "cut.mp4")
    trim(cut, (4, 9))
    recording = open_recording(cut)
    assert numbers(recording) == list(range(4, 10)) and recording.count == 6
    np.testing.assert_allclose([frame.time for frame in recording], np.arange(6) / 25, atol=1e-3)
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16] = 240
    turn(write_video(tmp_path / "turned.mp4", [picture] * 3))
    recording = open_recording(tmp_path / "turned.mp4")
    assert (recording.width, recording.height) == (32, 64)
    assert next(iter(recording)).pixels[:, 20:].mean() > 220  # bright on the right


def test_a_rate_of_the_users_own_replaces_the_times(tmp_path):
    recording = open_recording(write_video(tmp_path / "a.mp4"), fps=200)
    assert recording.fps == 200
    np.testing.assert_allclose([frame.time for frame in recording], np.arange(12) / 200)


def test_a_folder_of_frames_is_sorted_by_number(tmp_path):
    for number in (8, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f"img{number}.png"), np.full((40, 48, 3), 20 * number, np.uint8))
    recording = open_recording(tmp_path, fps=50)
    assert numbers(recording) == [8, 9, 10, 11]
    assert [frame.time for frame in recording] == [0, 0.02, 0.04, 0.06]
    assert (recording.count, recording.width, recording.has_sound) == (4, 48, False)


def test_what_is_no_recording_is_one_line(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video, but long enough to have a header")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    videos = tmp_path / "videos"
    write_video(videos / "a.mp4")
    cv2.imwrite(str(tmp_path / "face.png"), np.zeros((8, 8, 3), np.uint8))
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for name, side in (("img1.png", 8), ("img2.png", 9)):
        cv2.imwrite(str(mixed / name), np.zeros((side, side, 3), np.uint8))
    cut = write_video(tmp_path / "cut.avi")
    cut.write_bytes(cut.read_bytes()[:-100])
    (tmp_path / "old.wmv").write_bytes(b"")
    for name, words in (
        ("text.mp4", "not an MP4"),
        ("empty.mp4", "empty file"),
        ("folder", "no images in it; give a folder of frames or a video"),
        ("videos", "give one of its videos, such as a.mp4"),
        ("face.png", "a picture, not a recording"),
        ("mixed", "frame 2 has 9x9 pixels, the first 8x8"),
        ("cut.avi", "truncated"),
        ("old.wmv", "a format that is not read; save it as MP4"),
        ("gone.mp4", "no such file"),
    ):
        with pytest.raises(DataError, match=words) as error:
            list(open_recording(tmp_path / name, fps=25))
        assert name in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UsageError, match="--fps"):
        open_recording(mixed)
    with pytest.raises(UsageError, match="fps 0"):
        open_recording(mixed, fps=0)


def test_damage_in_the_middle_is_found(tmp_path):
    path = write_video(tmp_path / "a.mp4", list(np.random.default_rng(0).integers(0, 256, (20, 40, 48, 3), np.uint8)))
    content = bytearray(path.read_bytes())
    data = content.index(b"mdat")
    content[data + 8000 : data + 12000] = b"\xff" * 4000
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be decoded|damaged"):
        list(open_recording(path))


def test_memory_does_not_grow_with_length(tmp_path):
    peaks = []
    for frames in (50, 500):
        path = write_video(tmp_path / f"{frames}.avi", [np.zeros((120, 160, 3), np.uint8)] * frames)
        recording = open_recording(path)
        tracemalloc.start()
        assert sum(1 for _ in recording) == frames
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 50_000


class FakeCamera:
    """Gives a frame at each call, for ever; camera 7 does not exist."""

    def __init__(self, number):
        self.number = number

    def isOpened(self):
        return self.number != 7

    def grab(self):
        return True

    def retrieve(self):
        return True, np.full((40, 48, 3), (10, 20, 30), np.uint8)

    def get(self, what):
        return {cv2.CAP_PROP_FRAME_WIDTH: 48.0, cv2.CAP_PROP_FRAME_HEIGHT: 40.0}.get(what, 0.0)

    def release(self):
        pass


def test_a_camera_is_read_for_some_seconds_or_until_it_is_stopped(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    clock = itertools.count()
    monkeypatch.setattr("selfme_lib.data.recording.time.monotonic", lambda: next(clock) / 10)
    recording = open_recording(0, seconds=1.05)
    frames = list(recording)
    assert [frame.index for frame in frames] == list(range(11))
    assert frames[0].pixels[0, 0].tolist() == [30, 20, 10]  # RGB
    assert recording.is_live and not recording.has_sound
    seen, before = 0, signal.getsignal(signal.SIGINT)
    for _ in open_recording(0):
        seen += 1
        if seen == 3:
            os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
    assert seen == 3 and signal.getsignal(signal.SIGINT) is before
    with pytest.raises(DataError, match="camera 7: no picture"):
        open_recording(7)
