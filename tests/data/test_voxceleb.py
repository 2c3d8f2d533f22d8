import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import trees
from videos import trim, write_video

from selfme_lib.data import voxceleb
from selfme_lib.data.voxceleb import convert, find_sequences, spread_evenly
from selfme_lib.runtime.errors import DataError

FIRST_ORDER = "train/id10001#7w0IBEWc9Qw#000993#001143.mp4"
FACES = "unzippedFaces/Adam_Driver/1.6/0HA6FHxYcwQ"
TCAE = "id09238/VnT7/0_folder"


def write_folder(folder, *, names=None, size=(40, 40), seed=0):
    for index, name in enumerate(names or [f"{number:07d}.png" for number in range(5)]):
        trees.write_image(folder / name, size=size, seed=100 * seed + index)


@pytest.fixture
def root(tmp_path):
    """All layouts at once: four people, five sequences."""
    root = tmp_path / "voxceleb"
    write_folder(root / FIRST_ORDER, seed=1)
    write_folder(root / FACES, names=["0000025.jpg", "0000100.jpg", "0000050.jpg"], seed=2)
    write_folder(root / TCAE, names=[f"img_0_{number:03d}.jpg" for number in range(1, 12)], seed=3)
    write_video(root / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4")
    write_video(root / "test/id10001#other#1#2.mp4", 4)
    trees.write_image(root / "Nobody/alone/0.png")  # a single frame has no motion
    (root / "Nobody/readme.txt").write_text("not a frame")
    return root


def people_of(sequences):
    return {sequence.source.name: sequence.person for sequence in sequences}


def test_every_layout_names_the_person(root):
    assert people_of(find_sequences(root, 8)) == {
        "id10001#7w0IBEWc9Qw#000993#001143.mp4": "id10001",
        "id10001#other#1#2.mp4": "id10001",
        "0HA6FHxYcwQ": "Adam_Driver",
        "0_folder": "id09238",
        "00001.mp4": "id00012",
    }
    people = [sequence.person for sequence in find_sequences(root, 8)]
    assert people == sorted(people)


def test_faces_of_ones_own_are_distinguished_by_their_first_folder(tmp_path):
    for folder in ("train/Ada/0001", "test/Ada/0002", "Bob"):
        write_folder(tmp_path / folder)
    assert people_of(find_sequences(tmp_path, 8)) == {"0001": "Ada", "0002": "Ada", "Bob": "Bob"}


def test_frames_are_spread_evenly_in_the_order_of_their_numbers(tmp_path):
    for person in "ab":
        write_folder(tmp_path / person, names=[f"img{number}.png" for number in (10, 9, 1, 11, 2)])
    assert find_sequences(tmp_path, 8)[0].names == ("img1.png", "img2.png", "img9.png", "img10.png", "img11.png")
    assert find_sequences(tmp_path, 2)[0].names == ("img2.png", "img10.png")
    for count in range(2, 40):
        for wanted in range(2, 12):
            chosen = spread_evenly(count, wanted)
            assert len(set(chosen)) == len(chosen) == min(count, wanted)
            assert min(chosen) >= 0 and max(chosen) < count
            assert np.ptp(np.diff(chosen)) <= 1


def test_the_file_holds_the_frames_of_every_sequence(root, tmp_path):
    found = convert(root, tmp_path / "out/faces.npy", size=16, frames=4)
    assert found.frames.shape == (4 + 4 + 3 + 4 + 4, 16, 16, 3)
    assert isinstance(found.frames, np.memmap)
    assert found.people == ("Adam_Driver", "id00012", "id09238", "id10001", "id10001")
    assert np.diff(found.starts).tolist() == [3, 4, 4, 4, 4]
    first = cv2.imread(str(root / FACES / "0000025.jpg"))[..., ::-1]
    assert np.array_equal(found.frames[0], cv2.resize(first, (16, 16), interpolation=cv2.INTER_AREA))
    video = found.frames[3:7]
    assert np.abs(video.astype(int) - np.array([20, 80, 140, 200])[:, None, None, None]).max() <= 4


def test_frames_are_cropped_at_their_centre_not_squeezed(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 255
    for person in "ab":
        for number in "12":
            (tmp_path / person).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / person / f"{number}.png"), wide)
    assert (convert(tmp_path, tmp_path / "faces.npy", size=32).frames == 255).all()


