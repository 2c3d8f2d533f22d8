import cv2
import numpy as np
import pytest
import torch

from selfme_lib.data import dataset_fingerprint, examine, load_clips
from selfme_lib.data.features import load_features, read_features
from selfme_lib.runtime.errors import DataError

ROWS = ("01,a,negative", "01,b,1", "02,a,surprise")


def picture(path, rgb=(128, 128, 0), size=28):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size, size, 3), rgb[::-1], dtype=np.uint8)  # OpenCV writes blue first
    assert cv2.imwrite(str(path), pixels)


def features(root, rows=ROWS, header="subject,clip,label"):
    root.mkdir(exist_ok=True)
    (root / "labels.csv").write_text("\n".join([header, *rows]) + "\n")
    picture(root / "01/a.png", (255, 1, 0))
    picture(root / "01_b.png", size=32)
    picture(root / "02/a.png", (128, 128, 255))
    return root


def lines(root):
    return [fault.line for fault in read_features(root).faults]


def test_rows_find_their_pictures_and_labels_may_be_words_or_numbers(tmp_path):
    clips = load_clips("features", features(tmp_path))
    assert [(clip.key, clip.label, clip.frames[0].name) for clip in clips] == [
        ("01/a", 0, "a.png"),
        ("01/b", 1, "01_b.png"),
        ("02/a", 2, "a.png"),
    ]
    assert clips[0].frames[0].parent.name == "01" and len(dataset_fingerprint(clips)) == 16


def test_red_is_u_green_is_v_blue_is_strain_and_grey_is_no_motion(tmp_path):
    values = load_features(load_clips("features", features(tmp_path)), 28)
    assert values.shape == (3, 3, 28, 28)
    expected = [[1, -1, 0], [0, 0, 0], [0, 0, 1]]
    torch.testing.assert_close(values[:, :, 5, 5], torch.tensor(expected, dtype=torch.float32))


def test_a_column_may_name_the_picture(tmp_path):
    root = features(tmp_path, ["9,x,0,02/a.png", "8,y,2,01_b.png"], "Subject, Clip, Label, Image")
    assert [clip.frames[0].name for clip in load_clips("features", root)] == ["01_b.png", "a.png"]


def test_the_doctor_finds_a_sound_folder_sound(tmp_path):
    examination = examine("features", features(tmp_path))
    assert not examination.errors
    assert examination.summary["clips"] == 3 and examination.summary["surprise"] == 1


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("01,c,negative", "row 5: 0 pictures named 01/c, 01_c or c"),
        ("03,a,negative", "row 5: 2 pictures named 03/a, 03_a or a"),
        ("01,a,negative", "row 5: subject 01, clip a appears twice"),
        ("02,small,0", "small.png: 20x20 pixels, fewer than 28 a side"),
        ("02,grey,0", "grey.png: one channel or a palette (L)"),
        ("02,cut,0", "cut.png: truncated image"),
        ("02,a,disgust", "row 5: label 'disgust' is not one of the three classes"),
        (",a,0", "row 5: no subject or no clip"),
    ],
)
def test_every_fault_of_a_row_is_reported(tmp_path, row, words):
    root = features(tmp_path, [*ROWS, row])
    picture(root / "02/small.png", size=20)
    cv2.imwrite(str(root / "02/grey.png"), np.zeros((28, 28), np.uint8))
    (root / "02/cut.png").write_bytes((root / "02/a.png").read_bytes()[:60])
    found = lines(root)
    assert len(found) == 1 and words in found[0] and "; " in found[0]
    with pytest.raises(DataError):
        load_clips("features", root)


def test_a_fault_of_the_folder_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no CSV of labels in it; put one there"):
        read_features(tmp_path)
    features(tmp_path)
    (tmp_path / "other.csv").write_text("x")
    assert len(read_features(tmp_path).clips) == 3  # labels.csv is the one that is meant
    (tmp_path / "labels.csv").rename(tmp_path / "mine.csv")
    with pytest.raises(DataError, match=r"2 CSV files .*; call the one with the labels labels.csv"):
        read_features(tmp_path)
    (tmp_path / "other.csv").unlink()
    (tmp_path / "mine.csv").write_text("subject,clip,emotion\n1,2,3\n")
    with pytest.raises(
        DataError,
        match="no column label; its columns are subject, clip, emotion; name its columns subject, clip, label",
    ):
        read_features(tmp_path)
    (tmp_path / "mine.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8 text; save it again as CSV"):
        read_features(tmp_path)


def test_jpeg_gets_a_note(tmp_path):
    root = features(tmp_path, [*ROWS, "03,j,0"])
    picture(root / "03/j.jpg")
    (fault,) = read_features(root).faults
    assert fault.severity == "note" and "JPEG" in fault.line
    assert len(load_clips("features", root)) == 4
