"""What H.264 does to frames, and that it always does the same."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from itertools import chain

import cv2
import numpy as np
import pytest

from selfme_lib.data.images import read_pixels
from selfme_lib.data.video import read_video
from selfme_lib.runtime.errors import UsageError
from selfme_lib.synthme import SYNTHME_2, SynthConfig, fingerprint, write_dataset
from selfme_lib.synthme.codec import h264, through_h264, write_avi
from selfme_lib.synthme.dataset import load_excerpt, render_excerpts

SMALL = SynthConfig(subjects=1, clips=1, size=32, seed=4, world="home", difficulty=SYNTHME_2, codec="h264")
ENCODE = """
import hashlib, os, numpy as np
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from selfme_lib.synthme.codec import h264
frames = np.random.default_rng(0).integers(0, 256, (6, 48, 48, 3), np.uint8)
print(hashlib.sha256(b"".join(h264(frames, 48, 50))).hexdigest())
"""


def moving(size, count=12):
    """A soft grey texture that moves by a pixel a frame."""
    wide = cv2.GaussianBlur(np.random.default_rng(0).random((size, size + count)), (0, 0), 2)
    wide = np.repeat((255 * (wide - wide.min()) / np.ptp(wide)).astype(np.uint8)[..., None], 3, axis=2)
    return [np.ascontiguousarray(wide[:, at : at + size]) for at in range(count)]


@pytest.mark.parametrize("size", [32, 33])
def test_frames_come_out_in_order_alike_but_not_equal(size):
    frames = moving(size)
    seen = list(through_h264(iter(frames), size, 50))
    assert [picture.shape for picture in seen] == [(size, size, 3)] * len(frames)
    for number, picture in enumerate(seen):
        errors = [np.abs(picture.astype(float) - frame).mean() for frame in frames]
        assert np.argmin(errors) == number
        assert 0.5 < errors[number] < 8


def test_one_frame_in_one_frame_out():
    """A long video is not kept in memory while it is encoded."""
    taken = []
    data = h264((taken.append(number) or frame for number, frame in enumerate(moving(32, 6))), 32, 50)
    next(data)
    assert taken == [0]


def test_bytes_do_not_depend_on_the_number_of_cores():
    frames = np.random.default_rng(0).integers(0, 256, (6, 48, 48, 3), np.uint8)
    here = hashlib.sha256(b"".join(h264(frames, 48, 50))).hexdigest()
    on_one = subprocess.run([sys.executable, "-c", ENCODE], capture_output=True, text=True)
    assert on_one.stdout.strip() == here, on_one.stderr


def test_groups_that_are_made_one_by_one_are_one_video(tmp_path):
    frames = moving(32)
    groups = [list(h264(part, 32, 100)) for part in (frames[:7], frames[7:])]
    for name in ("a.avi", "b.avi"):
        write_avi(tmp_path / name, chain(*groups), 32, 100)
    assert (tmp_path / "a.avi").read_bytes() == (tmp_path / "b.avi").read_bytes()
    seen = list(read_video(tmp_path / "a.avi"))
    assert len(seen) == len(frames)
    for frame, picture in zip(frames, seen):
        assert np.abs(picture.astype(float) - frame).mean() < 8
    video = cv2.VideoCapture(str(tmp_path / "a.avi"))
    assert video.get(cv2.CAP_PROP_FPS) == 100 and video.get(cv2.CAP_PROP_FRAME_COUNT) == len(frames)


def test_clips_pass_through_it_and_excerpts_are_of_the_same_pixels(tmp_path):
    root = write_dataset(tmp_path / "made", SMALL, workers=1)
    plain = write_dataset(tmp_path / "plain", replace(SMALL, codec="none"), workers=1)
    assert fingerprint(SMALL) != fingerprint(replace(SMALL, codec="none"))
    (folder,) = (root / "Cropped/sub01").iterdir()
    names = {path.name for path in folder.iterdir()}
    assert names == {path.name for path in (plain / "Cropped/sub01" / folder.name).iterdir()}
    differences = [
        np.abs(read_pixels(folder / n).astype(float) - read_pixels(plain / "Cropped/sub01" / folder.name / n)).mean()
        for n in names
    ]
    assert 0.3 < np.mean(differences) < 8
    (path,) = render_excerpts(tmp_path / "kept", SMALL, [("01", folder.name)], workers=1).values()
    pictures = {read_pixels(frame).tobytes() for frame in folder.iterdir()}
    assert {load_excerpt(path).onset.tobytes(), load_excerpt(path).apex.tobytes()} <= pictures


def test_without_pyav_nothing_is_begun(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(UsageError, match=r'pip install "selfme\[video\]"'):
        write_dataset(tmp_path / "made", SMALL, workers=1)
    assert not (tmp_path / "made").exists()
