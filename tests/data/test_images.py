import os
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
import torch
import trees
from PIL import Image

from selfme_lib.data import frame_size, load_clips, load_onset_apex, read_frame
from selfme_lib.runtime.errors import DataError


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_pixels_are_rgb_in_unit_range(tmp_path, suffix):
    pixels = np.zeros((4, 6, 3), dtype=np.uint8)
    pixels[1, 2] = (255, 51, 0)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    frame = read_frame(tmp_path / f"a.{suffix}")
    assert frame.shape == (3, 4, 6) and frame.dtype == torch.float32
    torch.testing.assert_close(frame[:, 1, 2], torch.tensor([1.0, 0.2, 0.0]))
    assert frame.sum() == pytest.approx(1.2)


def test_grey_images_become_rgb(tmp_path):
    Image.new("L", (5, 4), 51).save(tmp_path / "a.bmp")
    torch.testing.assert_close(read_frame(tmp_path / "a.bmp"), torch.full((3, 4, 5), 0.2))


def test_a_jpeg_is_decoded_as_opencv_does(tmp_path):
    smooth = cv2.GaussianBlur(np.random.default_rng(0).uniform(0, 255, (40, 32, 3)), (0, 0), 4).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    oracle = cv2.cvtColor(cv2.imread(str(tmp_path / "a.jpg")), cv2.COLOR_BGR2RGB)
    ours = read_frame(tmp_path / "a.jpg").permute(1, 2, 0).numpy() * 255
    assert np.abs(ours - oracle).max() <= 3  # decoders may differ by rounding


def test_shrinking_averages_areas(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    means = torch.from_numpy(pixels.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3)) / 255).permute(2, 0, 1).float()
    torch.testing.assert_close(read_frame(tmp_path / "a.png", 4), means, atol=1e-6, rtol=0)
    assert read_frame(tmp_path / "a.png", 16).shape == (3, 16, 16)


@pytest.mark.parametrize("suffix", ["jpg", "bmp", "png"])
def test_a_frame_is_whole_or_an_error(tmp_path, suffix):
    """Cut off at any place, the file is refused by both functions, where OpenCV would return half a face."""
    path = tmp_path / f"a.{suffix}"
    trees.write_image(path, size=(40, 48))
    whole = path.read_bytes()
    for length in [0, 1, 2, 10, *range(20, len(whole) - 4, len(whole) // 40), len(whole) - 8]:
        path.write_bytes(whole[:length])
        for look in (read_frame, frame_size):
            with pytest.raises(DataError) as error:
                look(path)
            assert str(path) in str(error.value) and "\n" not in str(error.value)
    path.write_bytes(whole)
    assert frame_size(path) == (40, 48)


def test_a_jpeg_whose_end_is_zeros_is_truncated(tmp_path):
    """Left behind by a disk that allocated more than it wrote."""
    path = tmp_path / "a.jpg"
    trees.write_image(path, size=(128, 128))
    whole = path.read_bytes()
    path.write_bytes(whole[:3000] + bytes(len(whole) - 3000))
    with pytest.raises(DataError, match="truncated"):
        read_frame(path)


@pytest.mark.parametrize("content", [b"not an image", b"<html>", b"GIF89a" + bytes(99), b"\xff\xd8\xff\xd9"])
def test_other_content(tmp_path, content):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for look in (read_frame, frame_size):
        with pytest.raises(DataError, match=r"not a JPEG|truncated|damaged"):
            look(path)
    for look in (read_frame, frame_size):
        with pytest.raises(DataError, match=r"none\.jpg: no such file"):
            look(tmp_path / "none.jpg")
        with pytest.raises(DataError, match="a folder where an image should be"):
            look(tmp_path)


def test_onset_and_apex_of_all_clips(tmp_path):
    clips = load_clips("casme2", trees.casme2(tmp_path))
    onset, apex = load_onset_apex(clips, 16)
    assert onset.shape == apex.shape == (6, 3, 16, 16)
    for index, clip in enumerate(clips):
        assert torch.equal(onset[index], read_frame(clip.onset_path, 16))
        assert torch.equal(apex[index], read_frame(clip.apex_path, 16))


def test_onset_and_apex_must_have_the_same_size(tmp_path):
    clips = load_clips("casme2", trees.casme2(tmp_path))
    trees.write_image(clips[2].apex_path, size=(24, 24))
    with pytest.raises(DataError, match=r"reg_img101\.jpg: 24x24 pixels, the clip's first frame 20x24"):
        load_onset_apex(clips, 16)


def test_a_clip_without_an_apex_is_refused(tmp_path):
    with pytest.raises(DataError, match="labels no apex"):
        load_onset_apex(load_clips("smic", trees.smic_cropped(tmp_path)), 16)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_read_upright_as_its_exif_orientation_says(tmp_path, suffix, orientation):
    """As OpenCV turns it, which reads EXIF, too; and its header gives the size that it is read with."""
    path = tmp_path / f"a.{suffix}"
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:12, :20], pixels[:12, 20:], pixels[12:, :20] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    frame = (read_frame(path).permute(1, 2, 0) * 255).numpy()
    assert (frame.shape[1], frame.shape[0]) == frame_size(path)
    oracle = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB).astype(float)
    assert frame.shape == oracle.shape and np.abs(frame - oracle).mean() < 1


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3), (6, 5, 4)])
def test_sixteen_bits_a_colour_are_not_cut_to_eight_unsaid(tmp_path, shape):
    cv2.imwrite(str(tmp_path / "a.png"), np.full(shape, 40_000, np.uint16))
    for look in (read_frame, frame_size):
        with pytest.raises(DataError, match=r"more than 8 bits a colour .*; save it with 8 bits"):
            look(tmp_path / "a.png")