def test_a_finished_file_is_left_alone_and_other_settings_are_refused(root, tmp_path, monkeypatch):
    path = tmp_path / "faces.npy"
    once = convert(root, path, size=16).frames.tobytes()
    monkeypatch.setattr(voxceleb, "read_sequence", lambda *_, **__: 1 / 0)
    assert convert(root, path, size=16).frames.tobytes() == once
    with pytest.raises(DataError, match="other settings"):
        convert(root, path, size=24)
    write_folder(root / "Carol/1")
    with pytest.raises(DataError, match="other data"):
        convert(root, path, size=16)


def test_an_interrupted_conversion_continues(root, tmp_path, monkeypatch):
    whole = convert(root, tmp_path / "whole/faces.npy", size=16, workers=1)
    real, calls = voxceleb.read_sequence, []

    def interrupted(sequence, **options):
        if len(calls) == 3:
            raise KeyboardInterrupt
        return count(sequence, **options)

    def count(sequence, **options):
        calls.append(sequence)
        return real(sequence, **options)

    monkeypatch.setattr(voxceleb, "read_sequence", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert(root, tmp_path / "faces.npy", size=16, workers=1)
    assert not (tmp_path / "faces.npy").exists()
    monkeypatch.setattr(voxceleb, "read_sequence", count)
    found = convert(root, tmp_path / "faces.npy", size=16, workers=2)
    assert len(calls) == 3 + 2  # the first three were there
    assert (tmp_path / "faces.npy").read_bytes() == (tmp_path / "whole/faces.npy").read_bytes()
    assert (found.starts, found.people) == (whole.starts, whole.people)


@pytest.mark.parametrize("damaged", ["faces.npy", "faces.json"])
def test_a_damaged_file_is_made_anew(root, tmp_path, damaged):
    convert(root, tmp_path / "faces.npy", size=16)
    sound = (tmp_path / "faces.npy").read_bytes()
    (tmp_path / damaged).write_bytes((tmp_path / damaged).read_bytes()[:-100])
    found = convert(root, tmp_path / "faces.npy", size=16)
    assert (tmp_path / "faces.npy").read_bytes() == sound and len(found.people) == len(found.starts) - 1


def test_frames_damaged_while_a_conversion_rested_are_read_again(root, tmp_path):
    convert(root, tmp_path / "faces.npy", size=16)
    sound = (tmp_path / "faces.npy").read_bytes()
    (tmp_path / "faces.npy").unlink()  # killed before the last renaming
    (tmp_path / "faces.partial.npy").write_bytes(sound[:300] + bytes([sound[300] ^ 1]) + sound[301:])
    convert(root, tmp_path / "faces.npy", size=16)
    assert (tmp_path / "faces.npy").read_bytes() == sound


def test_a_killed_conversion_continues(root, tmp_path):
    """SIGKILL while frames are written that are not in the record yet."""
    whole = convert(root, tmp_path / "whole/faces.npy", size=16)
    code = f"""
import os, signal
from pathlib import Path
from selfme_lib.data import voxceleb
keep, voxceleb._RECORD_EVERY = voxceleb._keep, 0.0
def killed(file, path, record):
    if record["done"] == 4:
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    keep(file, path, record)
voxceleb._keep = killed
voxceleb.convert(Path({str(root)!r}), Path({str(tmp_path / "faces.npy")!r}), size=16)
"""
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "faces.partial.npy").exists() and not (tmp_path / "faces.npy").exists()
    found = convert(root, tmp_path / "faces.npy", size=16)
    assert np.array_equal(found.frames, whole.frames)
    assert found.starts == whole.starts


def empty_video(root):
    return root / "test/id10001#other#1#2.mp4", b"", "empty file"


def cut_video(root):
    path = root / "test/id10001#other#1#2.mp4"
    return path, path.read_bytes()[:-100], "truncated video"


def text_video(root):
    return root / "test/id10001#other#1#2.mp4", b"<html>404</html>", "not an MP4, AVI"


def damaged_video(root):
    path = root / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4"
    content = bytearray(path.read_bytes())
    data = content.index(b"mdat")
    content[data + 4 : data + 300] = b"\xff" * 296
    return path, bytes(content), "cannot be decoded"


def empty_image(root):
    return root / FACES / "0000050.jpg", b"", "empty file"


def cut_image(root):
    path = root / FACES / "0000050.jpg"
    return path, path.read_bytes()[:200], "truncated image"


