import os

import numpy as np
import pytest
from videos import SUFFIXES, trim, turn, write_video

from selfme_lib.data.video import read_video
from selfme_lib.runtime.errors import DataError


def numbers(path, pick=None):
    """Which of the frames that `write_video` makes are read."""
    return [round(float(pixels.mean()) / 20) for pixels in read_video(path, pick)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_frame_is_read_in_order(tmp_path, suffix):
    path = write_video(tmp_path / f"a.{suffix}")
    assert numbers(path) == list(range(12))
    assert numbers(path, lambda count: [2, count - 1]) == [2, 11]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_video_is_refused_wherever_it_was_cut(tmp_path, suffix):
    """Nobody gets the frames that are left of an AVI or a Matroska file."""
    path = write_video(tmp_path / f"a.{suffix}")
    whole = path.read_bytes()
    for length in [0, 3, 20, *range(100, len(whole) - 1, len(whole) // 17), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"truncated|empty file|not an MP4|damaged|no video") as error:
            numbers(path)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_hole_in_the_middle_is_refused(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (20, 40, 48, 3), np.uint8)
    path = write_video(tmp_path / f"a.{suffix}", list(noise))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        numbers(path)


def test_an_avi_whose_recorder_was_stopped_by_force_is_refused(tmp_path):
    path = write_video(tmp_path / "a.avi")
    content = bytearray(path.read_bytes())
    content[4:8] = bytes(4)  # the length that is written last
    path.write_bytes(content)
    with pytest.raises(DataError, match="truncated"):
        numbers(path)


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([(0, 11)], range(12)),
        ([(4, 9)], range(4, 10)),
        ([(5, 11)], range(5, 12)),
        ([(-1, 3), (3, 6)], range(3, 7)),
        ([(2, 4), (8, 10)], [2, 3, 4, 8, 9, 10]),
    ],
)
def test_a_losslessly_trimmed_video_gives_what_its_edit_list_shows(tmp_path, spans, shown):
    path = write_video(tmp_path / "a.mp4")
    trim(path, *spans)
    assert numbers(path) == list(shown)
    assert numbers(path, lambda count: [0, count - 1]) == [shown[0], shown[-1]]


def test_damage_behind_an_edit_list_is_found(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    trim(path, (4, 9))
    content = bytearray(path.read_bytes())
    data = content.index(b"mdat")
    content[data + 4 : data + 300] = b"\xff" * 296
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be decoded"):
        numbers(path)


def test_a_video_with_a_rotation_is_read_upright(tmp_path):
    picture = np.zeros((32, 64, 3), np.uint8)
    picture[:16] = 240  # bright above
    path = write_video(tmp_path / "a.mp4", [picture] * 3)
    turn(path)
    frame = next(iter(read_video(path)))
    assert frame.shape == (64, 32, 3)
    assert frame[:, :12].mean() < 20 and frame[:, 20:].mean() > 220  # bright on the right: turned clockwise


def test_what_is_no_video_is_one_line(tmp_path):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "text.avi").write_bytes(b"not a video")
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    (tmp_path / "zero.mkv").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.mov")
    for name, words in (
        ("folder.mp4", "a folder where a video should be"),
        ("text.avi", "not an MP4, AVI, Matroska or WebM video; save it as MP4"),
        ("loop.mp4", "cannot be read"),
        ("zero.mkv", "a pipe or a device where a video should be"),
        ("pipe.mov", "a pipe or a device"),
        ("none.mp4", "no such file"),
    ):
        with pytest.raises(DataError, match=words):
            numbers(tmp_path / name)


def test_a_video_of_gigantic_frames_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setattr("selfme_lib.data.video.MOST_PIXELS", 48 * 40 - 1)
    with pytest.raises(DataError, match="48x40 pixels, more than 1919; make it smaller"):
        numbers(path)
