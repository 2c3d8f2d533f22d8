import cv2
import numpy as np
import pytest

from selfme_lib.synthme.sensor import encode, expose, through_jpeg


def test_noise_has_the_strength_asked_for(generator):
    grey = np.full((128, 128, 3), 0.5, np.float32)
    picture = expose(grey, generator, noise=0.02)
    assert picture.std() / 255 == pytest.approx(0.02, rel=0.05)
    assert picture.mean() / 255 == pytest.approx(0.5, abs=0.003)


def test_without_noise_only_rounding_is_left(generator):
    picture = generator.random((16, 16, 3)).astype(np.float32)
    assert np.abs(expose(picture, generator, noise=0.0) / 255 - picture).max() <= 0.5001 / 255


def test_files_keep_red_red():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    for data in (encode(red, ".bmp"), encode(red, ".jpg", 95)):
        read = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert read[..., 2].mean() > 190
        assert read[..., 0].mean() < 10
    assert through_jpeg(red, 95)[..., 0].mean() > 190