@pytest.mark.parametrize("damage", [empty_video, cut_video, text_video, damaged_video, empty_image, cut_image])
def test_what_is_broken_stops_the_conversion_or_is_skipped(root, tmp_path, damage):
    path, content, words = damage(root)
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as error:
        convert(root, tmp_path / "faces.npy", size=16)
    assert str(path) in str(error.value)
    assert not (tmp_path / "faces.npy").exists()
    found = convert(root, tmp_path / "other.npy", size=16, skip_broken=True)
    assert (len(found.people), len(found.skipped)) == (4, 1)
    assert words in found.skipped[0].line and found.skipped[0].file == path


def test_what_was_repaired_is_converted(root, tmp_path):
    path, content, _ = cut_image(root)
    sound = path.read_bytes()
    path.write_bytes(content)
    convert(root, tmp_path / "faces.npy", size=16, skip_broken=True)
    path.write_bytes(sound)
    with pytest.raises(DataError, match="other data"):
        convert(root, tmp_path / "faces.npy", size=16, skip_broken=True)


def test_a_useless_folder_is_refused_in_one_line(tmp_path):
    with pytest.raises(DataError, match="missing: no such folder"):
        convert(tmp_path / "missing", tmp_path / "faces.npy", size=16)
    with pytest.raises(DataError, match="no folder with two or more images"):
        convert(tmp_path, tmp_path / "faces.npy", size=16)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file where a folder"):
        convert(tmp_path / "file", tmp_path / "faces.npy", size=16)
    for video in "xyz":
        write_folder(tmp_path / "id10001" / video)
    for root in (tmp_path, tmp_path / "id10001"):
        with pytest.raises(DataError, match="only one person, id10001, in 3 sequences"):
            convert(root, tmp_path / "faces.npy", size=16)
    assert not (tmp_path / "faces.npy").exists()


def test_nothing_but_broken_sequences(tmp_path):
    for person in "ab":
        write_folder(tmp_path / person)
        for file in (tmp_path / person).iterdir():
            file.write_bytes(b"")
    with pytest.raises(DataError, match="every sequence is broken"):
        convert(tmp_path, tmp_path / "faces.npy", size=16, skip_broken=True)


def test_a_losslessly_trimmed_video_is_not_called_damaged(root, tmp_path):
    trim(root / "dev/mp4/id00012/21Uxsk56VDQ/00001.mp4", (4, 9))
    found = convert(root, tmp_path / "faces.npy", size=16, frames=4)
    assert np.abs(found.frames[3:7, 8, 8, 0].astype(int) - [80, 120, 140, 180]).max() <= 4


def test_after_a_refusal_skip_broken_goes_on_with_the_same_folder(root, tmp_path):
    """The refused run leaves a record, which is not "made of other data"; without the option it is refused again."""
    path, content, words = cut_video(root)
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(DataError, match=words):
            convert(root, tmp_path / "faces.npy", size=16)
    found = convert(root, tmp_path / "faces.npy", size=16, skip_broken=True)
    assert (len(found.people), [fault.file for fault in found.skipped]) == (4, [path])
    with pytest.raises(DataError, match=rf"{path.name}: {words}.*left out by --skip-broken"):
        convert(root, tmp_path / "faces.npy", size=16)
    again = convert(root, tmp_path / "faces.npy", size=16, skip_broken=True)
    assert again.skipped == found.skipped


def test_videos_and_pictures_with_other_suffixes_are_read_or_named(root, tmp_path):
    write_video(root / "dev/mp4/id00013/a/b.avi")
    write_video(root / "dev/mp4/id00014/a/b.mkv")
    assert {"id00013", "id00014"} <= set(convert(root, tmp_path / "faces.npy", size=16).people)
    (root / "dev/mp4/id00014/a/c.wmv").write_bytes(b"...")
    (root / "id00015").mkdir()
    for name in ("1.tif", "2.tif"):
        cv2.imwrite(str(root / "id00015" / name), np.zeros((20, 20, 3), np.uint8))
    found = convert(root, tmp_path / "other.npy", size=16, skip_broken=True)
    lines = [fault.line for fault in found.skipped]
    assert len(lines) == 2 and "c.wmv: a video in a format that is not read; save it as MP4" in lines[0]
    assert "1.tif: TIFF, not a JPEG, BMP or PNG image; save it as PNG" in lines[1]