@pytest.mark.parametrize(("suffix", "name"), [("webp", "WebP"), ("tif", "TIFF"), ("gif", "GIF"), ("jp2", "JPEG 2000")])
def test_a_picture_in_another_format_is_to_be_saved_as_png(tmp_path, suffix, name):
    Image.new("RGB", (30, 20)).save(tmp_path / f"a.{suffix}")
    (tmp_path / f"a.{suffix}").rename(tmp_path / "a.jpg")
    for look in (read_frame, frame_size):
        with pytest.raises(DataError, match=f"{name}, not a JPEG, BMP or PNG image; save it as PNG"):
            look(tmp_path / "a.jpg")


def test_a_picture_of_a_phone_in_heic_is_to_be_saved_as_png(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99))
    with pytest.raises(DataError, match="HEIC or a video, not a JPEG"):
        read_frame(tmp_path / "a.jpg")


def bomb(path, side):
    """A sound PNG of `side` x `side` black pixels, a thousandth of its size in bytes."""
    row = bytes(1 + 3 * side)
    deflate = zlib.compressobj(9)
    data = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in parts]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_a_picture_bomb_is_refused_before_it_is_decoded(tmp_path, recwarn):
    bomb(tmp_path / "a.png", 9000)
    start = time.perf_counter()
    for look in (read_frame, frame_size):
        with pytest.raises(DataError, match="9000x9000 pixels, more than 33554432; make it smaller"):
            look(tmp_path / "a.png")
    assert time.perf_counter() - start < 0.2 and not recwarn.list
    with (tmp_path / "b.png").open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    with pytest.raises(DataError, match="more than any picture"):
        read_frame(tmp_path / "b.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in the file system")
def test_a_device_a_pipe_or_a_link_to_itself_in_a_frames_place_is_one_line(tmp_path):
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    os.mkfifo(tmp_path / "pipe.png")
    for look in (read_frame, frame_size):
        for name, words in (("zero", "a pipe or a device"), ("pipe", "a pipe or a device"), ("loop", "cannot be read")):
            with pytest.raises(DataError, match=words):
                look(tmp_path / f"{name}.png")
