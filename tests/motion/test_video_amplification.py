import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from selfme_lib.data.face_stream import FaceStream
from selfme_lib.data.recording import Frame, Recording
from selfme_lib.grids import resize_flow
from selfme_lib.motion.video_amplification import BandPass, MotionModel, amplify_video, motion_model
from selfme_lib.runtime.errors import UsageError

SIDE = 128


def texture():
    noise = np.random.default_rng(0).random((SIDE, SIDE, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    return np.clip(255 * (0.5 + 3 * (smooth - smooth.mean())), 0, 255).astype(np.uint8)


PICTURE = texture()


def bulge(pixels):
    """The picture whose mouth region has moved down by so many pixels; forehead and nose stay."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return cv2.remap(PICTURE, x, y - pixels * window(x, y), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def window(x, y):
    return np.exp(-((x - 64) ** 2 / 2 / 20**2 + (y - 104) ** 2 / 2 / 6**2)).astype(np.float32)


def stream(pictures, *, copies=1, fps=25.0):
    def frames():
        for index in range(copies * len(pictures)):
            yield Frame(index, index / fps, pictures[index % len(pictures)])

    height, width = pictures[0].shape[:2]
    count = copies * len(pictures)
    return FaceStream(Recording("memory", fps, count, width, height, frames, Path("memory.mp4")), SIDE, cropped=True)


def oracle(shifts):
    """A model that knows the motion: frame t is the reference with its mouth moved by `shifts[t]`."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    mouth, left = torch.from_numpy(window(x, y)), list(shifts)

    def measure(onset, frames):
        fields = torch.zeros(len(frames), 2, SIDE, SIDE)
        for field in fields:
            field[1] = -left.pop(0) * mouth
        return fields

    return MotionModel(measure, resize_flow)


def test_a_known_motion_becomes_gamma_times_as_large():
    shifts = [0.0, 0.25, 0.5, 1.0]
    done = list(amplify_video(stream([bulge(one) for one in shifts]), gamma=4, model=oracle(shifts)))
    for one, shift in zip(done, shifts):
        picture, expected = one.cropped(SIDE).astype(float), bulge(4 * shift).astype(float)
        assert (
            np.abs(picture - expected)[20:-20, 20:-20].mean() < 1.5
        )  # grey levels: interpolated linearly, not cubically
    moved = np.abs(done[-1].cropped(SIDE).astype(float) - PICTURE).mean()
    assert moved > 4 * np.abs(done[-1].cropped(SIDE).astype(float) - bulge(4.0)).mean()


@pytest.mark.parametrize("form", ["plus", "lucas-kanade"])
def test_a_real_form_finds_the_motion_that_is_amplified(form):
    flow = list(amplify_video(stream([PICTURE, bulge(0.6)]), gamma=4, model=motion_model(form)))[-1].flow
    assert -4 * 0.6 * 1.3 < flow[90:112, 54:74, 1].mean() < -4 * 0.6 * 0.35


def test_a_still_video_stays_as_it_is():
    for gamma in (1.0, 8.0):
        for one in amplify_video(stream([PICTURE] * 3), gamma=gamma, model=motion_model("plus")):
            assert np.abs(one.in_place().astype(int) - PICTURE).max() <= 1
            assert np.abs(one.cropped(SIDE).astype(int) - PICTURE).max() <= 1


def test_the_reference_may_be_any_frame_or_a_running_mean():
    shifts = [0.0, 0.5, 1.0, 0.5]
    seen = []

    def measure(onset, frames):
        seen.extend(zip(onset, frames))
        return torch.zeros(len(frames), 2, 4, 4)

    model = MotionModel(measure, resize_flow)
    pictures = [bulge(shift) for shift in shifts]
    for reference, expected in (("first", [0] * 4), (2, [2] * 4)):
        seen.clear()
        list(amplify_video(stream(pictures), gamma=2, model=model, reference=reference))
        for (onset, frame), number, place in zip(seen, expected, range(4)):
            assert (255 * onset).permute(1, 2, 0).numpy() == pytest.approx(pictures[number], abs=1.01)
            assert (255 * frame).permute(1, 2, 0).numpy() == pytest.approx(pictures[place], abs=1.01)
    seen.clear()
    list(
        amplify_video(stream(pictures, fps=0.01), gamma=2, model=model, reference="mean")
    )  # forgets between two frames
    assert (255 * seen[2][0]).permute(1, 2, 0).numpy() == pytest.approx(pictures[2], abs=1.01)
    with pytest.raises(UsageError, match="reference 9: frames count from 0, and the video ends before"):
        list(amplify_video(stream(pictures), gamma=2, model=model, reference=9))


def test_after_a_cut_motion_is_counted_from_there():
    other = 255 - PICTURE[:, ::-1]
    done = list(amplify_video(stream([PICTURE] * 2 + [other] * 2), gamma=8, model=motion_model("lucas-kanade")))
    assert np.abs(done[-1].in_place().astype(int) - other).max() <= 1


def test_a_face_is_amplified_in_its_place_and_fades_into_the_picture():
    wide = np.pad(bulge(0.0), ((10, 10), (40, 40), (0, 0)), mode="edge")
    after = np.pad(bulge(1.0), ((10, 10), (40, 40), (0, 0)), mode="edge")

    def frames():
        return iter([Frame(0, 0.0, wide), Frame(1, 0.04, after)])

    recording = Recording("memory", 25.0, 2, 208, 148, frames, Path("memory.mp4"))
    one = list(amplify_video(FaceStream(recording, SIDE, cropped=True), gamma=2, model=oracle([0.0, 1.0])))[1]
    picture, change = one.in_place(), np.abs(one.in_place().astype(float) - after).mean(axis=2)
    assert picture.shape == after.shape
    assert change[:, :25].max() == 0 and change[:, -25:].max() == 0
    assert change[60:130, 70:140].mean() > 0.5


def test_a_band_keeps_what_lies_in_it_and_remembers():
    time = np.arange(900) / 30
    wave = {hertz: np.sin(2 * np.pi * hertz * time) for hertz in (0.1, 2.0, 12.0)}
    gain = {}
    for hertz, values in wave.items():
        band = BandPass(1, 4, 30)
        gain[hertz] = np.ptp([band(np.array([value]))[0] for value in values][450:]) / 2
    assert gain[2.0] > 0.9 and gain[0.1] < 0.05 and gain[12.0] < 0.1
    band = BandPass(1, 4, 30)
    first = [band(np.array([value]))[0] for value in wave[2.0][:20]]
    band.reset()
    assert [band(np.array([value]))[0] for value in wave[2.0][:20]] == first
    for low, high in ((4, 1), (0, 4), (1, 15)):
        with pytest.raises(UsageError, match="half the frames per second"):
            BandPass(low, high, 30)


def test_outside_its_band_motion_is_not_amplified():
    slow = [0.02 * t for t in range(60)]  # far below the band
    done = list(amplify_video(stream([PICTURE], copies=60), gamma=8, model=oracle(slow), band=(6, 12)))
    lengths = [-one.flow[104, 64, 1] for one in done]
    assert lengths[-1] == pytest.approx(slow[-1], rel=0.1)


def test_memory_does_not_grow_with_length():
    peaks = []
    model = MotionModel(lambda onset, frames: torch.zeros(len(frames), 2, 8, 8), resize_flow)
    for copies in (4, 24):
        tracemalloc.start()
        assert sum(1 for _ in amplify_video(stream([PICTURE] * 4, copies=copies), gamma=8, model=model)) == 4 * copies
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
