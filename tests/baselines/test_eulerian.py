import numpy as np
import pytest

from selfme_lib.baselines.eulerian import amplify_linear
from selfme_lib.runtime.errors import UsageError

FPS = 30


def waves(shifts, wavelength=32):
    """A sinusoid along x, moved by so many pixels in each frame: (t, 32, 64, 1)."""
    x = np.arange(64)[None, :] - np.asarray(shifts)[:, None]
    return np.tile((0.5 + 0.2 * np.sin(2 * np.pi * x / wavelength))[:, None, :, None], (1, 32, 1, 1))


def test_a_small_shift_becomes_gamma_times_as_large():
    """The first-order claim of the paper, within its bound."""
    shifts = 0.2 * np.sin(2 * np.pi * 2 * np.arange(90) / FPS)  # 2 Hz
    done = amplify_linear(waves(shifts), FPS, gamma=4, band=(0, 14.9), level=1)
    expected = waves(4 * shifts)
    inner = np.s_[30:, 8:-8, 16:-16]
    before = np.abs(waves(shifts)[inner] - expected[inner]).max()
    assert np.abs(done[inner] - expected[inner]).max() < 0.2 * before


def test_what_lies_outside_the_band_stays_as_it_is():
    time = np.arange(600) / FPS
    slow, fast = 0.2 * np.sin(2 * np.pi * 0.1 * time), 0.2 * np.sin(2 * np.pi * 3 * time)
    change = {}
    for name, shifts in (("slow", slow), ("fast", fast)):
        frames = waves(shifts)
        change[name] = np.abs(amplify_linear(frames, FPS, gamma=4, band=(2, 5), level=1)[300:] - frames[300:]).max()
    assert change["slow"] < 0.1 * change["fast"]


def test_noise_grows_by_gamma_unless_the_level_averages_it_away():
    frames = 0.5 + 0.01 * np.random.default_rng(0).standard_normal((60, 32, 48, 3))
    at = {level: amplify_linear(frames, FPS, gamma=8, band=(0, 14.9), level=level)[30:].std() for level in (0, 3)}
    assert at[0] > 4 * 0.01 and at[3] < at[0] / 2


@pytest.mark.parametrize("level", [0, 1, 3])
def test_a_still_video_and_gamma_1_are_left_alone_at_any_size(level):
    frames = np.random.default_rng(1).random((1, 37, 51, 3)).repeat(5, axis=0).astype(np.float32)
    np.testing.assert_array_equal(amplify_linear(frames, FPS, gamma=8, band=(0.5, 5), level=level), frames)
    moving = np.random.default_rng(2).random((5, 37, 51, 3)).astype(np.float32)
    np.testing.assert_array_equal(amplify_linear(moving, FPS, gamma=1, band=(0.5, 5), level=level), moving)


def test_a_band_that_is_none():
    for band in ((5, 2), (-1, 3), (1, 15)):
        with pytest.raises(UsageError, match="expected 0 <= low < high < 15 Hz"):
            amplify_linear(np.zeros((2, 8, 8, 1)), FPS, gamma=2, band=band)
