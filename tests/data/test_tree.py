import cv2
import numpy as np
import pytest
import trees

from selfme_lib.data import examine, load_clips
from selfme_lib.data.tree import list_images, walk
from selfme_lib.data.voxceleb import find_sequences
from selfme_lib.runtime.errors import DataError


def errors(dataset, root):
    return [fault.line for fault in examine(dataset, root).errors]


def test_a_folder_in_a_frames_place_is_named(tmp_path):
    folder = trees.casme2(tmp_path) / "Cropped/sub01/EP02_01f"
    (folder / "reg_img50.jpg").unlink()
    (folder / "reg_img50.jpg").mkdir()
    (line,) = errors("casme2", tmp_path)
    assert "reg_img50.jpg: a folder where an image should be" in line
    with pytest.raises(DataError, match="a folder where an image should be"):
        find_sequences(tmp_path)


@pytest.mark.parametrize("suffix", ["tif", "webp"])
def test_frames_in_a_foreign_format_are_to_be_saved_as_png(tmp_path, suffix):
    root = trees.samm(tmp_path)
    for path in (root / "006/006_1_2").iterdir():
        cv2.imwrite(str(path.with_suffix(f".{suffix}")), np.zeros((8, 8), np.uint8))
        path.unlink()
    (line,) = errors("samm", root)
    assert f"006_1_2: no JPEG, BMP or PNG frames, but 6 other pictures, such as 006_00009.{suffix}" in line
    assert "; save them as PNG" in line


def test_a_picture_in_a_foreign_format_counts_only_without_a_copy_that_can_be_read(tmp_path):
    names = ["img1.png", "img1.heic", "img2.heic", "img10.png", "notes.txt"]
    assert [path.name for path in list_images([tmp_path / name for name in names])] == [
        "img1.png",
        "img2.heic",
        "img10.png",
    ]


@pytest.mark.parametrize("dataset", ["casme2", "smic", "samm", "casme3"])
def test_only_videos_where_frames_are_expected(tmp_path, dataset):
    """The releases have videos, too; the message says what to do with them."""
    subject = {"casme2": "sub01", "smic": "s1", "samm": "006", "casme3": "spNO.1"}[dataset]
    (tmp_path / "videos" / subject).mkdir(parents=True)
    (tmp_path / "videos" / subject / "EP02_01f.avi").write_bytes(b"RIFF")
    if dataset == "samm":  # whose subjects' names are numbers like years', so that folders of clips confirm them
        folder = tmp_path / "videos/006/006_1_2"
        folder.mkdir()
        (tmp_path / "videos/006/EP02_01f.avi").rename(folder / "006_1_2.avi")
        trees.write_samm_file(tmp_path / trees.SAMM_FILE, trees.SAMM_ROWS[:1])
        assert "no JPEG, BMP or PNG frames, but 1 videos, such as 006_1_2.avi" in errors(dataset, tmp_path)[0]
        return
    with pytest.raises(
        DataError, match=rf"1 videos, such as videos/{subject}/EP02_01f.avi, but no folders of frames; .*align"
    ):
        load_clips(dataset, tmp_path)


def test_links_that_lead_back_or_nowhere_end(tmp_path):
    trees.write_image(tmp_path / "a/1.png")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to(tmp_path / "a/self")
    assert [folder.name for folder, _ in walk(tmp_path)] == [tmp_path.name, "a"]
    for dataset in ("casme2", "smic", "samm", "casme3", "synthme", "features", "composite", "voxceleb"):
        (line,) = errors(dataset, tmp_path / "a/self")
        assert "Too many levels of symbolic links" in line or "not SynthME; give" in line
