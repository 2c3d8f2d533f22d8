import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import recordings
import trees
from videos import write_video

from portraits import portrait
from selfme_lib.app import cli
from selfme_lib.data import load_clips, read_frame
from selfme_lib.data.align_tree import align_tree
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import read_json
from selfme_lib.synthme import Pose


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


def test_a_video_of_ones_own(tmp_path):
    poses = [Pose(shift_x=10 + step / 4, roll=0.1) for step in range(4)]
    write_video(tmp_path / "me.mp4", [recordings.record(0, pose=pose) for pose in poses] + [recordings.no_face()])
    (note,) = align_tree(tmp_path / "me.mp4", tmp_path / "out", size=64)
    assert note.file == tmp_path / "me.mp4" and note.problem == "no face in frame 5"
    names = sorted(path.name for path in (tmp_path / "out/me").iterdir())
    assert names == [f"img{number}.png" for number in range(1, 6)]
    straight = portrait(0, 64)
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
    assert captured.err.strip().splitlines()[-1].startswith("selfme: source: 3 errors in the lines above")
    assert sorted(path.name for path in (tmp_path / "out/a").iterdir()) == ["s1_ne_01", "s1_po_01"]
    for folder in "bcd":
        shutil.rmtree(source / folder)
    assert cli.run(["align", "source", "out", "--size", "32"]) == 0


def test_a_file_that_is_not_a_video(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for name, words in (("a.avi", "not an MP4"), ("b.mp4", "not an MP4")):
        Path(name).write_bytes(b"not a video")
        assert cli.run(["align", name, f"out-{Path(name).stem}"]) == 1
        assert words in capfd.readouterr().out


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.png"))}


def person(path, number, **pose):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), recordings.record(number, pose=Pose(**pose))[..., ::-1])


def test_crops_follow_their_source(tmp_path):
    """When frames are replaced, added or removed, their recording is cropped again; what is gone is said."""
    source, out = tmp_path / "source", tmp_path / "out"
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        person(source / name, 0)
    assert align_tree(source, out, size=32) == []
    before = contents(out)
    person(source / "a/1.png", 1)
    person(source / "a/3.png", 1)
    (source / "a/2.png").unlink()
    assert align_tree(source, out, size=32) == []
    after = contents(out)
    assert list(map(str, after)) == ["a/1.png", "a/3.png", "b/1.png"]
    assert after[Path("a/1.png")] != before[Path("a/1.png")] and after[Path("b/1.png")] == before[Path("b/1.png")]
    shutil.rmtree(source / "b")
    (note,) = align_tree(source, out, size=32)
    assert note.file == out / "b" and "no longer in" in note.problem and contents(out) == after


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-200])])
def test_a_resume_makes_missing_and_damaged_crops_again(tmp_path, damage):
    person(tmp_path / "source/a/1.png", 0)
    person(tmp_path / "source/a/2.png", 0)
    align_tree(tmp_path / "source", tmp_path / "out", size=32)
    whole = contents(tmp_path / "out")
    damage(tmp_path / "out/a/2.png")
    align_tree(tmp_path / "source", tmp_path / "out", size=32)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("other", ["s1.avi", "s1/1.png"])
def test_two_recordings_do_not_share_a_folder(tmp_path, other):
    (tmp_path / "source/s1").mkdir(parents=True)
    for name in ("s1.mp4", other):
        (tmp_path / "source" / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"s1.*: would be cropped into the same folder as .*s1.*; rename"):
        align_tree(tmp_path / "source", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_video_and_no_picture_is_left_out_without_a_word(tmp_path):
    source = tmp_path / "source"
    for name in ("a.avi", "b.mkv", "c.webm", "d.mov"):
        path = source / name
        write_video(path.with_suffix(".mp4") if name == "d.mov" else path, [recordings.record(0)] * 2)
    (source / "d.mp4").rename(source / "d.mov")
    for name in ("e.wmv", "f.mpg", "g/1.heic"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"\0\0\0\x18ftypheic....")
    faults = align_tree(source, tmp_path / "out", size=32)
    assert sorted({path.parent.name for path in contents(tmp_path / "out")}) == ["a", "b", "c", "d"]
    lines = [f"{fault.severity} {fault.line}" for fault in faults]
    assert [line.split(": ")[0] for line in lines] == [
        f"error {source / name}" for name in ("e.wmv", "f.mpg", "g/1.heic")
    ]
    assert all("save it as" in line for line in lines)


@pytest.mark.parametrize("degrees", [cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180])
def test_a_recording_that_was_stored_sideways_without_a_tag_is_noticed(tmp_path, degrees):
    """The detector finds no face in it, or one that is turned."""
    for number in (1, 2):
        person(tmp_path / f"source/upright/{number}.png", 0, roll=0.3)
        turned = cv2.rotate(recordings.record(0), degrees)
        (tmp_path / "source/turned").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / f"source/turned/{number}.png"), turned[..., ::-1])
    faults = align_tree(tmp_path / "source", tmp_path / "out", size=32)
    assert faults and {fault.file.name for fault in faults} <= {"turned", "1.png", "2.png"}
    said = [fault.line for fault in faults if fault.file.name == "turned"]
    assert len(said) == 1 and (
        "stored sideways?; if so, turn it upright" in said[0] or "no face in any frame; " in said[0]
    )


def test_the_umask_decides_who_may_read_the_crops(tmp_path):
    person(tmp_path / "source/a/1.png", 0)
    before = os.umask(0o077)
    try:
        align_tree(tmp_path / "source", tmp_path / "out", size=32)
    finally:
        os.umask(before)
    assert [path for path in [tmp_path / "out", *(tmp_path / "out").rglob("*")] if path.stat().st_mode & 0o077] == []


def test_kills_are_survived(tmp_path):
    """Killed after each step that can be seen on the disk and started again, `align` ends with what one run makes."""
    source = tmp_path / "source"
    for name in ("a/1.png", "a/2.png", "b/1.png"):
        person(source / name, 0)
    align_tree(source, tmp_path / "whole", size=32)
    code = f"""
import os, pathlib, signal, sys
from selfme_lib.data import align_tree
calls = 0
def counted(function):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
align_tree._RECORD_EVERY = 0
pathlib.Path.write_bytes, os.replace = counted(pathlib.Path.write_bytes), counted(os.replace)
align_tree.align_tree(pathlib.Path({str(source)!r}), pathlib.Path({str(tmp_path / "out")!r}), size=32)
"""
    for at in (3, 6, 99):
        done = subprocess.run([sys.executable, "-c", code, str(at)], env=os.environ, check=False)
    assert done.returncode == 0
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    left = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(left) == [".aligned.json.lock", "a", "aligned.json", "b"]
