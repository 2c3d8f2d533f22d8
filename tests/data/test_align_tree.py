import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import recordings
import trees

from selfme_lib.app import cli
from selfme_lib.data import load_clips, read_frame
from selfme_lib.data.align_tree import align_tree
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json
from selfme_lib.synthme import Pose, neutral_face


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A SMIC as recorded: two clips with faces in their frames."""
    root = tmp_path_factory.mktemp("smic")
    for clip, person in (("s1_po_01", 0), ("s1_ne_01", 1)):
        for number in range(98, 102):
            path = root / f"SMIC_HS_E/s01/{clip}/image{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = recordings.no_face() if (clip, number) == ("s1_ne_01", 100) else recordings.record(person)
            cv2.imwrite(str(path), picture[..., ::-1])
    (root / "notes.csv").write_text("a,b\n")
    return root


def test_a_tree_is_read_as_before_with_the_face_in_its_place(raw, tmp_path):
    faults = align_tree(raw, tmp_path / "out", size=64)
    (note,) = faults
    assert note.severity == "note" and note.file == raw / "SMIC_HS_E/s01/s1_ne_01/image100.jpg"
    before, after = load_clips("smic", raw), load_clips("smic", tmp_path / "out")
    assert [clip.key for clip in before] == [clip.key for clip in after]
    assert [clip.frame_numbers for clip in before] == [clip.frame_numbers for clip in after]
    assert not before[0].cropped and after[0].cropped
    assert read_frame(after[0].onset_path).shape == (3, 64, 64)
    assert (tmp_path / "out/notes.csv").read_text() == "a,b\n"
    record = read_json(tmp_path / "out/aligned.json")
    assert record["sequences"]["SMIC_HS_E/s01/s1_ne_01"]["without_face"] == ["image100.jpg"]


def test_finished_folders_are_not_repeated(raw, tmp_path):
    align_tree(raw, tmp_path / "out", size=64)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    shutil.rmtree(tmp_path / "out/SMIC_HS_E/s01/s1_po_01")
    assert len(align_tree(raw, tmp_path / "out", size=64)) == 1
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert set(again) == set(times)
    assert sum(times[path] == again[path] for path in times) == 4
    with pytest.raises(DataError, match="another size"):
        align_tree(raw, tmp_path / "out", size=32)


def test_a_folder_with_other_content_is_not_touched(raw, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="not empty"):
        align_tree(raw, tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="no images and no video"):
        align_tree(tmp_path / "nothing", tmp_path / "out")


def write_video(path: Path, pictures) -> None:
    video = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (recordings.SIZE, recordings.SIZE))
    for picture in pictures:
        video.write(picture[..., ::-1])
    video.release()


def test_a_video_of_ones_own(tmp_path):
    poses = [Pose(shift_x=10 + step / 4, roll=0.1) for step in range(4)]
    write_video(tmp_path / "me.mp4", [recordings.record(0, pose=pose) for pose in poses] + [recordings.no_face()])
    (note,) = align_tree(tmp_path / "me.mp4", tmp_path / "out", size=64)
    assert note.file == tmp_path / "me.mp4" and note.problem == "no face in frame 5"
    names = sorted(path.name for path in (tmp_path / "out/me").iterdir())
    assert names == [f"img{number}.png" for number in range(1, 6)]
    straight = neutral_face(0, 64)
    face = cv2.imread(str(tmp_path / "out/me/img1.png"))[..., ::-1]
    assert np.corrcoef(face.ravel(), straight.ravel())[0, 1] > 0.8


def test_the_command_names_what_it_cannot_align(raw, tmp_path, monkeypatch, capfd):
    source = tmp_path / "source"
    shutil.copytree(raw / "SMIC_HS_E/s01", source / "a")
    trees.write_image(source / "b/img1.png", size=(80, 80))
    (source / "c").mkdir()
    (source / "c/img1.jpg").write_bytes(b"\xff\xd8 cut")
    trees.write_image(source / "d/img1.png", size=(80, 80))
    trees.write_image(source / "d/img2.png", size=(70, 80))
    (source / "loop").symlink_to(source)
    monkeypatch.chdir(tmp_path)
    assert cli.run(["align", "source", "out", "--size", "32"]) == 1
    captured = capfd.readouterr()
    for words in ("no face in any frame", "truncated image", "70x80 pixels, the first frame 80x80"):
        assert words in captured.out
    assert captured.err.strip().splitlines()[-1].startswith("selfme: source: 3 of the lines above are errors")
    assert sorted(path.name for path in (tmp_path / "out/a").iterdir()) == ["s1_ne_01", "s1_po_01"]
    for folder in "bcd":
        shutil.rmtree(source / folder)
    assert cli.run(["align", "source", "out", "--size", "32"]) == 0


def test_a_file_that_is_not_a_video(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name, words in (("a.avi", "not an MP4"), ("b.mp4", "not an MP4")):
        Path(name).write_bytes(b"not a video")
        assert cli.run(["align", name, f"out-{name}"]) == 1
        assert words in capfd.readouterr().out
