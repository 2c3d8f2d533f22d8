import os
import stat
import struct
import zipfile

import numpy as np
import pytest

from selfme_lib.app import cli
from selfme_lib.runtime import files
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import ArchiveError, atomic_path, finished, read_arrays, read_json, read_yaml, write_json


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    place = tmp_path / "new" / "file.txt"
    with pytest.raises(RuntimeError), atomic_path(place) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(place.parent.iterdir()) == []
    with atomic_path(place) as temporary:
        temporary.write_text("whole")
        assert temporary.suffix == ".txt" and not place.exists()
    assert place.read_text() == "whole" and list(place.parent.iterdir()) == [place]


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_so_is_the_name(tmp_path, monkeypatch):
    said = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: said.append("sync") or fsync(handle))
    monkeypatch.setattr(os, "replace", lambda *paths: said.append("rename") or replace(*paths))
    write_json(tmp_path / "a.json", 1)
    assert said == (["sync", "rename", "sync"] if os.name == "posix" else ["sync", "rename"])


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_that_the_umask_grants(tmp_path, umask):
    before = os.umask(umask)
    try:
        write_json(tmp_path / "a.json", 1)
        with atomic_path(tmp_path / "b.safetensors") as temporary:
            temporary.unlink()  # as writers do that put a private file of their own in its place
            temporary.touch(0o600)
    finally:
        os.umask(before)
    for name in ("a.json", "b.safetensors"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


@pytest.mark.skipif(os.name != "posix", reason="links and devices of POSIX")
def test_a_link_is_followed_and_a_device_is_refused(tmp_path):
    (tmp_path / "real.json").write_text("0")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    write_json(tmp_path / "link.json", 1)
    assert (tmp_path / "link.json").is_symlink() and read_json(tmp_path / "real.json") == 1
    os.mkfifo(tmp_path / "pipe")
    for place in ("/dev/null", tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError), atomic_path(place):
            pass


def test_what_is_still_being_written_is_not_among_the_finished_files(tmp_path):
    write_json(tmp_path / "05_a.json", 1)
    with atomic_path(tmp_path / "05_b.json") as temporary:
        assert temporary in list(tmp_path.glob("*_*.json")), "a plain pattern finds it"
        assert finished(tmp_path, "*_*.json") == [tmp_path / "05_a.json"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b""])
def test_damaged_json_is_one_line(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: damaged, not JSON") as error:
        read_json(tmp_path / "a.json")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb: 2\na: 3", "in line 3 (a is given twice)"),
        ("data: {size: 1, size: 2}", "in line 1 (size is given twice)"),
        ("a: &x [1, 2]\nb: [*x, *x]", "aliases are not allowed"),
        ("a: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
        ("a: [", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("just words", "expected `name: value` lines"),
    ],
)
def test_yaml_that_is_damaged_ambiguous_or_hostile_is_one_line(tmp_path, text, reason):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"a\.yaml") as error:
        read_yaml(tmp_path / "a.yaml")
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_yaml_that_is_no_text_or_is_not_there(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    for name in ("a.yaml", "missing.yaml"):
        with pytest.raises(UsageError, match=name):
            read_yaml(tmp_path / name)


def claim(path, size):
    """Let the directory of a zip archive say that its one entry unpacks to `size` bytes."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<I", size)
    path.write_bytes(content)


def test_arrays_come_back_as_they_were_stored(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", one=np.eye(3), names=np.array(["AU1", "AU2"]))
    stored = read_arrays(tmp_path / "a.npz")
    assert list(stored) == ["one", "names"] and (stored["one"] == np.eye(3)).all() and stored["names"][1] == "AU2"


def hostile_header(path):
    """An array of a terabyte, according to its own header."""
    with zipfile.ZipFile(path, "w") as archive, archive.open("a.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(entry, {"descr": "<f8", "fortran_order": False, "shape": (2**37,)})


HOSTILE = {
    "unpacks to 2,048 MB, more than 1,024 MB": lambda path: np.savez(path, a=np.zeros(9)) or claim(path, 2**31),
    "Unable to allocate|cannot reshape|EOF": hostile_header,
    "allow_pickle=False": lambda path: np.savez(path, a=np.array([{}], dtype=object)),
    "File is not a zip file": lambda path: path.write_bytes(b"PK\x03\x04 half a file"),
    "Bad CRC-32": lambda path: np.savez_compressed(path, a=np.zeros(2**16)) or claim(path, 2**10),
}


@pytest.mark.parametrize("words", HOSTILE)
def test_arrays_that_are_damaged_or_hostile_cost_neither_time_nor_memory(words, tmp_path):
    HOSTILE[words](tmp_path / "a.npz")
    with pytest.raises(ValueError, match=words):
        read_arrays(tmp_path / "a.npz")


def test_an_archive_may_unpack_to_the_limit_and_no_further(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", a=np.zeros(1000))
    monkeypatch.setattr(files, "LARGEST_ARRAYS", 8128)  # 8000 bytes and a header
    assert read_arrays(tmp_path / "a.npz")["a"].shape == (1000,)
    monkeypatch.setattr(files, "LARGEST_ARRAYS", 8127)
    with pytest.raises(ArchiveError, match="unpacks to"):
        read_arrays(tmp_path / "a.npz")


@pytest.mark.parametrize("said", [OSError(28, "No space left on device"), OSError("100 requested and 0 written")])
def test_a_full_disk_leaves_what_was_there_and_is_told_with_the_files_name(tmp_path, monkeypatch, capfd, said):
    path = tmp_path / "a.json"
    write_json(path, 1)

    def full():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise said

    monkeypatch.setattr("selfme_lib.evaluation.metrics.read_predictions", lambda *_, **__: full())
    assert cli.run(["score", "predictions.csv"]) == 1
    error = capfd.readouterr().err
    assert error.startswith(f"selfme: {path}: ") and error.count("\n") == 1
    assert "make room and give the same command again: what was finished is kept" in error
    assert read_json(path) == 1 and list(tmp_path.iterdir()) == [path]
