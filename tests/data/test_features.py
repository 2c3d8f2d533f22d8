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
        ("03,a,negative", "row 5: 0 pictures named 03/a, 03_a or a; 01/a.png belongs to another subject"),
        ("02,twice,0", "row 5: 2 pictures named 02/twice"),
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
    picture(root / "x/twice.png")
    picture(root / "y/twice.png", (127, 128, 0))
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


@pytest.mark.parametrize(
    ("folder", "taken"), [("02", False), ("sub02", False), ("7", True), ("flows", True), ("03", True)]
)
def test_a_picture_of_the_same_clip_name_under_another_subject_is_not_taken(tmp_path, folder, taken):
    root = tmp_path / "set"
    root.mkdir()
    (root / "labels.csv").write_text("subject,clip,label\n03,a,0\n02,b,1\n")
    picture(root / folder / "a.png")
    picture(root / "02/b.png")
    assert ([clip.key for clip in read_features(root).clips] == ["02/b", "03/a"]) == taken
    assert any("belongs to another subject" in line for line in lines(root)) != taken
    (root / "labels.csv").write_text("subject,clip,label\n03,a,0\n")  # the other subject need not be in the table
    assert (len(read_features(root).clips) == 1) == taken


def test_a_fold_tree_with_identical_copies_is_read(tmp_path):
    rows = ("01,a,0", "02,a,1", "03,a,2")
    (tmp_path / "labels.csv").write_text("\n".join(["subject,clip,label", *rows]))
    for fold in ("01", "02", "03"):
        for subject in ("01", "02", "03"):
            part = "test" if subject == fold else "train"
            picture(tmp_path / f"{fold}/u_{part}/0/{subject}_a.png", (128, 128, int(subject)))
    clips = load_clips("features", tmp_path)
    assert load_features(clips, 28)[:, 2, 0, 0].mul(255).round().tolist() == [1, 2, 3]
    picture(tmp_path / "03/u_train/0/01_a.png", (128, 128, 9))
    assert ["row 2: 3 pictures named 01/a" in line for line in lines(tmp_path)] == [True]


@pytest.mark.parametrize(
    "path", ["../secret.png", "/etc/x.png", "C:\\x.png", "..\\secret.png", "a/../../secret.png", "a\0.png"]
)
def test_a_picture_outside_the_folder_is_not_read(tmp_path, path):
    picture(tmp_path / "secret.png")
    root = features(tmp_path / "set", [f"9,x,0,{path}"], "subject,clip,label,image")
    assert read_features(root).clips == () and any(word in lines(root)[0] for word in ("leads out of set", "not CSV"))


def test_a_picture_may_be_named_with_either_slash(tmp_path):
    root = features(tmp_path, ["9,x,0,02\\a.png"], "subject,clip,label,image")
    assert [clip.frames[0].parent.name for clip in load_clips("features", root)] == ["02"]


def flows(root, encode):
    """Twelve motions that differ, each with still skin around what moves."""
    generator = np.random.default_rng(0)
    root.mkdir()
    for number in range(12):
        field = np.zeros((3, 32, 32))  # u and v in [-1, 1], strain in [0, 1]
        top, left = generator.integers(2, 18, 2)
        field[:, top : top + 10, left : left + 10] = [
            [[generator.uniform(-1, 1)]],
            [[generator.uniform(-1, 1)]],
            [[0.7]],
        ]
        pixels = np.clip(np.round(encode(field)), 0, 255).astype(np.uint8)
        assert cv2.imwrite(str(root / f"{number}.png"), pixels.transpose(1, 2, 0)[..., ::-1])
    (root / "labels.csv").write_text("subject,clip,label\n" + "".join(f"s{n},{n},{n % 3}\n" for n in range(12)))
    return [fault for fault in examine("features", root).faults if fault.severity == "error" or "grey" in fault.problem]


def usual(field):
    return np.stack([128 + 127 * field[0], 128 + 127 * field[1], 255 * field[2]])


def stretched(field):
    low, high = field.min((1, 2), keepdims=True), field.max((1, 2), keepdims=True)
    return 255 * (field - low) / (high - low)


@pytest.mark.parametrize(
    ("encode", "severity", "words"),
    [
        (lambda field: usual(field)[::-1], "error", "red and blue are exchanged"),
        (
            lambda field: usual(field) - [[[128]], [[128]], [[0]]],
            "error",
            "red/green/blue are 0/0/0, but no motion is a grey of 128",
        ),
        (lambda field: usual(field) * 0.8, "error", "are 102/102/0"),
        (stretched, "note", "differs from picture to picture"),
    ],
)
def test_the_doctor_sees_another_zero_and_exchanged_channels(tmp_path, encode, severity, words):
    (fault,) = flows(tmp_path / "set", encode)
    assert fault.severity == severity and words in fault.line


def test_the_doctor_finds_the_usual_encoding_sound(tmp_path):
    assert flows(tmp_path / "set", usual) == []
    assert flows(tmp_path / "shifted", lambda field: usual(field + np.array([0.03, -0.03, 0])[:, None, None])) == []
