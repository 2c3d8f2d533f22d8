"""The reader's own pictures in, files out."""

from io import BytesIO

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from portraits import FAR, portrait
from selfme_lib.data.alignment import TEMPLATE
from selfme_lib.data.faces import FaceDetector
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.widgets.export import LOOPS, encode
from selfme_lib.widgets.moving import STEPS, MovingClip
from selfme_lib.widgets.own import SIZE, take_of, take_of_bytes, take_of_files


@pytest.fixture(scope="module")
def recording():
    """Three frames of a recording: a face that is far from the middle and turned."""
    face = portrait(3, 256, zoom=FAR)
    turn = cv2.getRotationMatrix2D((128, 128), 8, 1.0)
    turn[0, 2] += 12
    return [cv2.warpAffine(face, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)] * 3


def test_own_pictures_are_aligned_on_the_spot(recording):
    take = take_of(recording)
    assert take.frames.shape == (3, SIZE, SIZE, 3) and take.onset == 0 and take.apex is None
    (face,) = FaceDetector().detect(take.frames[0])
    assert np.abs(face.points / SIZE - TEMPLATE).max() < 0.03


def test_two_pictures_are_onset_and_apex_whether_they_are_files_or_bytes(recording, tmp_path):
    paths = [tmp_path / "onset.png", tmp_path / "apex.png"]
    for path, pixels in zip(paths, recording):
        cv2.imwrite(str(path), pixels[..., ::-1])
    take = take_of_files(paths)
    assert take.apex == 1
    assert np.array_equal(take.frames, take_of_bytes([path.read_bytes() for path in paths]).frames)


def test_a_video_is_read(recording, tmp_path):
    path = tmp_path / "me.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (256, 256))
    for pixels in recording:
        writer.write(pixels[..., ::-1])
    writer.release()
    assert len(take_of_files([path]).frames) == 3


@pytest.mark.parametrize(
    ("pictures", "words"),
    [
        ([np.zeros((64, 64, 3), np.uint8)] * 2, "no face"),
        ([np.zeros((64, 64, 3), np.uint8)], "expected 2 to"),
        ([np.zeros((64, 64, 3), np.uint8), np.zeros((64, 60, 3), np.uint8)], "picture 2: another size"),
    ],
)
def test_what_cannot_be_shown_is_said_in_a_line(pictures, words):
    with pytest.raises(DataError, match=words):
        take_of(pictures)


@pytest.mark.parametrize("content", [b"", b"no picture"])
def test_bytes_that_are_no_picture(content):
    with pytest.raises(DataError, match="picture 1: not a picture"):
        take_of_bytes([content, content])


@pytest.fixture
def clip():
    frames = np.stack([np.full((32, 32, 3), level, np.uint8) for level in (40, 200, 120)])
    return MovingClip(frames=frames, motion=torch.zeros(3, 2, 8, 8), apex=1)


def grey(place, share):
    return np.full((64, 64, 3), 100, np.uint8)


def test_a_gif_loops_through_the_whole_clip(clip):
    picture = Image.open(BytesIO(encode(clip, "gif", grey, title="γ = 4")))
    assert picture.n_frames == 3 and picture.info["loop"] == 0 and picture.info["duration"] == 50
    middles = []
    for frame in range(3):
        picture.seek(frame)
        middles.append(np.array(picture.convert("RGB"))[60, [32, 100], 0])
    assert np.abs(np.array(middles, int) - [[40, 100], [200, 100], [120, 100]]).max() < 12


def test_a_gif_of_a_pair_goes_there_and_back(clip):
    pair = MovingClip(frames=clip.frames[:2], motion=clip.motion[:2], apex=1)
    shares = []
    encode(pair, "gif", lambda place, share: shares.append(share) or grey(place, share), title="")
    assert len(shares) == STEPS and max(shares) == 1.0


@pytest.mark.parametrize("with_pyav", [True, False])
def test_an_mp4_plays_the_clip_several_times(clip, tmp_path, monkeypatch, with_pyav):
    if with_pyav:
        pytest.importorskip("av")
    else:
        monkeypatch.setitem(__import__("sys").modules, "av", None)
    path = tmp_path / "clip.mp4"
    path.write_bytes(encode(clip, "mp4", grey, title="γ = 4"))
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 3 * LOOPS and all(length % 2 == 0 for length in frames[0].shape[:2])
    levels = [int(frame[60, 32].mean()) for frame in frames[:3]]
    assert np.abs(np.array(levels) - [40, 200, 120]).max() < 16


def test_another_kind_of_file(clip):
    with pytest.raises(UsageError, match="expected gif or mp4"):
        encode(clip, "avi", grey, title="")
